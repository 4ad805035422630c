//! One rollout under way: the real deciding code, in virtual time, against traffic drawn from the world.

mod ending;
mod moments;

use staunch_analysis::{ArmLook, CohortLook, Judge, Judgement, Look, SplitLook, Standing, WarmingLook};
use staunch_model::{Histogram, Timestamp};
use staunch_rollout::{Cause, Event, IllegalEvent, Phase, Service, Snapshot, decide, desired, plan};

use crate::path::Path;
use crate::run::{Run, Trial};
use crate::stage::Stage;
use crate::traffic::{Arm, Drawn, Traffic};

/// A rollout under way.
pub(crate) struct Course<'t> {
    pub(super) trial: &'t Trial,
    pub(super) service: Service,
    pub(super) stage: Stage,
    judge: Judge,
    /// In full, since anything last changed that moves a rollout; worked out when it is asked for.
    judgement: Option<Judgement>,
    standing: Standing,
    traffic: Traffic<'t>,
    path: Option<&'t mut Path>,
    pub(super) now: i64,
    /// When the first user saw the canary.
    pub(super) first: Option<i64>,
    /// When something last changed: looks are fine after it.
    pub(super) changed: i64,
    pub(super) full: Option<i64>,
    pub(super) cause: Option<Cause>,
    pub(super) excess: f64,
    pub(super) canary_requests: u64,
    pub(super) looks: u64,
}

/// How what is compared was split.
#[derive(Clone, Copy)]
struct Compared {
    /// The canary's part of it.
    share: f64,
    /// The other part went to twins of stable.
    fresh: bool,
}

/// One turn of the real loop decides at most so often.
const DECISIONS: usize = 4;

impl<'t> Course<'t> {
    pub(crate) fn new(trial: &'t Trial, seed: u64, path: Option<&'t mut Path>) -> Self {
        let spec = &trial.spec;
        let mut service = Service::new(spec.service.clone());
        service.stable.clone_from(&spec.from);
        service.replicas = spec.replicas;
        service.wish.stable = spec.from.as_ref().map(|revision| revision.digest.clone());
        let start_ms = (trial.scene.world.start_secs * 1e3) as i64;
        Self {
            trial,
            stage: Stage::new(service.wish.clone(), spec.to.digest.clone(), start_ms),
            service,
            judge: Judge::new(&trial.question),
            judgement: None,
            standing: Standing::default(),
            traffic: Traffic::new(
                &trial.scene,
                seed,
                trial.policy.needs_latency(),
                -trial.scene.world.start_secs,
                path.is_some(),
            ),
            path,
            now: 0,
            first: None,
            changed: 0,
            full: None,
            cause: None,
            excess: 0.0,
            canary_requests: 0,
            looks: 0,
        }
    }

    pub(crate) fn run(mut self) -> Result<Run, IllegalEvent> {
        let spec = Box::new(self.trial.spec.clone());
        self.service
            .apply(Timestamp(0), &Event::Admitted { spec, by: String::new(), reason: None, given: vec![] })?;
        self.arrange();
        while !self.over() {
            self.decide()?;
            if self.over() {
                break;
            }
            let next = self.next_moment();
            self.look(next);
        }
        Ok(self.result())
    }

    fn over(&self) -> bool {
        let going_back = |phase: &Phase| matches!(phase, Phase::RollingBack { .. }) || phase.is_end();
        self.service.rollout.as_ref().is_none_or(|rollout| going_back(&rollout.phase))
            || self.now >= self.horizon()
    }

    fn decide(&mut self) -> Result<(), IllegalEvent> {
        for _ in 0..DECISIONS {
            self.judge();
            let Some(rollout) = self.service.active() else { return Ok(()) };
            let snapshot = Snapshot {
                now: Timestamp(self.now),
                observed: &self.stage.observed,
                judgement: self.judgement.as_ref(),
                budget: None,
                fired: None,
            };
            let events = decide(rollout, &snapshot);
            if events.is_empty() {
                return Ok(());
            }
            for event in &events {
                self.note(event);
                self.service.apply(Timestamp(self.now), event)?;
            }
            self.follow();
            self.arrange();
        }
        Ok(())
    }

    fn note(&mut self, event: &Event) {
        if let Event::RollbackStarted { cause, .. } = event {
            self.cause = Some(cause.clone());
        }
        let routed = matches!(event, Event::BakeStarted { .. } | Event::Succeeded { .. });
        if routed && self.full.is_none() {
            self.full = Some(self.now);
        }
    }

    /// A new split: evidence that may open its gates begins anew.
    fn follow(&mut self) {
        let wish = &self.service.wish;
        if wish.canary.is_some() {
            self.judge.enter_split(wish.generation, wish.canary_weight());
            self.conclude();
        }
        self.changed = self.now;
    }

    /// Carries out what the planner proposes; an instance that is ready at once may let traffic follow at once.
    fn arrange(&mut self) {
        let desired = desired(&self.service);
        for _ in 0..DECISIONS {
            let plan = plan(&desired, &self.stage.observed, Timestamp(self.changed));
            if plan.actions.is_empty() {
                break;
            }
            plan.actions.into_iter().for_each(|action| self.stage.execute(action));
        }
        if self.first.is_none() && self.stage.share() > 0.0 {
            (self.first, self.changed) = (Some(self.now), self.now);
        }
    }

    /// Time passes until `next`; what happened meanwhile is judged.
    fn look(&mut self, next: i64) {
        let origin = self.origin();
        let started: Vec<f64> = self.stage.serving().map(|i| (i.started.0 - origin) as f64 / 1e3).collect();
        self.traffic.serve(&started);
        let share = self.stage.share();
        let to = (next - origin) as f64 / 1e3;
        let twins = self.stage.twins();
        let fresh = twins > 0.0;
        let compared = if fresh { share / (share + twins) } else { share };
        let drawn = if fresh {
            self.traffic.until_beside_twins(to, compared, share + twins)
        } else {
            self.traffic.until(to, share)
        };
        let warming = self.warming() && !fresh;
        self.now = next;
        self.take(drawn, Compared { share: compared, fresh }, warming);
        if let (Some(path), Some(first)) = (&mut self.path, self.first) {
            path.add(self.now - first, share, &self.judge.judge());
        }
        if self.stage.wait_until(next) {
            self.arrange();
        }
    }

    fn take(&mut self, drawn: Drawn, compared: Compared, warming: bool) {
        self.looks += 1;
        self.excess += drawn.excess;
        self.canary_requests += drawn.canary.attempts;
        self.stage.answer(drawn.canary.attempts);
        let generation =
            self.stage.observed.split.as_ref().map(|split| split.wish.generation).unwrap_or_default();
        // While one instance is young the whole canary is: the product tells its instances apart and is no slower.
        let (canary, young) =
            if warming { (Arm::default(), drawn.canary) } else { (drawn.canary, Arm::default()) };
        let split = SplitLook {
            share: compared.share,
            fresh: compared.fresh,
            canary: arm(canary),
            stable: arm(drawn.stable),
            warming: WarmingLook { canary: arm(young), ..WarmingLook::default() },
            cohort: CohortLook::default(),
            strata: Vec::new(),
        };
        let splits = std::iter::once((generation, split)).collect();
        let at = Timestamp(self.now);
        self.judge.take(&Look { at, young: warming, lapsed: false, splits, gauges: Vec::new() });
        self.conclude();
        self.tell_apart();
    }

    /// What decides sees ranges of latencies.
    fn tell_apart(&mut self) {
        if self.traffic.draws_every_bucket()
            && let Some(edges) = self.judge.latency_edges()
        {
            self.traffic.tell_apart_at(edges, &self.trial.policy.quantiles());
        }
    }

    fn conclude(&mut self) {
        let standing = self.judge.standing();
        let told = standing.silent && self.trial.policy.ends_on_silence();
        if standing != self.standing || told {
            self.judgement = None;
        }
        self.standing = standing;
    }

    /// Words and bounds are only worked out when the rollout could move by them: to go back, or since its hold is
    /// over.
    fn judge(&mut self) {
        let ripe = self.hold_ends().is_some_and(|end| self.now >= end);
        let told = self.standing.silent && self.trial.policy.ends_on_silence();
        if !(ripe || told || self.standing.failed) {
            self.judgement = None;
        } else if self.judgement.is_none() {
            self.judgement = Some(self.judge.judge_briefly());
        }
    }
}

fn arm(drawn: Arm) -> ArmLook {
    ArmLook {
        assigned: drawn.attempts,
        attempts: drawn.attempts,
        failed: drawn.failed,
        clients: drawn.clients,
        latency: Histogram(drawn.latency),
    }
}
