//! Sequential comparison of two latency distributions: bets on the label of each request, given its bin.
//!
//! For a score `g` and a tilt `η` let `v(b) ∝ exp(η g(b))`, of mean 1 under stable's past. A request in bin `b`
//! multiplies a bet by `v/(wv+1−w)` when it is the canary's and by `1/(wv+1−w)` when it is stable's, where `w` was its
//! chance of being the canary's. With `h = wv/(wv+1−w)` the expectation is `1 + Σ (f_c − f_b)(b) h(b)`: at most 1 for
//! every non-decreasing `g` while the canary is stochastically not slower, whatever the baseline, the bins and their
//! drift are; and the other way round for a non-increasing one.

mod baseline;
mod bets;
mod shape;
mod table;

use crate::mixture::Mixture;
use baseline::Baseline;
use shape::Shape;
use table::{Gains, Table};

/// Is the canary slower than stable (harm), or surely not (pass)? Both sides share what is known of stable.
///
/// The caller freezes the bins (ascending in latency) before the first request is counted, and shifts the canary's
/// latencies by the margin that it tolerates. Stable's first hundred requests only become the baseline.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RankComparison {
    baseline: Baseline,
    /// Null: the canary is stochastically not slower. Holds mass back for faults that begin late.
    harm: Mixture,
    /// Null: the canary is stochastically not faster.
    pass: Mixture,
    /// Follows from the baseline and the share of the present split.
    #[cfg_attr(feature = "serde", serde(skip))]
    cache: Option<Cache>,
}

#[derive(Debug, Clone)]
struct Cache {
    shape: Shape,
    table: Option<Table>,
}

impl RankComparison {
    /// `bins` is the number of bins, for instance 48: memory grows with it by 64 bytes each, and by nothing else.
    pub fn new(bins: u16) -> Self {
        Self {
            baseline: Baseline::new(usize::from(bins)),
            harm: Mixture::with_restarts(&bets::harm_prior()),
            pass: Mixture::plain(&bets::pass_prior()),
            cache: None,
        }
    }

    /// One look: `(bin, requests)` per arm, all assigned with probability `share` to the canary. Bins beyond the last
    /// count as the last. Without a random assignment (`share` 0 or 1) there is no bet.
    ///
    /// Requests of a split that is not `present` any more count for harm only.
    pub fn observe(&mut self, share: f64, canary: &[(u16, u64)], stable: &[(u16, u64)], present: bool) {
        if self.baseline.refresh() {
            self.cache = None;
        }
        if share > 0.0 && share < 1.0 && !(canary.is_empty() && stable.is_empty()) {
            self.bet(share, canary, stable, present);
        }
        self.baseline.add(stable);
    }

    /// Puts fresh mass on harm: call it every 60 s.
    pub fn restart_harm(&mut self) {
        self.harm.restart();
    }

    /// The evidence of a pass begins anew: call it when a new split begins.
    pub fn restart_pass(&mut self) {
        self.pass.reset();
    }

    pub fn log_e_harm(&self) -> f64 {
        self.harm.log_e()
    }

    pub fn log_e_pass(&self) -> f64 {
        self.pass.log_e()
    }

    /// Bytes in memory, caches included; bounded whatever the traffic.
    pub fn state_bytes(&self) -> usize {
        let cache = self
            .cache
            .as_ref()
            .map_or(0, |cache| cache.shape.heap_bytes() + cache.table.as_ref().map_or(0, Table::heap_bytes));
        let heap = self.baseline.heap_bytes() + self.harm.heap_bytes() + self.pass.heap_bytes();
        size_of::<Self>() + heap + cache
    }

    fn bet(&mut self, share: f64, canary: &[(u16, u64)], stable: &[(u16, u64)], present: bool) {
        let Some(frozen) = self.baseline.frozen() else { return };
        let cache = self.cache.get_or_insert_with(|| Cache { shape: Shape::new(frozen), table: None });
        // What is late comes from another split, and in ones and twos: not worth a table.
        let gains = if present {
            let known = cache.table.take().filter(|table| table.share() == share);
            let table = cache.table.insert(known.unwrap_or_else(|| Table::new(&cache.shape, share)));
            table.gains(&cache.shape, canary, stable)
        } else {
            Table::late_gains(&cache.shape, share, canary, stable)
        };
        self.settle(&gains, present);
    }

    fn settle(&mut self, gains: &Gains, present: bool) {
        self.harm.step(|bet| gains.harm(bet));
        if present {
            self.pass.step(|bet| gains.pass(bet));
        }
    }
}

/// Equality of the evidence: the cache follows from it.
impl PartialEq for RankComparison {
    fn eq(&self, other: &Self) -> bool {
        self.baseline == other.baseline && self.harm == other.harm && self.pass == other.pass
    }
}

#[cfg(test)]
mod tests;
