//! From an edge's report to a look: whose samples these are, which clients failed, which routes belong together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use staunch_evidence::Counts;
use staunch_model::{
    EdgeReport, Failure, RevisionDigest, RolloutSpec, Sample, ServiceName, SplitGeneration, Timestamp,
};

use crate::baseline::{Baselines, is_compared, is_set_aside, share};
use crate::clients::FailingClients;
use crate::look::{ArmLook, Look, SplitLook, Stratum, WarmingLook};

/// Which samples concern this rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Subject {
    pub(crate) service: ServiceName,
    pub(crate) canary: RevisionDigest,
    pub(crate) stable: Option<RevisionDigest>,
    /// Whether users stick to a side: failures are then counted per client.
    pub(crate) sticky: bool,
    /// Some requests are sent to the canary by name.
    #[serde(default)]
    by_name: bool,
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

/// Turns reports into looks; remembers which clients have failed and how routes are grouped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Intake {
    pub(crate) subject: Subject,
    clients: Arms<FailingClients>,
    /// Those that failed on warming instances are known apart: what is compared shall not depend on the warm-up.
    #[serde(default)]
    young: Arms<FailingClients>,
    /// Routes that are a group of their own, in the order in which they were first seen.
    routes: Vec<String>,
}

/// More groups than this split the traffic too finely; later routes share the group 0.
const MOST_GROUPS: usize = 31;

impl Intake {
    pub(crate) fn new(spec: &RolloutSpec, sticky: bool) -> Self {
        Self {
            subject: Subject::new(spec, sticky),
            clients: Arms::default(),
            young: Arms::default(),
            routes: Vec::new(),
        }
    }

    pub(crate) fn look(&mut self, report: &EdgeReport, at: Timestamp, young: bool) -> Look {
        let mut draft = Draft::default();
        let mut baselines = Baselines::default();
        for sample in &report.samples {
            let Some(side) = self.subject.side_of(&sample.service, &sample.revision) else { continue };
            if self.subject.by_name {
                draft.note_cohort(sample);
            }
            if sample.chosen {
                continue;
            }
            baselines.note(sample);
            if is_compared(side, sample.twin) {
                // Groups are compared where users keep to a side, and nowhere else.
                let group = self.subject.sticky.then(|| self.group_of(&sample.route));
                draft.add(side, group, sample);
            }
        }
        if self.subject.sticky {
            self.forgive_repeated(report, at, &mut draft);
        }
        let lapsed = report.lapsed.contains_key(self.subject.service.as_str()) || baselines.mixed();
        Look { at, young, lapsed, splits: draft.finish(), gauges: Vec::new() }
    }

    /// A route's group depends on when it was first seen alone, never on how its requests ended.
    fn group_of(&mut self, route: &str) -> u16 {
        let known = self.routes.iter().position(|known| known == route);
        let at = known.or_else(|| {
            let room = self.routes.len() < MOST_GROUPS;
            room.then(|| {
                self.routes.push(route.to_owned());
                self.routes.len() - 1
            })
        });
        at.map_or(0, |at| at as u16 + 1)
    }

    /// Takes back what a client that has already failed in this minute added to the failing clients. Failures
    /// without a record found no room in the report: each counts as a client of its own.
    fn forgive_repeated(&mut self, report: &EdgeReport, at: Timestamp, draft: &mut Draft) {
        for failure in &report.failures {
            let Some(side) = self.subject.side_of(&failure.service, &failure.revision) else { continue };
            if failure.chosen || !is_compared(side, failure.twin) {
                continue;
            }
            let clients =
                if is_set_aside(failure.warming, failure.twin) { &mut self.young } else { &mut self.clients };
            if clients.side(side).has_failed(at, failure.client) {
                let group = self.group_of(&failure.route);
                draft.forgive(failure, side, group);
            }
        }
    }
}

/// A look while its samples are being added up.
#[derive(Default)]
struct Draft {
    splits: BTreeMap<SplitGeneration, SplitLook>,
    strata: BTreeMap<(SplitGeneration, u16), Stratum>,
}

impl Draft {
    fn add(&mut self, side: Side, group: Option<u16>, sample: &Sample) {
        let split = self.splits.entry(sample.generation).or_default();
        split.share = share(sample);
        split.fresh = sample.twin.is_some();
        let warming = is_set_aside(sample.warming, sample.twin);
        let (attempts, failed) = (sample.outcomes.judged(), sample.outcomes.failed());
        let arm = split.arm(side, warming);
        arm.assigned += sample.outcomes.assigned;
        arm.attempts += attempts;
        arm.failed += failed;
        arm.clients += failed;
        arm.latency.merge(&sample.latency);
        if let Some(group) = group.filter(|_| !warming) {
            let stratum = self.strata.entry((sample.generation, group)).or_default();
            stratum.group = group;
            let counts = stratum.side(side);
            counts.0 += attempts;
            counts.1 += failed;
        }
    }

    fn note_cohort(&mut self, sample: &Sample) {
        let split = self.splits.entry(sample.generation).or_default();
        split.cohort.note(&sample.outcomes);
        if sample.chosen {
            split.cohort.add(sample);
        }
        split.share = share(sample);
    }

    fn forgive(&mut self, failure: &Failure, side: Side, group: u16) {
        let warming = is_set_aside(failure.warming, failure.twin);
        if let Some(split) = self.splits.get_mut(&failure.generation) {
            let arm = split.arm(side, warming);
            arm.clients = arm.clients.saturating_sub(1);
        }
        let stratum = self.strata.get_mut(&(failure.generation, group)).filter(|_| !warming);
        if let Some(stratum) = stratum {
            let counts = stratum.side(side);
            counts.1 = counts.1.saturating_sub(1);
        }
    }

    fn finish(mut self) -> BTreeMap<SplitGeneration, SplitLook> {
        for ((generation, _), stratum) in self.strata {
            if stratum.canary.0 + stratum.stable.0 > 0 {
                self.splits.entry(generation).or_default().strata.push(stratum);
            }
        }
        self.splits
    }
}

impl SplitLook {
    fn arm(&mut self, side: Side, warming: bool) -> &mut ArmLook {
        let Self {
            canary, stable, warming: WarmingLook { canary: young_canary, stable: young_stable }, ..
        } = self;
        match (side, warming) {
            (Side::Canary, false) => canary,
            (Side::Stable, false) => stable,
            (Side::Canary, true) => young_canary,
            (Side::Stable, true) => young_stable,
        }
    }
}

impl Stratum {
    fn side(&mut self, side: Side) -> &mut (u64, u64) {
        match side {
            Side::Canary => &mut self.canary,
            Side::Stable => &mut self.stable,
        }
    }
}

impl Subject {
    fn new(spec: &RolloutSpec, sticky: bool) -> Self {
        Self {
            service: spec.service.clone(),
            canary: spec.to.digest.clone(),
            stable: spec.from.as_ref().map(|revision| revision.digest.clone()),
            sticky,
            by_name: spec.strategy.who.is_some(),
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
}
