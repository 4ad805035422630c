//! Latency laws as shares of the edge's own buckets, and histograms drawn from them: what tests freeze their bins on
//! must not be coarser here than there.

use staunch_model::{LATENCY_BUCKETS, bucket_bounds_micros};

use crate::chance::Chance;
use crate::draw::Odds;
use crate::world::World;

/// Buckets with less than this are left out; a billion requests do not miss them.
const NOTHING: f64 = 1e-9;

/// So many requests per bucket are drawn sooner one by one than by halving.
const ONE_BY_ONE: u64 = 3;

/// A quantile of fewer requests than this opens no gate.
const QUANTILE_REQUESTS: f64 = 300.0;

/// Where the tail begins that is stretched, and the percentile that tells by how much, as standard normal quantiles:
/// 98 % and 99 %.
const TAIL_FROM: f64 = 2.053_748_910_631_823;
const TAIL_AT: f64 = 2.326_347_874_040_841;

/// A version's latencies as the simulation draws them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cells {
    buckets: Vec<u16>,
    /// Share of all cells up to this one, ascending to 1; as long as `buckets`.
    upto: Vec<f64>,
    /// The chance of lying left of each middle, given its range: what the draw halves by.
    halves: Vec<Odds>,
}

/// How a version's latencies differ from the world's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shape {
    pub(crate) slower: f64,
    pub(crate) tail: f64,
}

impl Shape {
    pub(crate) const USUAL: Self = Self { slower: 1.0, tail: 1.0 };
}

/// The canary's when the fault is there.
pub(crate) fn fault(world: &World) -> Shape {
    Shape { slower: world.slower, tail: world.tail }
}

impl Cells {
    /// `speeds` are the logarithms of what the instances differ by; each takes an equal part of the requests.
    pub(crate) fn new(world: &World, shape: Shape, speeds: &[f64]) -> Self {
        let law = Law::new(world, shape);
        let below = |micros: u64| {
            let at = speeds.iter().map(|speed| law.below(micros as f64, *speed));
            at.sum::<f64>() / speeds.len().max(1) as f64
        };
        let (mut cells, mut before) =
            (Self { buckets: Vec::new(), upto: Vec::new(), halves: Vec::new() }, 0.0);
        for bucket in 0..LATENCY_BUCKETS as u16 {
            let upto = below(bucket_bounds_micros(bucket).1);
            if upto - before > NOTHING {
                cells.buckets.push(bucket);
                cells.upto.push(upto);
                before = upto;
            }
        }
        cells.complete()
    }

    /// The last cell takes what is beyond it.
    fn complete(mut self) -> Self {
        if self.buckets.is_empty() {
            (self.buckets, self.upto) = (vec![LATENCY_BUCKETS as u16 - 1], vec![1.0]);
        }
        if let Some(last) = self.upto.last_mut() {
            *last = 1.0;
        }
        self.halves = vec![Odds::new(0.0); self.buckets.len()];
        self.prepare(0, self.buckets.len());
        self
    }

    /// Each middle belongs to one range alone.
    fn prepare(&mut self, low: usize, high: usize) {
        if high - low > 1 {
            let middle = usize::midpoint(low, high);
            let (before, upto) = self.range(low, high);
            self.halves[middle] = Odds::new((self.upto[middle - 1] - before) / (upto - before));
            self.prepare(low, middle);
            self.prepare(middle, high);
        }
    }

    /// The same law, told apart only at these buckets (ascending): a range is drawn as its first bucket. As far as
    /// nothing else is asked, the draws are no other, and there are fewer of them.
    pub(crate) fn told_apart_at(&self, edges: &[u16]) -> Self {
        let starts = edges.iter().map(|edge| self.buckets.partition_point(|bucket| bucket < edge));
        let mut starts: Vec<usize> = std::iter::once(0).chain(starts).collect();
        starts.dedup();
        let ends = starts.iter().skip(1).copied().chain([self.buckets.len()]);
        let (buckets, upto) = starts
            .iter()
            .zip(ends)
            .filter(|(start, end)| *start < end)
            .map(|(&start, end)| (self.buckets[start], self.upto[end - 1]))
            .unzip();
        Self { buckets, upto, halves: Vec::new() }.complete()
    }

    /// The buckets in which the quantile of some hundred requests lies.
    pub(crate) fn around(&self, quantile: f64) -> &[u16] {
        // Three standard errors.
        let within = 3.0 * (quantile * (1.0 - quantile) / QUANTILE_REQUESTS).sqrt();
        let low = self.upto.partition_point(|upto| *upto < quantile - within);
        let high = self.upto.partition_point(|upto| *upto < quantile + within);
        &self.buckets[low..self.buckets.len().min(high + 2)]
    }

    /// `(bucket, share)`, ascending by bucket.
    pub(crate) fn shares(&self) -> impl Iterator<Item = (u16, f64)> {
        let before = std::iter::once(&0.0).chain(&self.upto);
        self.buckets
            .iter()
            .zip(self.upto.iter().zip(before))
            .map(|(bucket, (upto, before))| (*bucket, upto - before))
    }

    /// The latency of a share of all requests, in microseconds: the middle of its bucket.
    pub(crate) fn quantile_micros(&self, share: f64) -> f64 {
        let at = self.upto.partition_point(|upto| *upto < share).min(self.buckets.len() - 1);
        let (low, high) = bucket_bounds_micros(self.buckets[at]);
        (low + high) as f64 / 2.0
    }

    /// Adds `requests` drawn from the law to a histogram that ends before its first bucket.
    pub(crate) fn draw(&self, chance: &mut Chance, requests: u64, into: &mut Vec<(u16, u64)>) {
        self.halve(chance, requests, 0, self.buckets.len(), into);
    }

    /// Draws the buckets of what was drawn of the same law told apart at `edges`.
    pub(crate) fn spread(&self, chance: &mut Chance, edges: &[u16], drawn: &mut Vec<(u16, u64)>) {
        let at = |bucket: u16| self.buckets.partition_point(|own| *own < bucket);
        let mut buckets = std::collections::BTreeMap::<u16, u64>::new();
        for &(first, count) in drawn.iter() {
            let next = edges.iter().find(|edge| **edge > first).map_or(self.buckets.len(), |edge| at(*edge));
            for _ in 0..count {
                *buckets.entry(self.buckets[self.one(chance, at(first), next)]).or_default() += 1;
            }
        }
        *drawn = buckets.into_iter().collect();
    }

    /// A multinomial as a tree of binomials: halves without requests cost nothing.
    fn halve(&self, chance: &mut Chance, requests: u64, low: usize, high: usize, into: &mut Vec<(u16, u64)>) {
        if requests == 0 {
            return;
        }
        if high - low == 1 {
            return into.push((self.buckets[low], requests));
        }
        if requests <= ONE_BY_ONE * (high - low) as u64 {
            return self.each(chance, requests, low, high, into);
        }
        let middle = usize::midpoint(low, high);
        let left = self.halves[middle].draw(chance, requests);
        self.halve(chance, left, low, middle, into);
        self.halve(chance, requests - left, middle, high, into);
    }

    fn each(&self, chance: &mut Chance, requests: u64, low: usize, high: usize, into: &mut Vec<(u16, u64)>) {
        let begin = into.len();
        into.extend(self.buckets[low..high].iter().map(|bucket| (*bucket, 0)));
        for _ in 0..requests {
            into[begin + self.one(chance, low, high) - low].1 += 1;
        }
        let mut kept = begin;
        for at in begin..into.len() {
            if into[at].1 > 0 {
                into[kept] = into[at];
                kept += 1;
            }
        }
        into.truncate(kept);
    }

    fn one(&self, chance: &mut Chance, low: usize, high: usize) -> usize {
        let (before, upto) = self.range(low, high);
        let at = before + chance.unit() * (upto - before);
        (low + self.upto[low..high].partition_point(|upto| *upto <= at)).min(high - 1)
    }

    fn range(&self, low: usize, high: usize) -> (f64, f64) {
        (if low == 0 { 0.0 } else { self.upto[low - 1] }, self.upto[high - 1])
    }
}

/// A lognormal law, its tail stretched above the 98th percentile.
struct Law {
    log_median: f64,
    sigma: f64,
    stretch: f64,
}

impl Law {
    fn new(world: &World, shape: Shape) -> Self {
        let span = world.sigma * (TAIL_AT - TAIL_FROM);
        Self {
            log_median: libm::log(world.latency_ms * 1e3 * shape.slower),
            sigma: world.sigma,
            // In logarithms the tail is a line: this slope takes the 99th percentile to `tail` times itself.
            stretch: (span + libm::log(shape.tail)) / span,
        }
    }

    /// The share of requests faster than `micros` on an instance that is `exp(speed)` times as slow as the median.
    fn below(&self, micros: f64, speed: f64) -> f64 {
        let z = (libm::log(micros) - self.log_median - speed) / self.sigma;
        let z = if z > TAIL_FROM { TAIL_FROM + (z - TAIL_FROM) / self.stretch } else { z };
        0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
    }
}

#[cfg(test)]
mod tests {
    use staunch_model::Histogram;

    use super::*;

    fn usual(world: &World) -> Cells {
        Cells::new(world, Shape::USUAL, &[0.0])
    }

    #[test]
    fn quantiles_are_those_of_the_law() {
        let world = World::default();
        let cells = usual(&world);
        let near = |micros: f64, expected: f64| (micros / expected - 1.0).abs() < 0.045;
        assert!(near(cells.quantile_micros(0.5), 50_000.0));
        assert!(near(cells.quantile_micros(0.99), 50_000.0 * (0.6 * TAIL_AT).exp()));
        let tail = Cells::new(&world, Shape { slower: 1.0, tail: 2.0 }, &[0.0]);
        assert!(near(tail.quantile_micros(0.99), 2.0 * 50_000.0 * (0.6 * TAIL_AT).exp()));
        assert_eq!(tail.quantile_micros(0.9), cells.quantile_micros(0.9));
        let slower = Cells::new(&world, Shape { slower: 2.0, tail: 1.0 }, &[0.0]);
        assert!(near(slower.quantile_micros(0.5), 100_000.0));
    }

    #[test]
    fn draws_follow_the_shares() {
        let cells = usual(&World::default());
        let mut chance = Chance::new(1, 1);
        let mut sum = Histogram::default();
        for requests in [1, 2, 40, 99_957, 300_000] {
            let mut drawn = Vec::new();
            cells.draw(&mut chance, requests, &mut drawn);
            assert!(drawn.is_sorted_by(|a, b| a.0 < b.0));
            let drawn = Histogram(drawn);
            assert_eq!(drawn.count(), requests);
            sum.merge(&drawn);
        }
        let seen = |bucket| sum.0.iter().find(|entry| entry.0 == bucket).map_or(0.0, |entry| entry.1 as f64);
        let expected = cells.shares().map(|(bucket, share)| (bucket, share * 400_000.0));
        let misfits: Vec<f64> =
            expected.filter(|e| e.1 > 10.0).map(|(b, e)| (seen(b) - e) * (seen(b) - e) / e).collect();
        let freedom = misfits.len() as f64;
        assert!(misfits.iter().sum::<f64>() < freedom + 5.0 * (2.0 * freedom).sqrt(), "{misfits:?}");
    }

    #[test]
    fn ranges_have_the_shares_of_their_buckets() {
        let cells = usual(&World::default());
        let edges = [0, 300, 301, 340, 340, 899];
        let coarse: Vec<(u16, f64)> = cells.told_apart_at(&edges).shares().collect();
        for (at, &(first, share)) in coarse.iter().enumerate() {
            let next = coarse.get(at + 1).map_or(u16::MAX, |next| next.0);
            let within = cells.shares().filter(|(bucket, _)| (first..next).contains(bucket));
            assert!((within.map(|(_, share)| share).sum::<f64>() - share).abs() < 1e-12, "{first}");
            assert!(
                at == 0 || edges.iter().any(|edge| *edge <= first && coarse[at - 1].0 < *edge),
                "{first}"
            );
        }
        assert_eq!(coarse.len(), 4, "{coarse:?}");
        assert_eq!(cells.told_apart_at(&[]).shares().count(), 1);
    }

    #[test]
    fn laws_beyond_the_scale_are_its_ends() {
        for text in ["latency-ms=60000,sigma=3", "latency-ms=0.1,sigma=3", "latency-ms=60000,slower=100"] {
            let world = World::read(text).unwrap();
            let cells = Cells::new(&world, Shape { slower: world.slower, tail: 1.0 }, &[0.0, 1.0]);
            let total: f64 = cells.shares().map(|(_, share)| share).sum();
            assert!((total - 1.0).abs() < 1e-12, "{text}: {total}");
        }
    }
}
