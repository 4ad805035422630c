//! The fresh baseline: twins of stable that are started with the canary, get as much traffic as it gets, and end with
//! the comparison.

use staunch_model::{InstanceId, Revision, RevisionDigest};

use crate::{Desired, DesiredWorkload, InstanceStatus, Observed, Phase, Rollout, Snapshot};

impl Rollout {
    /// The revision whose twins the canary is compared with; `None` when it is compared with stable as it runs.
    pub(crate) fn twinned(&self) -> Option<&Revision> {
        // Copies of requests warm a shadow up: then it is compared with what is warm.
        let cold = self.spec.evidence.fresh_baseline && self.shadow().is_none();
        let compares = cold && !self.steps().is_empty() && !self.spec.strategy.by_time;
        self.spec.from.as_ref().filter(|_| compares)
    }

    /// As many as the canary has.
    pub(crate) fn twins(&self, canary: &DesiredWorkload) -> Option<DesiredWorkload> {
        let compared = matches!(self.phase, Phase::Preparing | Phase::Progressing { .. });
        let revision = self.twinned().filter(|_| compared)?.clone();
        Some(DesiredWorkload { revision, first: InstanceId::FIRST_TWIN, ..canary.clone() })
    }
}

impl Observed {
    /// Twins of a revision that can take requests.
    pub fn ready_twins(&self, revision: &RevisionDigest) -> u32 {
        self.twins_of(revision).filter(|twin| twin.serves()).count() as u32
    }

    fn twins_of<'a>(&'a self, revision: &'a RevisionDigest) -> impl Iterator<Item = &'a InstanceStatus> {
        self.of(revision).filter(|instance| instance.id.is_twin())
    }
}

/// What a twin says that is not ready, while the canary is.
pub(crate) fn late_twin(
    rollout: &Rollout,
    snapshot: &Snapshot<'_>,
    says: impl Fn(&InstanceStatus) -> String,
) -> Option<String> {
    let revision = rollout.twinned()?;
    let canary = snapshot.observed.ready(&rollout.spec.to.digest) >= rollout.first_needed();
    let late = snapshot.observed.twins_of(&revision.digest).find(|twin| canary && !twin.serves())?;
    Some(format!("a fresh instance of {}, to compare with: {}", revision.label, says(late)))
}

/// Twins that a larger canary still lacks: a younger one beside older twins would not be compared with its like.
pub(crate) fn lack(desired: &Desired, observed: &Observed) -> Option<String> {
    let twins = |workload: &&DesiredWorkload| workload.first == InstanceId::FIRST_TWIN;
    let workload = desired.workloads.iter().find(twins).filter(|_| desired.wish.twins)?;
    let ready = observed.ready_twins(&workload.revision.digest);
    (ready < workload.replicas).then(|| words(ready, workload.replicas, &workload.revision.label))
}

/// How many twins are ready, in words; `None` for a rollout without.
pub(crate) fn readiness(rollout: &Rollout, observed: &Observed) -> Option<String> {
    let compared = matches!(rollout.phase, Phase::Preparing | Phase::Progressing { .. });
    let revision = rollout.twinned().filter(|_| compared)?;
    let all = observed.twins_of(&revision.digest).count() as u32;
    Some(words(observed.ready_twins(&revision.digest), all, &revision.label))
}

fn words(ready: u32, all: u32, label: &str) -> String {
    format!("{ready} of {all} fresh instances of {label} to compare with are ready")
}
