//! From the edge's counts to what users got.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use staunch_model::{Histogram, Outcomes, Sample, ServiceName, bucket_bounds_micros};

/// What users got. A failure that the shield or a retry made good is no failure of theirs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    pub total: u64,
    pub failed: u64,
    /// Answers whose time counts: those of first attempts that did not fail.
    pub timed: u64,
    pub slow: u64,
}

impl Served {
    pub fn add(&mut self, other: Self) {
        self.total = self.total.saturating_add(other.total);
        self.failed = self.failed.saturating_add(other.failed);
        self.timed = self.timed.saturating_add(other.timed);
        self.slow = self.slow.saturating_add(other.slow);
    }
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
    /// Of totals since some beginning. `under` is the latency objective's limit.
    pub fn of(outcomes: &Outcomes, latency: &Histogram, under: Option<Duration>) -> Self {
        let raw = Raw::of(outcomes, latency, under);
        Self {
            total: raw.total,
            failed: outcomes.seen(),
            timed: raw.timed,
            slow: raw.slow.max(0).unsigned_abs(),
        }
    }
}

/// One sample's counts. Deltas of one request may come in two reports, so a part of them may be negative.
struct Raw {
    total: u64,
    failed: i64,
    timed: u64,
    slow: i64,
}

impl Raw {
    fn of(outcomes: &Outcomes, latency: &Histogram, under: Option<Duration>) -> Self {
        let failed = signed(outcomes.failed());
        let (timed, above) = under
            .map_or((0, 0), |under| (outcomes.judged() - outcomes.failed(), signed(above(latency, under))));
        // Failed attempts stand in the histogram's last bucket, however fast they failed.
        let slow = if under.is_some() { above - failed } else { 0 };
        Self {
            total: outcomes.judged(),
            failed: failed - signed(outcomes.shielded + outcomes.retried),
            timed,
            slow,
        }
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Answers that were slower for certain: the bucket in which the limit lies counts as fast.
fn above(latency: &Histogram, under: Duration) -> u64 {
    let micros = u64::try_from(under.as_micros()).unwrap_or(u64::MAX);
    latency
        .0
        .iter()
        .filter(|(bucket, _)| bucket_bounds_micros(*bucket).0 >= micros)
        .map(|(_, count)| count)
        .sum()
}

/// Reads samples of one service. A failure may be reported a tenth of a second before the shield that made it good:
/// what is then too much is owed, and taken off what follows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tap {
    failed: i64,
    slow: i64,
}

/// What one report added, and what has to be taken off what was added before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drawn {
    pub served: Served,
    pub refund: Served,
}

impl Tap {
    pub fn draw<'a>(
        &mut self,
        samples: impl Iterator<Item = &'a Sample>,
        service: &ServiceName,
        under: Option<Duration>,
    ) -> Drawn {
        let mut drawn = Drawn::default();
        for sample in samples.filter(|sample| &sample.service == service) {
            let raw = Raw::of(&sample.outcomes, &sample.latency, under);
            drawn.served.add(Served { total: raw.total, timed: raw.timed, ..Served::default() });
            self.failed += raw.failed;
            self.slow += raw.slow;
        }
        (drawn.served.failed, drawn.refund.failed) = split(std::mem::take(&mut self.failed));
        (drawn.served.slow, drawn.refund.slow) = split(std::mem::take(&mut self.slow));
        drawn
    }

    /// What could not be taken off is owed on.
    pub fn owe(&mut self, refused: Served) {
        self.failed -= signed(refused.failed);
        self.slow -= signed(refused.slow);
    }
}

fn split(amount: i64) -> (u64, u64) {
    (amount.max(0).unsigned_abs(), amount.min(0).unsigned_abs())
}
