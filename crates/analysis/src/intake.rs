//! From an edge's report to what the tests take: one group per split, two arms each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use staunch_evidence::Counts;
use staunch_model::{
    EdgeReport, Failure, Histogram, Outcomes, RevisionDigest, RolloutSpec, ServiceName, SplitGeneration,
    Timestamp,
};

use crate::clients::FailingClients;

/// Which samples concern this rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Subject {
    pub(crate) service: ServiceName,
    pub(crate) canary: RevisionDigest,
    pub(crate) stable: Option<RevisionDigest>,
    /// Whether users stick to a side: failures are then counted per client.
    pub(crate) sticky: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Canary,
    Stable,
}

/// One value per side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Arms<T> {
    pub(crate) canary: T,
    pub(crate) stable: T,
}

impl<T> Arms<T> {
    pub(crate) fn side(&mut self, side: Side) -> &mut T {
        match side {
            Side::Canary => &mut self.canary,
            Side::Stable => &mut self.stable,
        }
    }
}

impl Arms<Counts> {
    pub(crate) fn add(&mut self, more: Self) {
        self.canary = self.canary.plus(more.canary);
        self.stable = self.stable.plus(more.stable);
    }
    pub(crate) fn both_present(&self) -> bool {
        !self.canary.is_empty() && !self.stable.is_empty()
    }
}

/// What one arm did under one split since the last report.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arm {
    pub(crate) outcomes: Outcomes,
    pub(crate) latency: Histogram,
    /// Failures, each client counted once a minute.
    pub(crate) distinct: u64,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Group {
    /// The canary's share in the assignment, 0 to 1.
    pub(crate) share: f64,
    pub(crate) arms: Arms<Arm>,
}

impl Group {
    /// Attempts and failing clients: what harm counts.
    pub(crate) fn distinct(&self) -> Arms<Counts> {
        let counts = |arm: &Arm| Counts::new(arm.outcomes.judged(), arm.distinct);
        Arms { canary: counts(&self.arms.canary), stable: counts(&self.arms.stable) }
    }
    /// Attempts and failures: what people see, and what a pass must overcome.
    pub(crate) fn raw(&self) -> Arms<Counts> {
        let counts = |arm: &Arm| Counts::new(arm.outcomes.judged(), arm.outcomes.failed());
        Arms { canary: counts(&self.arms.canary), stable: counts(&self.arms.stable) }
    }
}

impl Subject {
    pub(crate) fn new(spec: &RolloutSpec, sticky: bool) -> Self {
        Self {
            service: spec.service.clone(),
            canary: spec.to.digest.clone(),
            stable: spec.from.as_ref().map(|revision| revision.digest.clone()),
            sticky,
        }
    }

    pub(crate) fn side_of(&self, service: &ServiceName, revision: &RevisionDigest) -> Option<Side> {
        if *service != self.service {
            None
        } else if *revision == self.canary {
            Some(Side::Canary)
        } else {
            (self.stable.as_ref() == Some(revision)).then_some(Side::Stable)
        }
    }

    /// The report's samples by split, oldest split first.
    pub(crate) fn groups(
        &self,
        report: &EdgeReport,
        at: Timestamp,
        clients: &mut Arms<FailingClients>,
    ) -> BTreeMap<SplitGeneration, Group> {
        let mut groups: BTreeMap<SplitGeneration, Group> = BTreeMap::new();
        for sample in &report.samples {
            let Some(side) = self.side_of(&sample.service, &sample.revision) else { continue };
            let group = groups.entry(sample.generation).or_default();
            group.share = sample.weight.ratio();
            let arm = group.arms.side(side);
            arm.outcomes.add(&sample.outcomes);
            arm.latency.merge(&sample.latency);
        }
        for (generation, group) in &mut groups {
            for side in [Side::Canary, Side::Stable] {
                let listed = self.listed(report, *generation, side);
                count_clients(group.arms.side(side), at, listed, self.sticky.then(|| clients.side(side)));
            }
        }
        groups
    }

    fn listed<'a>(
        &'a self,
        report: &'a EdgeReport,
        generation: SplitGeneration,
        side: Side,
    ) -> impl Iterator<Item = &'a Failure> {
        report.failures.iter().filter(move |failure| {
            failure.generation == generation
                && self.side_of(&failure.service, &failure.revision) == Some(side)
        })
    }
}

/// Failures without a record found no room in the report: each counts as a client of its own.
fn count_clients<'a>(
    arm: &mut Arm,
    at: Timestamp,
    listed: impl Iterator<Item = &'a Failure>,
    clients: Option<&mut FailingClients>,
) {
    let failed = arm.outcomes.failed();
    arm.distinct = match clients {
        None => failed,
        Some(known) => {
            let mut records = 0_u64;
            let fresh = known.admit(at, listed.inspect(|_| records += 1).map(|failure| failure.client));
            failed.saturating_sub(records).saturating_add(fresh).min(failed)
        }
    };
}
