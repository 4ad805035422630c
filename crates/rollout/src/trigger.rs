//! Between a rollout and its triggers: what they are shown of the world, and what becomes of one that fired.

use std::time::Duration;

use staunch_analysis::{Ended, Facts, Fleet, Usage};
use staunch_model::{DependencyLook, RevisionDigest, Timestamp};

use crate::decide::needed;
use crate::{Cause, InstanceState, InstanceStatus, Observed, Phase, Rollout, Snapshot};

/// The kernel's own verdict, as the platform writes it behind the signal.
const OUT_OF_MEMORY: &str = "out of memory";

/// What triggers look at beside the edges' counts.
pub fn facts(rollout: &Rollout, observed: &Observed, dependencies: Vec<DependencyLook>) -> Facts {
    let to = &rollout.spec.to.digest;
    let stable = rollout.spec.from.as_ref().map(|from| fleet(&from.digest, rollout, observed));
    Facts {
        new: fleet(to, rollout, observed),
        stable: stable.unwrap_or_default(),
        ready: needed(rollout, observed).map(|needed| (observed.ready(to), needed)),
        dependencies,
    }
}

fn fleet(of: &RevisionDigest, rollout: &Rollout, observed: &Observed) -> Fleet {
    Fleet {
        instances: observed.of(of).filter(|instance| runs(instance)).map(usage).collect(),
        exits: observed.of(of).flat_map(|instance| exits(instance, rollout.admitted)).collect(),
    }
}

fn runs(instance: &InstanceStatus) -> bool {
    match instance.state {
        InstanceState::Starting | InstanceState::Running => instance.pid.is_some(),
        InstanceState::BackingOff { .. }
        | InstanceState::Stopping
        | InstanceState::Exited
        | InstanceState::CannotExec { .. } => false,
    }
}

fn usage(instance: &InstanceStatus) -> Usage {
    Usage {
        instance: instance.id.to_string(),
        cpu_ratio: instance.cpu_ratio,
        memory_bytes: instance.memory_bytes,
    }
}

fn exits(instance: &InstanceStatus, since: Timestamp) -> impl Iterator<Item = Ended> {
    instance.exits.iter().filter(move |exit| exit.at >= since).map(|exit| Ended {
        instance: instance.id.to_string(),
        at: exit.at,
        status: exit.status.clone(),
        out_of_memory: exit.status.contains(OUT_OF_MEMORY),
    })
}

/// The rollback of a trigger that fired while users may be on the new revision.
pub(crate) fn cause(rollout: &Rollout, snapshot: &Snapshot<'_>) -> Option<Cause> {
    let fired = snapshot.fired.filter(|_| rollout.phase.is_exposed())?;
    Some(Cause::Trigger { trigger: fired.trigger.clone(), code: fired.code, because: fired.because.clone() })
}

/// When the whole rollout must have been promoted. Pauses count: that is what tells it from a step's deadline.
pub(crate) fn rollout_deadline(rollout: &Rollout) -> Option<(Timestamp, &'static str, Duration)> {
    let after = Duration::from_millis(rollout.spec.triggers.rollout_deadline_ms?);
    match rollout.phase {
        Phase::Preparing | Phase::Shadowing { .. } | Phase::Progressing { .. } | Phase::Promoting => {
            Some((rollout.admitted.plus(after), "the rollout", after))
        }
        Phase::Pending
        | Phase::Baking { .. }
        | Phase::Succeeded
        | Phase::Shadowed { .. }
        | Phase::RollingBack { .. }
        | Phase::RolledBack { .. }
        | Phase::Rejected { .. } => None,
    }
}
