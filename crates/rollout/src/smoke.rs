//! The strategy's checks: commands that must be satisfied with the new instances before these may serve. One runs at
//! a time, in the order of the file; what passed is history, so that a restart does not ask again.

use staunch_model::{InstanceId, RevisionDigest, RolloutId, SmokeKey, SmokeScope, SmokeSpec, human_duration};

use crate::{
    Action, Cause, Desired, Event, InstanceStatus, Observed, Phase, Rollout, SmokeState, SmokeStatus,
};

/// What must be run now, and against whom.
#[derive(Debug, Clone, PartialEq)]
pub struct DueSmoke {
    rollout: RolloutId,
    revision: RevisionDigest,
    /// Instances that must be ready before the first check.
    needed: u32,
    check: usize,
    spec: SmokeSpec,
    /// For a check of each instance: those it has not been run against.
    instances: Vec<InstanceId>,
}

/// The first check that is not satisfied yet, while checks are asked at all.
pub(crate) fn due(rollout: &Rollout) -> Option<DueSmoke> {
    if rollout.phase != Phase::Preparing {
        return None;
    }
    let (check, spec) = rollout
        .spec
        .strategy
        .smoke
        .iter()
        .enumerate()
        .find(|(check, spec)| !is_satisfied(rollout, *check, spec))?;
    let needed = rollout.first_needed();
    Some(DueSmoke {
        rollout: rollout.spec.id,
        revision: rollout.spec.to.digest.clone(),
        needed,
        check,
        spec: spec.clone(),
        instances: missing(rollout, check, needed),
    })
}

pub(crate) fn satisfied(rollout: &Rollout) -> bool {
    due(rollout).is_none()
}

fn is_satisfied(rollout: &Rollout, check: usize, spec: &SmokeSpec) -> bool {
    match spec.scope {
        SmokeScope::One => rollout.checked.iter().any(|key| key.check == check),
        SmokeScope::Each => missing(rollout, check, rollout.first_needed()).is_empty(),
    }
}

fn missing(rollout: &Rollout, check: usize, needed: u32) -> Vec<InstanceId> {
    let spec = &rollout.spec;
    let all = (1..=needed).map(|number| InstanceId::new(&spec.service, &spec.to.digest, number));
    let passed =
        |id: &InstanceId| rollout.checked.iter().any(|key| key.check == check && &key.instance == id);
    all.filter(|id| !passed(id)).collect()
}

/// Starts the check that is due and ends those that are not.
pub(crate) fn actions(desired: &Desired, observed: &Observed) -> Vec<Action> {
    let due = desired.smoke.as_ref();
    let wanted = |status: &&SmokeStatus| due.is_none_or(|due| !due.is(&status.key));
    let forget =
        observed.smoke.iter().filter(wanted).map(|status| Action::ForgetSmoke { key: status.key.clone() });
    let start = due.and_then(|due| due.start(observed));
    forget.chain(start).collect()
}

impl DueSmoke {
    fn is(&self, key: &SmokeKey) -> bool {
        let asked = self.spec.scope == SmokeScope::One || self.instances.contains(&key.instance);
        key.rollout == self.rollout && key.check == self.check && asked
    }

    fn start(&self, observed: &Observed) -> Option<Action> {
        if observed.ready(&self.revision) < self.needed
            || observed.smoke.iter().any(|status| self.is(&status.key))
        {
            return None;
        }
        let asked = |instance: &&InstanceStatus| {
            self.spec.scope == SmokeScope::One || self.instances.contains(&instance.id)
        };
        let instance = observed.of(&self.revision).filter(|instance| instance.serves()).find(asked)?;
        let key = SmokeKey { rollout: self.rollout, check: self.check, instance: instance.id.clone() };
        Some(Action::Smoke { key, spec: self.spec.clone() })
    }
}

fn own<'a>(
    rollout: &'a Rollout,
    observed: &'a Observed,
) -> impl Iterator<Item = (&'a SmokeStatus, &'a SmokeSpec)> {
    let own = observed.smoke.iter().filter(|status| status.key.rollout == rollout.spec.id);
    own.filter_map(|status| Some((status, rollout.spec.strategy.smoke.get(status.key.check)?)))
}

/// What passed since the last look.
pub(crate) fn passed(rollout: &Rollout, observed: &Observed) -> Vec<Event> {
    let new = own(rollout, observed).filter(|(status, _)| !rollout.checked.contains(&status.key));
    new.filter_map(|(status, spec)| match &status.state {
        SmokeState::Passed { took_ms } => {
            Some(Event::SmokePassed { key: status.key.clone(), line: spec.line(), took_ms: *took_ms })
        }
        SmokeState::Running { .. } | SmokeState::Failed { .. } => None,
    })
    .collect()
}

pub(crate) fn failed(rollout: &Rollout, observed: &Observed) -> Option<Cause> {
    if rollout.phase != Phase::Preparing {
        return None;
    }
    own(rollout, observed).find_map(|(status, spec)| match &status.state {
        SmokeState::Failed { why, output } => Some(Cause::SmokeFailed {
            line: spec.line(),
            instance: status.key.instance.to_string(),
            why: why.clone(),
            output: output.clone(),
        }),
        SmokeState::Running { .. } | SmokeState::Passed { .. } => None,
    })
}

/// The check that runs, in words.
pub(crate) fn sentence(rollout: &Rollout, observed: &Observed) -> Option<String> {
    let all = rollout.spec.strategy.smoke.len();
    own(rollout, observed).find_map(|(status, spec)| match &status.state {
        SmokeState::Running { since } => {
            let so_far = human_duration(observed.at.since(*since));
            let (number, line) = (status.key.check + 1, spec.line());
            let to = &status.key.instance;
            Some(format!("check {number} of {all} runs against {to} for {so_far}: {line}"))
        }
        SmokeState::Passed { .. } | SmokeState::Failed { .. } => None,
    })
}
