//! Latencies onto the frozen bins of the rank test, and the pair of tests that share them.

use serde::{Deserialize, Serialize};
use staunch_evidence::{Counts, RankTest, Tail, bernoulli_band};
use staunch_model::{Histogram, LATENCY_BUCKETS, bucket_bounds_micros};

use crate::intake::Arms;
use crate::verdict::Band;

const BINS: usize = 128;
/// Stable's median lies in this bin: with bins 10 % wide there is room for a fortieth of it and for 4 000 times.
const MEDIAN_BIN: f64 = 40.0;
/// The bins are frozen when stable has shown this many requests.
const ENOUGH_TO_FREEZE: u64 = 100;
/// Where attempts without response headers are: the slowest there is, margin or not.
const NO_HEADERS: u16 = LATENCY_BUCKETS as u16 - 1;

/// Is the canary slower than stable by more than a margin, or surely not?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LatencyTest {
    pub(crate) margin: f64,
    bins: Option<Bins>,
    early: Histogram,
    harm: RankTest,
    pass: RankTest,
}

impl LatencyTest {
    pub(crate) fn new(margin: f64) -> Self {
        Self {
            margin,
            bins: None,
            early: Histogram::default(),
            harm: RankTest::new(Tail::Slower, BINS),
            pass: RankTest::new(Tail::Faster, BINS),
        }
    }

    /// `share` is the canary's part of the random assignment. Only a bucket of the present split counts for a pass.
    pub(crate) fn observe(&mut self, share: f64, latency: Arms<&Histogram>, present: bool) {
        let Some(bins) = &self.bins else { return self.learn(latency.stable) };
        let canary = bins.counts(latency.canary, bins.shift);
        let stable = bins.counts(latency.stable, 0.0);
        self.harm.observe(share, &canary, &stable);
        if present {
            self.pass.observe(share, &canary, &stable);
        }
    }

    pub(crate) fn tick(&mut self) {
        self.harm.restart();
    }

    pub(crate) fn enter_split(&mut self) {
        self.pass.restart();
    }

    pub(crate) fn log_e_harm(&self) -> f64 {
        self.harm.log_e()
    }

    pub(crate) fn log_e_pass(&self) -> f64 {
        self.pass.log_e()
    }

    /// Sees stable alone: freezing must not depend on the canary.
    fn learn(&mut self, stable: &Histogram) {
        self.early.merge(stable);
        let Some(median) = self.early.quantile_micros(0.5) else { return };
        if self.early.count() < ENOUGH_TO_FREEZE {
            return;
        }
        let bins = Bins::around(median, self.margin);
        let known = bins.counts(&std::mem::take(&mut self.early), 0.0);
        // A share of 0 bets nothing: the first requests only become the baseline.
        self.harm.observe(0.0, &[], &known);
        self.pass.observe(0.0, &[], &known);
        self.bins = Some(bins);
    }
}

/// Bins of equal ratio such that the margin is a whole number of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Bins {
    origin: f64,
    step: f64,
    shift: f64,
}

impl Bins {
    fn around(median_micros: f64, margin: f64) -> Self {
        let margin = libm::log1p(if margin.is_finite() { margin.clamp(0.0, 100.0) } else { 0.0 });
        let usual = libm::log(1.1);
        let shift = (margin / usual).round().max(1.0);
        // The edge's own buckets are 3 % wide: finer bins would be empty.
        let step = if margin > 0.02 { margin / shift } else { usual };
        let shift = if margin > 0.02 { shift } else { 0.0 };
        Self { origin: libm::log(median_micros.max(0.5)) - MEDIAN_BIN * step, step, shift }
    }

    /// The histogram on these bins, each value `shift` bins faster than it was.
    fn counts(&self, histogram: &Histogram, shift: f64) -> Vec<(u16, u64)> {
        let mut counts: Vec<(u16, u64)> = Vec::new();
        for &(bucket, count) in &histogram.0 {
            let bin = self.bin(bucket, shift);
            match counts.last_mut() {
                Some(last) if last.0 == bin => last.1 = last.1.saturating_add(count),
                Some(_) | None => counts.push((bin, count)),
            }
        }
        counts
    }

    fn bin(&self, bucket: u16, shift: f64) -> u16 {
        if bucket >= NO_HEADERS {
            return BINS as u16 - 1;
        }
        let bin = ((libm::log(middle(bucket)) - self.origin) / self.step).floor() - shift;
        bin.clamp(0.0, (BINS - 1) as f64) as u16
    }
}

fn middle(bucket: u16) -> f64 {
    let (low, high) = bucket_bounds_micros(bucket);
    (low + high) as f64 / 2.0
}

/// Requests that took at least `micros`, and all of them.
pub(crate) fn slow(histogram: &Histogram, micros: f64) -> Counts {
    let slow = histogram.0.iter().filter(|(bucket, _)| bucket_bounds_micros(*bucket).0 as f64 >= micros);
    Counts::new(histogram.count(), slow.map(|(_, count)| count).sum())
}

/// A quantile with its band; `events` are the requests slower than `limit_micros`.
pub(crate) fn quantile_band(histogram: &Histogram, quantile: f64, limit_micros: Option<f64>) -> Option<Band> {
    let estimate = histogram.quantile_micros(quantile)?;
    let requests = histogram.count();
    let below = Counts::new(requests, (quantile * requests as f64).round() as u64);
    let (low, high) = bernoulli_band(below, 0.05);
    let at = |share: f64| histogram.quantile_micros(share).unwrap_or(estimate);
    Some(Band {
        estimate,
        low: at(low).min(estimate),
        high: at(high).max(estimate),
        requests,
        events: limit_micros.map_or(0, |micros| slow(histogram, micros).failures()),
    })
}

#[cfg(test)]
mod tests {
    use staunch_model::bucket_of_micros;

    use super::*;

    #[test]
    fn the_margin_is_a_whole_number_of_bins() {
        for margin in [0.05, 0.10, 0.25, 0.5, 1.0] {
            let bins = Bins::around(20_000.0, margin);
            assert!((libm::exp(bins.shift * bins.step) - 1.0 - margin).abs() < 1e-9, "{margin}");
            assert!(bins.step > 0.04, "{margin}");
        }
        assert_eq!(Bins::around(20_000.0, 0.0).shift, 0.0);
    }

    #[test]
    fn what_has_no_headers_stays_the_slowest() {
        let bins = Bins::around(20_000.0, 0.1);
        assert_eq!(bins.bin(NO_HEADERS, 5.0), 127);
        assert!(bins.bin(bucket_of_micros(20_000), 0.0) > bins.bin(bucket_of_micros(20_000), bins.shift));
        assert_eq!(bins.bin(0, 3.0), 0);
    }
}
