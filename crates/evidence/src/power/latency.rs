//! How many canary requests the comparison of latencies still needs.

use std::cell::Cell;

use super::forecast::lack;
use super::range::{Traffic, VerdictRange, range};
use crate::chance::Chance;
use crate::math::ln;
use crate::{Counts, RankComparison};

/// Shares of the requests per bin, ascending in latency, each arm's adding up to one.
#[derive(Debug, Clone, Copy)]
pub struct LatencyShares<'a> {
    /// With the tolerated margin taken off.
    pub canary: &'a [f64],
    pub stable: &'a [f64],
}

/// Latencies of log-normal shape on 12 bins, for want of a histogram: `shift` is `ln(ratio)/σ`, by how many of their
/// standard deviations the logarithms are greater than stable's, whose own shift is 0.
pub fn log_normal_shares(shift: f64) -> [f64; 12] {
    // From 2.3 deviations below the middle to 2.7 above, where the last hundredth begins; grouping so costs 2 %.
    let below = |edge: usize| match edge {
        0 => 0.0,
        12 => 1.0,
        inner => {
            let deviations = 0.45 * (inner as f64 - 6.0) - shift;
            0.5 * libm::erfc(-deviations * std::f64::consts::FRAC_1_SQRT_2)
        }
    };
    std::array::from_fn(|bin| below(bin + 1) - below(bin))
}

/// Looks per information bound: few, since each is drawn bin by bin.
const LOOKS_PER_BOUND: f64 = 12.0;

impl RankComparison {
    /// Until harm is shown at `level`, if latencies are as said and the canary has `share` of the requests; `None` when
    /// it is not shown, or for more requests than can be said.
    pub fn forecast_harm(&self, latency: LatencyShares, share: f64, level: f64) -> Option<VerdictRange> {
        self.forecast(latency, share, level, Self::log_e_harm)
    }

    /// The same for a pass.
    pub fn forecast_pass(&self, latency: LatencyShares, share: f64, level: f64) -> Option<VerdictRange> {
        self.forecast(latency, share, level, Self::log_e_pass)
    }

    fn forecast(
        &self,
        latency: LatencyShares,
        share: f64,
        level: f64,
        log_e: fn(&Self) -> f64,
    ) -> Option<VerdictRange> {
        if log_e(self) >= level {
            return Some(VerdictRange::NOW);
        }
        let bound = lack(log_e(self), level) * share / information(latency, share);
        let sizes = Traffic { p_stable: 0.0, p_canary: 0.0, share };
        let runs = Cell::new(0);
        range(sizes, bound, bound / LOOKS_PER_BOUND, || {
            runs.set(runs.get() + 1);
            let (mut process, mut chance) = (self.clone(), Chance::new(runs.get()));
            move |canary: Counts, stable: Counts| {
                let canary = drawn(&mut chance, latency.canary, canary.attempts());
                let stable = drawn(&mut chance, latency.stable, stable.attempts());
                process.observe(share, &canary, &stable, true);
                log_e(&process) >= level
            }
        })
    }
}

/// Kullback-Leibler information of one request about "the distributions differ", in nats.
fn information(latency: LatencyShares, w: f64) -> f64 {
    let part = |p: f64, pooled: f64| if p > 0.0 { p * ln(p / pooled) } else { 0.0 };
    let pairs = latency.canary.iter().zip(latency.stable);
    let of_bin = |(&c, &b): (&f64, &f64)| {
        let pooled = w * c + (1.0 - w) * b;
        w * part(c, pooled) + (1.0 - w) * part(b, pooled)
    };
    pairs.map(of_bin).sum()
}

/// So many requests over the bins by chance.
fn drawn(chance: &mut Chance, shares: &[f64], requests: u64) -> Vec<(u16, u64)> {
    let (mut left, mut share_left) = (requests, 1.0);
    let mut bins = Vec::with_capacity(shares.len());
    for (bin, &share) in (0..).zip(shares) {
        let count = chance.binomial(left, (share / share_left).clamp(0.0, 1.0));
        (left, share_left) = (left - count, share_left - share);
        if count > 0 {
            bins.push((bin, count));
        }
        if left == 0 {
            break;
        }
    }
    bins
}
