//! What the world should look like for a service as it stands.

use std::ops::Range;
use std::time::Duration;

use staunch_model::{Revision, RevisionDigest, ServiceName, Weight};

use crate::fleet::{self, Fleet};
use crate::smoke::{self, DueSmoke};
use crate::{Phase, Rollout, Service, SplitWish};

#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    pub service: ServiceName,
    pub workloads: Vec<DesiredWorkload>,
    /// For a service without requests, nobody's.
    pub wish: SplitWish,
    /// How far the number of instances may stray, for a service whose instances are replaced one by one.
    pub fleet: Option<Fleet>,
    /// The check that is due now, if its instances are ready.
    pub smoke: Option<DueSmoke>,
    /// How long requests in flight keep an instance that no longer gets traffic.
    pub drain: Duration,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DesiredWorkload {
    pub revision: Revision,
    pub replicas: u32,
    /// The number of the first of them.
    pub first: u32,
    /// The full number, of which a share of the traffic needs its share.
    pub full: u32,
}

impl DesiredWorkload {
    pub(crate) fn numbers(&self) -> Range<u32> {
        self.first..self.first.saturating_add(self.replicas)
    }
}

pub fn desired(service: &Service) -> Desired {
    let mut workloads: Vec<_> = service.stable.iter().map(|stable| full(stable, service.replicas)).collect();
    if let Some(rollout) = service.active() {
        // A revision that is stable already has its instances: one number must not be two workloads.
        let known = |workload: &DesiredWorkload| Some(&workload.revision.digest) == stable_digest(service);
        let new = new_workload(rollout).filter(|workload| !known(workload));
        workloads.extend(new.as_ref().and_then(|new| rollout.twins(new)));
        workloads.extend(new);
    }
    let fleet = service.rolling().map(|bounds| Fleet::of(service, bounds));
    if fleet.is_some() {
        fleet::make_room(service, &mut workloads);
    }
    let wish = if fleet.is_some() { fleet::no_traffic(service) } else { service.wish.clone() };
    Desired {
        service: service.name.clone(),
        workloads,
        wish,
        fleet,
        smoke: service.active().and_then(smoke::due),
        drain: drain(service),
    }
}

fn stable_digest(service: &Service) -> Option<&RevisionDigest> {
    service.stable.as_ref().map(|stable| &stable.digest)
}

/// The longest drain of all revisions that may still have requests.
fn drain(service: &Service) -> Duration {
    let last = service.rollout.iter().flat_map(|rollout| rollout.spec.from.iter().chain([&rollout.spec.to]));
    service.stable.iter().chain(last).map(|revision| revision.run.stop.drain).max().unwrap_or_default()
}

fn full(revision: &Revision, replicas: u32) -> DesiredWorkload {
    DesiredWorkload { revision: revision.clone(), replicas, first: 1, full: replicas }
}

fn new_workload(rollout: &Rollout) -> Option<DesiredWorkload> {
    let share = match rollout.phase {
        Phase::Preparing if !rollout.infra_is_ready() => return None,
        Phase::Preparing => rollout.first_share(),
        Phase::Shadowing { .. } => rollout.shadow()?.mirror.share,
        // What a shadow needed stays: later steps need it again.
        Phase::Progressing { step, .. } => {
            let shadowed = rollout.shadow().map_or(Weight::ZERO, |shadow| shadow.mirror.share);
            rollout.steps().get(step)?.weight.max(shadowed)
        }
        Phase::Promoting | Phase::Baking { .. } => Weight::FULL,
        Phase::Pending
        | Phase::RollingBack { .. }
        | Phase::Succeeded
        | Phase::Shadowed { .. }
        | Phase::RolledBack { .. }
        | Phase::Rejected { .. } => return None,
    };
    let full = rollout.spec.replicas;
    let replicas = rollout.capacity_for(share).of_replicas(full);
    Some(DesiredWorkload { revision: rollout.spec.to.clone(), replicas, first: 1, full })
}
