//! One rollout: the fold of its events.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use staunch_model::{
    Capacity, RolloutKind, RolloutSpec, ShadowSpec, SmokeKey, SplitGeneration, Step, Timestamp, Weight,
    duration_ms,
};

use crate::event::salt;
use crate::{
    BudgetCost, BudgetEvent, Cause, Event, FreezePass, InfraState, MirrorWish, Pace, Phase, SplitWish,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    pub spec: RolloutSpec,
    pub phase: Phase,
    /// The traffic this rollout wishes for now.
    pub wish: SplitWish,
    pub admitted: Timestamp,
    /// When the present phase or step was entered.
    pub entered: Timestamp,
    /// How long it has been paused since then, the present pause not counted.
    #[serde(default, with = "duration_ms")]
    pub paused: Duration,
    pub ended: Option<Timestamp>,
    pub by: String,
    /// Two people let it pass a freeze of the budget.
    #[serde(default)]
    pub pass: Option<FreezePass>,
    /// What it took of the error budget; known when it has ended.
    #[serde(default)]
    pub cost: Option<BudgetCost>,
    /// The strategy's checks that were satisfied.
    #[serde(default)]
    pub checked: BTreeSet<SmokeKey>,
    /// How far the commands around it have come.
    #[serde(default)]
    pub infra: InfraState,
}

/// An event that cannot happen in this phase: a bug or a damaged journal, never a silent no-op.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{event}` cannot happen while {phase}")]
pub struct IllegalEvent {
    pub event: &'static str,
    pub phase: &'static str,
}

impl Rollout {
    pub fn admit(spec: RolloutSpec, generation: SplitGeneration, by: String, at: Timestamp) -> Self {
        let stable = spec.from.as_ref().map(|revision| revision.digest.clone());
        let salt = salt(spec.id);
        let wish =
            SplitWish { generation, salt, stable, canary: None, mirror: None, twins: false, who: None };
        Self {
            spec,
            phase: Phase::Pending,
            wish,
            admitted: at,
            entered: at,
            paused: Duration::ZERO,
            ended: None,
            by,
            pass: None,
            cost: None,
            checked: BTreeSet::new(),
            infra: InfraState::default(),
        }
    }

    pub fn is_active(&self) -> bool {
        !self.phase.is_end()
    }

    /// The steps before the promotion. Only a canary beside a revision that serves has any: the first revision and
    /// a rollback by a person go to 100 % at once.
    pub(crate) fn steps(&self) -> &[Step] {
        let gradual = self.spec.kind == RolloutKind::Canary && self.spec.from.is_some();
        if gradual { &self.spec.strategy.steps } else { &[] }
    }

    /// Its instances are replaced one by one, and no traffic is routed.
    pub fn is_rolling(&self) -> bool {
        self.spec.strategy.rolling.is_some()
    }

    /// There are gates, and the path asks them.
    pub(crate) fn asks(&self) -> bool {
        !(self.spec.gates.is_empty() && self.spec.gauges.is_empty() || self.spec.strategy.by_time)
    }

    /// The share of the full number of instances that a weight of the canary needs.
    pub(crate) fn capacity_for(&self, weight: Weight) -> Weight {
        match self.spec.strategy.capacity {
            Capacity::Share => self.who().map_or(weight, |who| who.reach(weight)),
            Capacity::Full => Weight::FULL,
        }
    }

    /// Instances of the new revision that must be ready before its first user.
    pub(crate) fn first_needed(&self) -> u32 {
        self.capacity_for(self.first_share()).of_replicas(self.spec.replicas)
    }

    /// The stage before the steps, which the same rollouts have.
    pub(crate) fn shadow(&self) -> Option<&ShadowSpec> {
        let gradual = self.spec.kind == RolloutKind::Canary && self.spec.from.is_some();
        self.spec.strategy.shadow.as_ref().filter(|_| gradual)
    }

    /// The share of the full number of instances that the first stage needs.
    pub(crate) fn first_share(&self) -> Weight {
        let step = || self.steps().first().map_or(Weight::FULL, |step| step.weight);
        self.shadow().map_or_else(step, |shadow| shadow.mirror.share)
    }

    /// The only place where a phase changes.
    pub fn apply(&mut self, at: Timestamp, event: &Event) -> Result<(), IllegalEvent> {
        let next = self.next_phase(at, event)?;
        self.move_wish(event);
        self.note_infra(event);
        let changed = next != self.phase;
        match (event, self.phase.pace()) {
            (Event::Resumed { .. }, Some(Pace::Paused { since, .. })) => self.paused += at.since(*since),
            (Event::Paused { .. } | Event::Resumed { .. }, _) => {}
            (_, _) if changed => (self.entered, self.paused) = (at, Duration::ZERO),
            (_, _) => {}
        }
        self.note_budget(event);
        self.phase = next;
        if let Event::SmokePassed { key, .. } = event {
            self.checked.insert(key.clone());
        }
        if changed && self.phase.is_end() {
            self.ended = Some(at);
        }
        Ok(())
    }

    fn note_budget(&mut self, event: &Event) {
        let Event::Budget { entry } = event else { return };
        match entry {
            BudgetEvent::Passed { pass } => self.pass = Some(pass.clone()),
            BudgetEvent::Charged { cost } => self.cost = Some(*cost),
            BudgetEvent::Frozen { .. } | BudgetEvent::Thawed { .. } => {}
        }
    }

    fn note_infra(&mut self, event: &Event) {
        if let Event::InfraStarted { step } = event {
            self.infra.begin(*step);
        }
        if let Event::InfraRan { run } = event {
            self.infra.end(run);
        }
    }

    fn next_phase(&self, at: Timestamp, event: &Event) -> Result<Phase, IllegalEvent> {
        let illegal = || IllegalEvent { event: event.kind(), phase: self.phase.name() };
        let next = match event {
            Event::Admitted { .. } => None,
            Event::PreparationStarted => (self.phase == Phase::Pending).then_some(Phase::Preparing),
            Event::ShadowStarted { .. } => (self.phase == Phase::Preparing && self.shadow().is_some())
                .then_some(Phase::Shadowing { pace: Pace::Automatic }),
            Event::ShadowPassed { .. } => self.is_shadowing().then(|| self.phase.clone()),
            Event::ShadowEnded { because, .. } => {
                self.is_shadowing().then(|| Phase::Shadowed { because: because.clone() })
            }
            Event::StepEntered { step, .. } => self.enter_step(*step),
            Event::StepPassed { step, .. } => self.at_step(*step).then(|| self.phase.clone()),
            Event::PromotionStarted { .. } => self.may_promote().then_some(Phase::Promoting),
            Event::BakeStarted { until, .. } => (self.phase == Phase::Promoting)
                .then_some(Phase::Baking { until: *until, pace: Pace::Automatic }),
            Event::Succeeded { .. } => {
                matches!(self.phase, Phase::Promoting | Phase::Baking { .. }).then_some(Phase::Succeeded)
            }
            Event::Paused { by, reason } => {
                self.with_pace(Pace::Paused { by: by.clone(), reason: reason.clone(), since: at })
            }
            Event::Resumed { .. } => self.with_pace(Pace::Automatic),
            Event::RollbackStarted { cause, .. } => self.begin_rollback(cause),
            Event::RolledBack => self.finish_rollback(),
            Event::Rejected { because } => {
                (self.phase == Phase::Pending).then(|| Phase::Rejected { because: because.clone() })
            }
            Event::ExposureLapsed { .. } => self.phase.is_leased().then(|| self.phase.clone()),
            Event::SmokePassed { key, .. } => {
                (self.phase == Phase::Preparing && key.rollout == self.spec.id).then(|| self.phase.clone())
            }
            Event::InfraStarted { .. } | Event::InfraRan { .. } => {
                self.is_active().then(|| self.phase.clone())
            }
            Event::Vetted { .. }
            | Event::TrafficShifted { .. }
            | Event::GateChanged { .. }
            | Event::FindingRaised { .. }
            | Event::InstanceExited { .. }
            | Event::Scaled { .. }
            | Event::EvidenceCaptured { .. }
            | Event::Policy { .. }
            | Event::Budget { .. } => Some(self.phase.clone()),
        };
        next.ok_or_else(illegal)
    }

    fn enter_step(&self, step: usize) -> Option<Phase> {
        let known = step < self.steps().len();
        let follows = match self.phase {
            Phase::Preparing => step == 0 && self.shadow().is_none(),
            Phase::Shadowing { .. } => step == 0,
            Phase::Progressing { step: now, .. } => step == now + 1,
            Phase::Pending
            | Phase::Promoting
            | Phase::Baking { .. }
            | Phase::Succeeded
            | Phase::Shadowed { .. }
            | Phase::RollingBack { .. }
            | Phase::RolledBack { .. }
            | Phase::Rejected { .. } => false,
        };
        (known && follows).then_some(Phase::Progressing { step, pace: Pace::Automatic })
    }

    fn at_step(&self, step: usize) -> bool {
        self.phase.step() == Some(step)
    }

    fn is_shadowing(&self) -> bool {
        matches!(self.phase, Phase::Shadowing { .. })
    }

    fn may_promote(&self) -> bool {
        let from_start = self.phase == Phase::Preparing && self.steps().is_empty() && self.shadow().is_none();
        from_start || self.is_shadowing() || matches!(self.phase, Phase::Progressing { .. })
    }

    fn with_pace(&self, new: Pace) -> Option<Phase> {
        let turns = match (self.phase.pace()?, &new) {
            (Pace::Automatic, Pace::Paused { .. }) | (Pace::Paused { .. }, Pace::Automatic) => true,
            (Pace::Automatic, Pace::Automatic) | (Pace::Paused { .. }, Pace::Paused { .. }) => false,
        };
        let phase = match self.phase {
            Phase::Shadowing { .. } => Phase::Shadowing { pace: new },
            Phase::Progressing { step, .. } => Phase::Progressing { step, pace: new },
            Phase::Baking { until, .. } => Phase::Baking { until, pace: new },
            Phase::Pending
            | Phase::Preparing
            | Phase::Promoting
            | Phase::Succeeded
            | Phase::Shadowed { .. }
            | Phase::RollingBack { .. }
            | Phase::RolledBack { .. }
            | Phase::Rejected { .. } => return None,
        };
        turns.then_some(phase)
    }

    fn begin_rollback(&self, cause: &Cause) -> Option<Phase> {
        let already = matches!(self.phase, Phase::RollingBack { .. });
        (self.is_active() && !already).then(|| Phase::RollingBack { cause: cause.clone() })
    }

    fn finish_rollback(&self) -> Option<Phase> {
        match &self.phase {
            Phase::RollingBack { cause } => Some(Phase::RolledBack { cause: cause.clone() }),
            Phase::Pending
            | Phase::Preparing
            | Phase::Shadowing { .. }
            | Phase::Progressing { .. }
            | Phase::Promoting
            | Phase::Baking { .. }
            | Phase::Succeeded
            | Phase::Shadowed { .. }
            | Phase::RolledBack { .. }
            | Phase::Rejected { .. } => None,
        }
    }

    /// The share after the promotion: all but what is held back, and never less than before.
    fn promoted(&self) -> Weight {
        let canary = &self.spec.strategy;
        let held_back = self.spec.kind == RolloutKind::Canary && !canary.bake.is_zero();
        let share = if held_back { canary.holdback.complement() } else { Weight::FULL };
        share.max(self.wish.canary_weight())
    }

    fn mirror(&self) -> Option<MirrorWish> {
        let spec = self.shadow()?.mirror.clone();
        Some(MirrorWish { revision: self.spec.to.digest.clone(), spec })
    }

    fn move_wish(&mut self, event: &Event) {
        let to = self.spec.to.digest.clone();
        match event {
            Event::ShadowStarted { generation } => {
                self.wish.generation = *generation;
                self.wish.mirror = self.mirror().map(Box::new);
            }
            Event::ShadowEnded { generation, .. } => {
                self.wish.generation = *generation;
                self.wish.mirror = None;
            }
            Event::StepEntered { weight, generation, .. } => {
                self.wish.generation = *generation;
                self.wish.mirror = None;
                self.wish.twins = self.twinned().is_some();
                self.wish.who = self.who().cloned().map(Box::new);
                self.wish.canary = Some((to, *weight));
            }
            Event::PromotionStarted { generation, .. } => {
                self.wish.generation = *generation;
                self.wish.twins = false;
                self.wish.mirror = None;
                // With nobody to fall back on, the first revision is stable at once.
                if self.spec.from.is_none() {
                    self.wish.stable = Some(to);
                } else {
                    self.wish.canary = Some((to, self.promoted()));
                    // When everybody has it nobody needs a name.
                    self.wish.who = self.wish.who.take().filter(|_| self.promoted() < Weight::FULL);
                }
            }
            Event::Succeeded { generation } => {
                self.wish.generation = *generation;
                self.wish.twins = false;
                self.wish.stable = Some(to);
                self.wish.canary = None;
                self.wish.who = None;
            }
            Event::RollbackStarted { generation, .. } => {
                self.wish.generation = *generation;
                self.wish.twins = false;
                self.wish.stable = self.spec.from.as_ref().map(|revision| revision.digest.clone());
                self.wish.canary = None;
                self.wish.who = None;
                self.wish.mirror = None;
            }
            Event::ExposureLapsed { generation, .. } => self.wish.generation = *generation,
            Event::Admitted { .. }
            | Event::PreparationStarted
            | Event::ShadowPassed { .. }
            | Event::StepPassed { .. }
            | Event::SmokePassed { .. }
            | Event::BakeStarted { .. }
            | Event::Paused { .. }
            | Event::Resumed { .. }
            | Event::RolledBack
            | Event::Rejected { .. }
            | Event::InfraStarted { .. }
            | Event::InfraRan { .. }
            | Event::Vetted { .. }
            | Event::TrafficShifted { .. }
            | Event::GateChanged { .. }
            | Event::FindingRaised { .. }
            | Event::InstanceExited { .. }
            | Event::Scaled { .. }
            | Event::EvidenceCaptured { .. }
            | Event::Policy { .. }
            | Event::Budget { .. } => {}
        }
    }
}
