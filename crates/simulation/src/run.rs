//! One seed: the real deciding code, in virtual time, against traffic drawn from the world.

use serde::{Deserialize, Serialize};
use staunch_analysis::{ArmLook, Judge, Judgement, Look, Question, SplitLook};
use staunch_model::{Histogram, RolloutSpec, Timestamp};
use staunch_rollout::{Cause, Event, IllegalEvent, Phase, Service, Snapshot, decide, desired, plan};

use crate::looks::Looks;
use crate::path::Path;
use crate::policy::Policy;
use crate::stage::Stage;
use crate::traffic::{Arm, Drawn, Scene, Traffic};

/// A policy and a world made ready for any number of seeds.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    pub(crate) scene: Scene,
    pub(crate) policy: Policy,
    pub(crate) looks: Looks,
    spec: RolloutSpec,
    question: Question,
}

/// How a rollout ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    Promoted,
    /// By evidence: a gate, or harm found by all evidence together.
    Blamed,
    /// Taken back for another reason: a deadline, or silence where the file asks to abort.
    GaveUp,
    /// Still under way at the horizon.
    Unfinished,
}

/// One seed's rollout. Seconds count from the canary's first user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Run {
    pub end: End,
    /// Why it was taken back: the gate, `harm` for all evidence together, or the code of another cause.
    pub cause: Option<String>,
    pub at_secs: f64,
    /// When the promotion was routed.
    pub full_secs: Option<f64>,
    /// The canary's failures less what stable's error share lets expect of its requests.
    pub excess: f64,
    pub canary_requests: u64,
    pub looks: u64,
}

impl Trial {
    pub(crate) fn new(policy: &Policy, scene: Scene, looks: Looks) -> Self {
        let spec = policy.rollout();
        let question = Question::of(&spec, policy.sticky);
        Self { scene, looks: looks.sane(), policy: policy.clone(), spec, question }
    }

    pub(crate) fn run(&self, seed: u64) -> Run {
        self.watched(seed, None)
    }

    /// The same, with each look's judgement kept.
    pub(crate) fn watched(&self, seed: u64, path: Option<&mut Path>) -> Run {
        // An illegal event would be a fault of the state machine itself: the rollout ends where it stands.
        Course::new(self, seed, path).run().unwrap_or_else(|illegal| {
            debug_assert!(false, "{illegal}");
            Run {
                end: End::Unfinished,
                cause: None,
                at_secs: 0.0,
                full_secs: None,
                excess: 0.0,
                canary_requests: 0,
                looks: 0,
            }
        })
    }
}

/// A rollout under way.
struct Course<'t> {
    trial: &'t Trial,
    service: Service,
    stage: Stage,
    judge: Judge,
    judgement: Option<Judgement>,
    traffic: Traffic<'t>,
    path: Option<&'t mut Path>,
    now: i64,
    /// When the first user saw the canary.
    first: Option<i64>,
    /// When something last changed: looks are fine after it.
    changed: i64,
    full: Option<i64>,
    cause: Option<Cause>,
    excess: f64,
    canary_requests: u64,
    looks: u64,
}

/// One turn of the real loop decides at most so often.
const DECISIONS: usize = 4;

impl<'t> Course<'t> {
    fn new(trial: &'t Trial, seed: u64, path: Option<&'t mut Path>) -> Self {
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
            traffic: Traffic::new(&trial.scene, seed, trial.policy.needs_latency()),
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

    fn run(mut self) -> Result<Run, IllegalEvent> {
        let spec = Box::new(self.trial.spec.clone());
        self.service.apply(Timestamp(0), &Event::Admitted { spec, by: String::new(), reason: None })?;
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

    fn horizon(&self) -> i64 {
        self.first.unwrap_or(0).saturating_add((self.trial.scene.world.horizon_secs * 1e3) as i64)
    }

    fn onset(&self) -> Option<i64> {
        Some(self.first? + (self.trial.scene.world.onset_secs * 1e3) as i64)
    }

    fn decide(&mut self) -> Result<(), IllegalEvent> {
        for _ in 0..DECISIONS {
            let Some(rollout) = self.service.active() else { return Ok(()) };
            let snapshot = Snapshot {
                now: Timestamp(self.now),
                observed: &self.stage.observed,
                judgement: self.judgement.as_ref(),
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
            self.judgement = self.judgement.take().map(|_| self.judge.judge());
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

    /// The next look, or what comes before it.
    fn next_moment(&self) -> i64 {
        let onset = self.onset();
        let since =
            onset.filter(|onset| *onset <= self.now).map_or(self.changed, |onset| onset.max(self.changed));
        let look = self.now + self.trial.looks.span_ms(self.now - since);
        let look = if self.first.is_some() { look } else { self.horizon() };
        let due = [onset, self.stage.next_ready(), self.hold_ends(), self.warm_up_ends()];
        let due = due.into_iter().flatten().filter(|due| *due > self.now);
        due.fold(look, i64::min).min(self.horizon())
    }

    /// When the present step or the bake has lasted long enough.
    fn hold_ends(&self) -> Option<i64> {
        let rollout = self.service.active()?;
        match rollout.phase {
            Phase::Progressing { step, .. } => {
                let hold = rollout.spec.canary.steps.get(step)?.hold;
                Some(self.stage.observed.split.as_ref()?.since.plus(hold).0)
            }
            Phase::Baking { until, .. } => Some(until.0),
            Phase::Pending
            | Phase::Preparing
            | Phase::Promoting
            | Phase::Succeeded
            | Phase::RollingBack { .. }
            | Phase::RolledBack { .. }
            | Phase::Rejected { .. } => None,
        }
    }

    fn warm_up_ends(&self) -> Option<i64> {
        let warm_up = self.trial.spec.evidence.warm_up;
        self.stage
            .serving()
            .map(|instance| instance.started.plus(warm_up).0)
            .filter(|end| *end > self.now)
            .min()
    }

    /// Some instance of the canary is younger than its warm-up, by the clock and by its requests.
    fn warming(&self) -> bool {
        let evidence = &self.trial.spec.evidence;
        self.stage.serving().any(|instance| {
            let age = Timestamp(self.now).since(instance.started);
            age < evidence.warm_up && instance.attempts < evidence.warm_up_requests
        })
    }

    /// Time passes until `next`; what happened meanwhile is judged.
    fn look(&mut self, next: i64) {
        if let Some(first) = self.first {
            let started: Vec<f64> =
                self.stage.serving().map(|i| (i.started.0 - first) as f64 / 1e3).collect();
            self.traffic.serve(&started);
            let share = self.stage.share();
            let drawn = self.traffic.until((next - first) as f64 / 1e3, share);
            let warming = self.warming();
            self.now = next;
            self.take(drawn, share, warming);
        }
        self.now = next;
        if self.stage.wait_until(next) {
            self.arrange();
        }
    }

    fn take(&mut self, drawn: Drawn, share: f64, warming: bool) {
        self.looks += 1;
        self.excess += drawn.excess;
        self.canary_requests += drawn.canary.attempts;
        self.stage.answer(drawn.canary.attempts);
        let generation =
            self.stage.observed.split.as_ref().map(|split| split.wish.generation).unwrap_or_default();
        let split =
            SplitLook { share, canary: arm(drawn.canary), stable: arm(drawn.stable), strata: Vec::new() };
        let splits = std::iter::once((generation, split)).collect();
        self.judge.take(&Look { at: Timestamp(self.now), warming, lapsed: false, splits });
        let judgement = self.judge.judge();
        if let Some(path) = &mut self.path {
            path.add(self.now - self.first.unwrap_or(self.now), share, &judgement);
        }
        self.judgement = Some(judgement);
    }

    fn by_evidence(&self) -> bool {
        matches!(self.cause, Some(Cause::Gate { .. } | Cause::Harm { .. }))
    }

    fn result(&self) -> Run {
        let first = self.first.unwrap_or(self.now);
        let secs = |at: i64| (at - first) as f64 / 1e3;
        let end = match self.service.rollout.as_ref().map(|rollout| &rollout.phase) {
            Some(Phase::Succeeded) => End::Promoted,
            Some(Phase::RollingBack { .. } | Phase::RolledBack { .. }) if self.by_evidence() => End::Blamed,
            Some(Phase::RollingBack { .. } | Phase::RolledBack { .. } | Phase::Rejected { .. }) => {
                End::GaveUp
            }
            Some(
                Phase::Pending
                | Phase::Preparing
                | Phase::Progressing { .. }
                | Phase::Promoting
                | Phase::Baking { .. },
            )
            | None => End::Unfinished,
        };
        Run {
            end,
            cause: self.cause.as_ref().map(name),
            at_secs: secs(self.now),
            full_secs: self.full.map(secs),
            excess: self.excess,
            canary_requests: self.canary_requests,
            looks: self.looks,
        }
    }
}

fn name(cause: &Cause) -> String {
    if let Cause::Gate { gate, .. } = cause { gate.clone() } else { cause.code().to_owned() }
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
