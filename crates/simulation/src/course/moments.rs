//! When something is due.

use staunch_model::Timestamp;
use staunch_rollout::Phase;

use super::Course;

impl Course<'_> {
    /// The next look, or what comes before it.
    pub(super) fn next_moment(&self) -> i64 {
        let onset = self.onset();
        let since =
            onset.filter(|onset| *onset <= self.now).map_or(self.changed, |onset| onset.max(self.changed));
        let look = self.now + self.trial.looks.span_ms(self.now - since);
        let due = [onset, self.stage.next_ready(), self.hold_ends(), self.warm_up_ends()];
        let due = due.into_iter().flatten().filter(|due| *due > self.now);
        due.fold(look, i64::min).min(self.horizon())
    }

    /// When the present step or the bake has lasted long enough.
    pub(super) fn hold_ends(&self) -> Option<i64> {
        let rollout = self.service.active()?;
        match rollout.phase {
            Phase::Progressing { step, .. } => {
                let hold = rollout.spec.strategy.steps.get(step)?.hold;
                Some(self.stage.observed.split.as_ref()?.since.plus(hold).0)
            }
            Phase::Baking { until, .. } => Some(until.0),
            Phase::Pending
            | Phase::Preparing
            | Phase::Shadowing { .. }
            | Phase::Promoting
            | Phase::Succeeded
            | Phase::Shadowed { .. }
            | Phase::RollingBack { .. }
            | Phase::RolledBack { .. }
            | Phase::Rejected { .. } => None,
        }
    }

    pub(super) fn warm_up_ends(&self) -> Option<i64> {
        let warm_up = self.trial.spec.evidence.warm_up;
        self.stage
            .serving()
            .map(|instance| instance.started.plus(warm_up).0)
            .filter(|end| *end > self.now)
            .min()
    }

    /// Some instance of the canary is younger than its warm-up, by the clock and by its requests.
    pub(super) fn warming(&self) -> bool {
        let evidence = &self.trial.spec.evidence;
        self.stage.serving().any(|instance| {
            let age = Timestamp(self.now).since(instance.started);
            age < evidence.warm_up && instance.attempts < evidence.warm_up_requests
        })
    }

    pub(super) fn horizon(&self) -> i64 {
        self.first.unwrap_or(0).saturating_add((self.trial.scene.world.horizon_secs * 1e3) as i64)
    }

    pub(super) fn onset(&self) -> Option<i64> {
        Some(self.first? + (self.trial.scene.world.onset_secs * 1e3) as i64)
    }

    /// When the first instance is ready and the canary can have its first user: the world's time counts from here.
    pub(super) fn origin(&self) -> i64 {
        (self.trial.scene.world.start_secs * 1e3) as i64
    }
}
