//! Error rate of the canary against stable's, group of routes by group of routes.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use staunch_evidence::{Counts, RateRatioBand};
use staunch_model::{SplitGeneration, Timestamp};

use crate::intake::Arms;
use crate::judge::OPEN_SPLITS;
use crate::look::{Look, SplitLook};

/// Routes differ in how often they fail and, when users choose the version, in who uses them: like is compared with
/// like, and the evidence of all groups is multiplied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Errors {
    process: RateRatioBand,
    /// Requests were assigned one by one: then the coin says whose a failure is, and groups need not be told apart.
    by_request: bool,
    /// Failing clients of both sides since fresh mass was last bet, and when that was.
    failures: u64,
    restarted: Option<Timestamp>,
    /// Buckets that wait for attempts on both sides.
    open: Vec<Bucket>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Bucket {
    generation: SplitGeneration,
    group: u16,
    since: Timestamp,
    /// Attempts and failing clients.
    counts: Arms<Counts>,
}

/// A group that the other side has not used for this long is compared together with all such groups: a route with
/// three requests a minute has its say too. Time alone decides.
const PATIENCE: Duration = Duration::from_secs(10);
/// The group of all those.
const REST: u16 = u16::MAX;

/// Fresh mass is bet after so many failures: what the older bets have lost by then is about what it costs …
const FAILURES: u64 = 8;
/// … but not more often than this, and no less often than once a minute.
const SHORTEST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);

impl Errors {
    pub(crate) fn new(by_request: bool) -> Self {
        let process = RateRatioBand::with_restarts(1.0);
        Self { process, by_request, failures: 0, restarted: None, open: Vec::new() }
    }

    /// Goes on from what was found before. How users are assigned, and what waits for the other side, is of the present
    /// rollout alone.
    pub(crate) fn carry(&mut self, earlier: &Self) {
        self.process = earlier.process.clone();
    }

    pub(crate) fn observe(&mut self, generation: SplitGeneration, split: &SplitLook, look: &Look) {
        self.restart_when_due(split, look.at);
        if self.by_request {
            self.compare_assigned(split, look);
        } else {
            self.compare_groups(generation, split, look.at);
        }
    }

    /// For faults that begin late. Past failures alone say when.
    fn restart_when_due(&mut self, split: &SplitLook, at: Timestamp) {
        let waited = at.since(*self.restarted.get_or_insert(at));
        if waited >= LONGEST || (waited >= SHORTEST && self.failures >= FAILURES) {
            self.process.restart();
            self.restarted = Some(at);
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(split.canary.clients + split.stable.clients);
    }

    /// While instances warm up, what is left of the split is not what the coin said: then the looks in which both sides
    /// have attempts count by their own numbers.
    fn compare_assigned(&mut self, split: &SplitLook, look: &Look) {
        let counts = split.distinct();
        if split.is_thinned(look) {
            self.process.observe(counts.canary, counts.stable);
        } else if !look.lapsed {
            self.process.observe_assigned(split.share, counts.canary, counts.stable);
        }
    }

    fn compare_groups(&mut self, generation: SplitGeneration, split: &SplitLook, at: Timestamp) {
        for (group, counts) in split.by_group() {
            self.add(Bucket { generation, group, since: at, counts });
        }
        self.pool_waiting(at);
        let process = &mut self.process;
        self.open.retain(|bucket| {
            let closed = bucket.counts.both_present();
            if closed {
                process.observe(bucket.counts.canary, bucket.counts.stable);
            }
            !closed
        });
        self.forget_old_splits();
    }

    pub(crate) fn log_e(&self) -> f64 {
        self.process.log_e()
    }

    /// How many times stable's failures the canary has at least; the very test that decides says so at `level`.
    pub(crate) fn least_ratio(&self, level: f64) -> Option<f64> {
        self.process.lower_bound(level)
    }

    fn add(&mut self, more: Bucket) {
        let same = |open: &&mut Bucket| open.generation == more.generation && open.group == more.group;
        match self.open.iter_mut().find(same) {
            Some(open) => open.counts.add(more.counts),
            None => self.open.push(more),
        }
    }

    fn pool_waiting(&mut self, at: Timestamp) {
        let waited = |bucket: &Bucket| bucket.group != REST && at.since(bucket.since) >= PATIENCE;
        let (late, open) = self.open.iter().copied().partition::<Vec<_>, _>(waited);
        if late.is_empty() {
            return;
        }
        self.open = open;
        late.into_iter().for_each(|bucket| self.add(Bucket { group: REST, ..bucket }));
    }

    fn forget_old_splits(&mut self) {
        let splits: BTreeSet<SplitGeneration> = self.open.iter().map(|bucket| bucket.generation).collect();
        if let Some(oldest) = splits.into_iter().rev().nth(OPEN_SPLITS - 1) {
            self.open.retain(|bucket| bucket.generation >= oldest);
        }
    }
}
