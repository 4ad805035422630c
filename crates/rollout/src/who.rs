//! Users who get the new revision by name: with everybody else from the first step on, or alone before it.

use staunch_analysis::CohortReading;
use staunch_model::{RolloutKind, WhoSpec};

use crate::waiting::WaitingOn;
use crate::{Rollout, Snapshot};

impl Rollout {
    /// The rules, for the rollouts that have steps.
    pub fn who(&self) -> Option<&WhoSpec> {
        let gradual = self.spec.kind == RolloutKind::Canary && self.spec.from.is_some();
        self.spec.strategy.who.as_ref().filter(|_| gradual)
    }

    /// Nobody but those who are meant by name has the new revision at this step.
    pub(crate) fn is_by_name_alone(&self, step: usize) -> bool {
        self.who().is_some() && self.steps().get(step).is_some_and(|step| step.weight.is_zero())
    }

    /// Whether the gates are asked at this step. Where chance assigns nobody there is nothing to compare.
    pub(crate) fn asks_at(&self, step: usize) -> bool {
        self.asks() && !self.is_by_name_alone(step)
    }
}

fn reading(snapshot: &Snapshot<'_>) -> Option<CohortReading> {
    snapshot.judgement?.cohort
}

/// Enough of them have been answered: silence is no success.
pub(crate) fn is_heard(rollout: &Rollout, snapshot: &Snapshot<'_>) -> bool {
    let wanted = rollout.who().map_or(0, |who| who.requests);
    wanted == 0 || reading(snapshot).is_some_and(|reading| reading.requests >= wanted)
}

/// Why the step that they have alone does not pass yet, beside its hold.
pub(crate) fn silence(rollout: &Rollout, snapshot: &Snapshot<'_>) -> Option<(WaitingOn, String)> {
    if is_heard(rollout, snapshot) {
        return None;
    }
    let who = rollout.who()?;
    let seen = reading(snapshot).map_or(0, |reading| reading.requests);
    let wanted = who.requests;
    let seen = if seen == 0 { "none".to_owned() } else { seen.to_string() };
    let because =
        format!("{seen} of {wanted} requests by name ({who}) so far; `staunch promote` goes on without");
    Some((WaitingOn::Traffic, because))
}
