//! Exact counts in time buckets, bounded in number: old buckets are added up into longer ones, never dropped before
//! they have left the window.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use staunch_model::Timestamp;

use super::tap::{Drawn, Served};
use super::window::{Cut, floor};

/// What was counted from `start` on; how long is a matter of its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Milliseconds since the epoch, a multiple of the resolution.
    pub start: i64,
    pub served: Served,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    cut: Cut,
    /// Ascending by start, each start once; without the empty ones.
    buckets: Vec<Bucket>,
    /// When counting began.
    since: Timestamp,
    tidied: Option<i64>,
    /// Starts of buckets that changed, and those that are gone, since the last [`Self::changes`].
    changed: BTreeSet<i64>,
    gone: BTreeSet<i64>,
}

/// What has to be written down: absolute counts, so that writing them twice does no harm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    pub gone: Vec<i64>,
    pub written: Vec<Bucket>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.written.is_empty()
    }
}

impl Ledger {
    /// Empty, counting from now on. `window` is the objective's.
    pub fn new(window: Duration, since: Timestamp) -> Self {
        Self {
            cut: Cut::of(window),
            buckets: vec![],
            since,
            tidied: None,
            changed: BTreeSet::new(),
            gone: BTreeSet::new(),
        }
    }

    /// When counting began: before it nothing is known.
    pub fn since(&self) -> Timestamp {
        self.since
    }

    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// Another window of the same counts; what the old one has let go is not known to the new one either.
    pub fn set_window(&mut self, window: Duration, now: Timestamp) {
        let cut = Cut::of(window);
        if cut == self.cut {
            return;
        }
        self.since = self.since.max(Timestamp(self.cut.edge(self.cut.window, now)));
        self.cut = cut;
        self.tidied = None;
    }

    /// Adds what was kept from before; what has been counted meanwhile stays.
    pub fn restore(&mut self, since: Timestamp, kept: impl IntoIterator<Item = Bucket>) {
        self.since = self.since.min(since);
        for bucket in kept {
            let touched = self.changed.contains(&bucket.start);
            self.merge(bucket.start, bucket.served);
            if !touched {
                // It is written down already, unless it was counted into.
                self.changed.remove(&bucket.start);
            }
        }
        self.tidied = None;
    }

    /// Counts what users got at this time. A clock that was set back counts into an older bucket.
    pub fn add(&mut self, at: Timestamp, served: Served) {
        if !served.is_empty() {
            self.merge(floor(at.0, self.cut.fine), served);
        }
    }

    /// As [`Self::add`], taking the refund off the newest buckets; returns what they could not give.
    pub fn take(&mut self, at: Timestamp, drawn: Drawn) -> Served {
        self.add(at, drawn.served);
        let mut left = drawn.refund;
        for bucket in self.buckets.iter_mut().rev().take(MOST_BACK) {
            if left.is_empty() {
                break;
            }
            let (failed, slow) = (left.failed.min(bucket.served.failed), left.slow.min(bucket.served.slow));
            if failed + slow > 0 {
                bucket.served.failed -= failed;
                bucket.served.slow -= slow;
                left.failed -= failed;
                left.slow -= slow;
                self.changed.insert(bucket.start);
            }
        }
        left
    }

    fn merge(&mut self, start: i64, served: Served) {
        self.changed.insert(start);
        self.gone.remove(&start);
        let at = match self.buckets.last() {
            Some(last) if last.start == start => Ok(self.buckets.len() - 1),
            Some(last) if last.start < start => Err(self.buckets.len()),
            Some(_) | None => self.buckets.binary_search_by_key(&start, |bucket| bucket.start),
        };
        match at {
            Ok(at) => self.buckets[at].served.add(served),
            Err(at) => self.buckets.insert(at, Bucket { start, served }),
        }
    }

    /// Adds old buckets up, and lets go of what has left the window.
    pub fn tidy(&mut self, now: Timestamp) {
        let turn = floor(now.0, self.cut.rhythm());
        if self.buckets.is_empty() || self.tidied.is_some_and(|tidied| tidied >= turn) {
            return;
        }
        self.tidied = Some(turn);
        let edge = self.cut.edge(self.cut.window, now);
        for bucket in std::mem::take(&mut self.buckets) {
            let start = self.cut.start_by(bucket.start, now);
            if bucket.start < edge {
                self.forget(bucket.start);
            } else if start == bucket.start {
                self.keep(bucket);
            } else {
                self.forget(bucket.start);
                self.gone.remove(&start);
                self.changed.insert(start);
                self.keep(Bucket { start, ..bucket });
            }
        }
    }

    fn forget(&mut self, start: i64) {
        self.changed.remove(&start);
        self.gone.insert(start);
    }

    /// Buckets come in their order, so that one is added up only with the last.
    fn keep(&mut self, bucket: Bucket) {
        match self.buckets.last_mut().filter(|last| last.start == bucket.start) {
            Some(last) => last.served.add(bucket.served),
            None => self.buckets.push(bucket),
        }
    }

    /// What changed since the last call.
    pub fn changes(&mut self) -> Changes {
        let changed = std::mem::take(&mut self.changed);
        let gone = std::mem::take(&mut self.gone).into_iter().collect();
        let written = self.buckets.iter().filter(|bucket| changed.contains(&bucket.start)).copied().collect();
        Changes { gone, written }
    }

    /// What could not be written is to be written again.
    pub fn put_back(&mut self, changes: &Changes) {
        self.changed.extend(changes.written.iter().map(|bucket| bucket.start));
        let absent = |start: &&i64| self.buckets.binary_search_by_key(*start, |bucket| bucket.start).is_err();
        self.gone.extend(changes.gone.iter().filter(absent));
    }

    /// What was counted in the last so many milliseconds, see [`Cut::edge`] for where they begin.
    pub(crate) fn sum(&self, length: i64, now: Timestamp) -> Served {
        let mut sum = Served::default();
        self.within(length, now).iter().for_each(|bucket| sum.add(bucket.served));
        sum
    }

    /// The buckets of a window. One that lies in the future, since a clock was set back, belongs to each.
    pub(crate) fn within(&self, length: i64, now: Timestamp) -> &[Bucket] {
        let edge = self.cut.edge(length, now);
        &self.buckets[self.buckets.partition_point(|bucket| bucket.start < edge)..]
    }

    pub(crate) fn cut(&self) -> Cut {
        self.cut
    }
}

/// A refund belongs to the last second or two.
const MOST_BACK: usize = 16;
