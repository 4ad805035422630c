//! A report under way: taken from the counters, and given back to them if it could not be delivered.

use std::sync::atomic::Ordering::Relaxed;

use staunch_model::{EdgeReport, ShadowSample};

use crate::clock;
use crate::count::Taken;
use crate::shared::Shared;
use crate::traffic::TakenTraffic;

/// The counts that a report carries, until it is written or lost.
#[derive(Debug)]
pub(crate) struct Carried {
    counts: Taken,
    traffic: TakenTraffic,
    report: EdgeReport,
}

/// A report without counts: the sign of life.
pub(crate) fn sign_of_life(shared: &Shared, sequence: u64) -> EdgeReport {
    EdgeReport {
        edge: std::process::id(),
        sequence,
        at: clock::wall(),
        table_seen: shared.table_seen(),
        lapsed: shared.table.load().lapsed(),
        connections: shared.open.load(Relaxed) as u64,
        ..EdgeReport::default()
    }
}

impl Shared {
    /// What was compared since the last report.
    fn compared(&self) -> Vec<ShadowSample> {
        let table = self.table.load();
        self.mirror.tally.take(table.services.values().filter_map(|service| service.mirror.as_deref()))
    }
}

impl Carried {
    pub(crate) fn take(shared: &Shared, sequence: u64, covers: std::time::Duration) -> Self {
        // Read first: what has been seen by then is in the counts below.
        let life = sign_of_life(shared, sequence);
        let (samples, counts) = shared.counts.take();
        let (instances, traffic) = shared.instances.take();
        let (failures, failures_dropped) = shared.failures.take();
        let shadow = shared.compared();
        let report = EdgeReport { covers, samples, failures, failures_dropped, instances, shadow, ..life };
        Self { counts, traffic, report }
    }
    pub(crate) fn report(&self) -> &EdgeReport {
        &self.report
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.report.samples.is_empty() && self.report.failures.is_empty() && self.report.shadow.is_empty()
    }
    pub(crate) fn delivered(self, shared: &Shared) {
        shared.counts.commit(self.counts);
        shared.instances.commit(self.traffic);
    }
    pub(crate) fn lost(self, shared: &Shared) {
        shared.failures.put_back(self.report.failures, self.report.failures_dropped);
        shared.mirror.tally.put_back(self.report.shadow);
    }
}

impl Carried {
    /// Whether a report taken now would say nothing new.
    pub(crate) fn nothing_new(shared: &Shared) -> bool {
        let carried = Self::take(shared, 0, std::time::Duration::ZERO);
        let empty = carried.is_empty();
        carried.lost(shared);
        empty
    }
}
