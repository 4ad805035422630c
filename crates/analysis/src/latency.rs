//! Latencies onto the frozen bins of the rank comparison.

use serde::{Deserialize, Serialize};
use staunch_evidence::{Counts, LatencyShares, RankComparison, VerdictRange, bernoulli_band};
use staunch_model::{Histogram, LATENCY_BUCKETS, bucket_bounds_micros, bucket_of_micros};

use crate::intake::Arms;
use crate::verdict::Band;

/// The bins are frozen when stable has shown this many requests.
const ENOUGH_TO_FREEZE: u64 = 100;
/// Where attempts without response headers are: the slowest there is, margin or not.
pub(crate) const NO_HEADERS: u16 = LATENCY_BUCKETS as u16 - 1;

/// Is the canary slower than stable by more than a margin, or surely not?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LatencyTest {
    pub(crate) margin: f64,
    bins: Option<Bins>,
    early: Histogram,
    test: RankComparison,
}

impl LatencyTest {
    pub(crate) fn new(margin: f64) -> Self {
        Self { margin, bins: None, early: Histogram::default(), test: RankComparison::new(BINS) }
    }

    /// `share` is the canary's part of the random assignment. Only a bucket of the present split counts for a pass.
    pub(crate) fn observe(&mut self, share: f64, latency: Arms<&Histogram>, present: bool) {
        let Some(bins) = &self.bins else { return self.learn(latency.stable) };
        let canary = counts(&bins.canary, latency.canary);
        let stable = counts(&bins.stable, latency.stable);
        self.test.observe(share, &canary, &stable, present);
    }

    /// The first buckets of the bins, once they are frozen.
    pub(crate) fn edges(&self) -> Option<Arms<&[u16]>> {
        self.bins.as_ref().map(|bins| Arms { canary: &*bins.canary, stable: &*bins.stable })
    }

    /// Until a pass at `level`, if the canary is as fast as stable was.
    pub(crate) fn forecast(&self, stable: &Histogram, share: f64, level: f64) -> Option<VerdictRange> {
        let bins = self.bins.as_ref()?;
        let [canary, stable] = [&bins.canary, &bins.stable].map(|edges| shares(&counts(edges, stable)));
        self.test.forecast_pass(LatencyShares { canary: &canary, stable: &stable }, share, level)
    }

    pub(crate) fn tick(&mut self) {
        self.test.restart_harm();
    }

    pub(crate) fn enter_split(&mut self) {
        self.test.restart_pass();
    }

    pub(crate) fn log_e_harm(&self) -> f64 {
        self.test.log_e_harm()
    }

    pub(crate) fn log_e_pass(&self) -> f64 {
        self.test.log_e_pass()
    }

    /// Sees stable alone: freezing must not depend on the canary.
    fn learn(&mut self, stable: &Histogram) {
        self.early.merge(stable);
        let Some(median) = self.early.quantile_micros(0.5) else { return };
        if self.early.count() < ENOUGH_TO_FREEZE {
            return;
        }
        let bins = Bins::around(median, self.margin);
        let known = counts(&bins.stable, &std::mem::take(&mut self.early));
        // A share of 0 bets nothing: the first requests only become the baseline.
        self.test.observe(0.0, &[], &known, true);
        self.bins = Some(bins);
    }
}

/// Bins as steps from stable's median: how many, and how wide each is. Fine where most requests are, so that a shift
/// of a few percent shows; 48 bins then reach from a sixteenth of the median to 3 000 times.
const FASTER: [(usize, f64); 2] = [(12, 1.1), (4, 1.5)];
const SLOWER: [(usize, f64); 3] = [(12, 1.1), (12, 1.25), (6, 2.0)];
const BINS: u16 = 48;

/// The first bucket of every bin but the lowest, ascending; the canary's are slower by the margin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Bins {
    stable: Vec<u16>,
    canary: Vec<u16>,
}

impl Bins {
    fn around(median_micros: f64, margin: f64) -> Self {
        let slower = 1.0 + if margin.is_finite() { margin.clamp(0.0, 100.0) } else { 0.0 };
        let edges = edges(median_micros.max(0.5));
        let nexts = edges.iter().skip(1).copied().chain([f64::INFINITY]);
        let pairs = edges.iter().zip(nexts).map(|(&edge, next)| best_edge(edge, next, slower));
        let (stable, canary) = pairs.unzip();
        Self { stable, canary }
    }
}

/// Where bins begin, in microseconds.
fn edges(median: f64) -> Vec<f64> {
    let walk = |steps: &[(usize, f64)], way: fn(f64, f64) -> f64| {
        let ratios = steps.iter().flat_map(|&(count, ratio)| std::iter::repeat_n(ratio, count));
        let ends = ratios.scan(median, |at, ratio| {
            *at = way(*at, ratio);
            Some(*at)
        });
        ends.collect::<Vec<f64>>()
    };
    let mut edges = walk(&FASTER, |at, ratio| at / ratio);
    edges.reverse();
    edges.push(median);
    edges.extend(walk(&SLOWER, |at, ratio| at * ratio));
    edges
}

/// The pair of buckets, one for each arm, that begin at least the margin apart and as little more as possible, with
/// stable's between `edge` and `next`. Never less than the margin: buckets are 3 % wide, and rounding must not make a
/// canary that is within its margin look slower.
fn best_edge(edge: f64, next: f64, slower: f64) -> (u16, u16) {
    let first = bucket_of_micros(edge as u64);
    let pairs =
        (first..=NO_HEADERS).take_while(|bucket| *bucket == first || low(*bucket) < next).map(|bucket| {
            let canary = first_bucket_from(slower * low(bucket));
            (bucket, canary, low(canary) / low(bucket))
        });
    let best = pairs.min_by(|a, b| a.2.total_cmp(&b.2));
    best.map_or((NO_HEADERS, NO_HEADERS), |(stable, canary, _)| (stable, canary))
}

/// The first bucket that begins at `micros` or later.
pub(crate) fn first_bucket_from(micros: f64) -> u16 {
    let bucket = bucket_of_micros(micros as u64);
    (bucket + u16::from(low(bucket) < micros)).min(NO_HEADERS)
}

fn low(bucket: u16) -> f64 {
    bucket_bounds_micros(bucket).0 as f64
}

fn shares(counts: &[(u16, u64)]) -> [f64; BINS as usize] {
    let total = counts.iter().map(|(_, count)| count).sum::<u64>().max(1) as f64;
    let mut shares = [0.0; BINS as usize];
    for &(bin, count) in counts {
        shares[usize::from(bin.min(BINS - 1))] += count as f64 / total;
    }
    shares
}

/// The histogram on bins that begin at `edges`: both ascend, so one walk suffices.
fn counts(edges: &[u16], histogram: &Histogram) -> Vec<(u16, u64)> {
    let mut counts: Vec<(u16, u64)> = Vec::with_capacity(histogram.0.len().min(usize::from(BINS)));
    let mut bin = 0;
    for &(bucket, count) in &histogram.0 {
        bin += edges[bin..].iter().take_while(|edge| **edge <= bucket).count();
        match counts.last_mut() {
            Some(last) if usize::from(last.0) == bin => last.1 = last.1.saturating_add(count),
            Some(_) | None => counts.push((bin as u16, count)),
        }
    }
    counts
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
    use super::*;

    const MEDIANS: [f64; 5] = [0.0, 40.0, 900.0, 20_000.0, 90e6];

    #[test]
    fn arms_are_at_least_the_margin_apart_and_hardly_more() {
        for margin in [0.0, 0.05, 0.10, 0.25, 0.5, 1.0] {
            let bins = Bins::around(20_000.0, margin);
            let pairs = bins.stable.iter().zip(&bins.canary).filter(|(_, canary)| **canary < NO_HEADERS);
            let ratios: Vec<f64> = pairs.map(|(&stable, &canary)| low(canary) / low(stable)).collect();
            let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
            assert!(
                ratios.len() > 40 && ratios.iter().all(|ratio| *ratio >= 1.0 + margin),
                "{margin} {ratios:?}"
            );
            assert!(mean < 1.004 * (1.0 + margin), "{margin} {mean}");
        }
    }

    #[test]
    fn bins_ascend_wherever_the_median_is() {
        for median in MEDIANS {
            for margin in [0.0, 0.1, f64::NAN, 1e9] {
                let bins = Bins::around(median, margin);
                assert_eq!(bins.stable.len(), usize::from(BINS) - 1);
                assert!(bins.stable.is_sorted() && bins.canary.is_sorted(), "{median} {margin}");
            }
        }
    }

    #[test]
    fn what_has_no_headers_stays_the_slowest() {
        for median in MEDIANS {
            let bins = Bins::around(median, 0.1);
            let worst = Histogram(vec![(0, 1), (NO_HEADERS, 2)]);
            assert_eq!(counts(&bins.canary, &worst).last(), Some(&(BINS - 1, 2)));
            assert_eq!(counts(&bins.stable, &worst).last(), Some(&(BINS - 1, 2)));
        }
    }

    #[test]
    fn buckets_of_one_bin_are_added_up() {
        let edges = [10, 20, 20, 30];
        let histogram = Histogram(vec![(3, 1), (9, 2), (10, 4), (25, 8), (29, 16), (700, 32)]);
        assert_eq!(counts(&edges, &histogram), [(0, 3), (1, 4), (3, 24), (4, 32)]);
    }

    #[test]
    fn memory_and_checkpoint_stay_below_four_kilobytes() {
        let mut test = LatencyTest::new(0.1);
        let traffic = Histogram((400..520).map(|bucket| (bucket, 50)).collect());
        for _ in 0..200 {
            test.observe(0.05, Arms { canary: &traffic, stable: &traffic }, true);
            test.tick();
        }
        let bins = 2 * size_of_val(&*test.bins.as_ref().expect("frozen").stable);
        let own = size_of::<LatencyTest>() - size_of::<RankComparison>();
        let memory = own + bins + test.test.state_bytes();
        assert!(memory < 4_096, "{memory} bytes");
        let checkpoint = serde_json::to_string(&test).expect("serialises").len();
        assert!(checkpoint < 4_096, "{checkpoint} bytes");
    }
}
