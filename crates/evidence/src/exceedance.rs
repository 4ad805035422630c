//! Latency from scraped histograms, where nobody tossed a coin for each request that we know of.

use crate::Counts;
use crate::math::open_unit;
use crate::mixture::Mixture;

/// Which way the canary is suspected to differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Tail {
    /// Harm.
    Slower,
    /// Pass, the mirror image.
    Faster,
}

/// The claim of [`Tail`], decided by how many requests of each arm exceed edges near stable's p50, p90 and p99.
///
/// Null of [`Tail::Slower`]: in each scrape the canary exceeds `(1 + margin)` times an edge with at most the
/// probability with which stable exceeds the edge, for all edges; of [`Tail::Faster`]: with at least that probability.
///
/// Per edge a block e-variable for two proportions (Turner, Ly and Grünwald, 2022): with predicted shares `θ_s` and
/// `θ_o` of the suspect and the other arm, and `θ_0` their mean by the scrape's own numbers of requests, the factor is
/// the likelihood ratio of `(θ_s, θ_o)` to `(θ_0, θ_0)`. Its expectation is at most 1 when both shares are the same,
/// and less when the suspect's is the smaller, since the factor rises with the suspect's exceedances and falls with the
/// other's. Edges are chosen from stable's past alone.
///
/// Assumes requests that are independent given the past, and the same mix of requests on both arms; broken by one slow
/// instance (margin, more instances) and by time-outs that the histogram leaves out. Edges far apart see a margin only
/// coarsely: with 10 % and edges twice apart, the canary must be twice as slow.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Exceedance {
    tail: Tail,
    edges: Vec<f64>,
    margin: f64,
    /// The canary's and stable's requests; a scrape in which one arm had none is carried over into the next.
    open: [Vec<u64>; 2],
    baseline: Vec<f64>,
    mixture: Mixture,
}

const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];
/// How many times larger the suspect's odds of exceeding an edge are, to bet on.
const ODDS: [f64; 5] = [1.2, 1.6, 2.5, 6.0, 30.0];
/// No bets before stable has shown its distribution by this many requests.
const BASELINE_REQUESTS: f64 = 100.0;
/// What is kept of the baseline at each scrape: a memory of 240 scrapes, an hour at 15 s.
const KEEP: f64 = 1.0 - 1.0 / 240.0;

impl Exceedance {
    /// `edges` of the buckets in any unit, ascending, without the infinite one; `margin` relative, 0.1 = 10 %. Edges
    /// that are not positive, finite and ascending are no histogram: nothing is ever bet.
    pub fn new(tail: Tail, edges: &[f64], margin: f64) -> Self {
        let ascend = edges.windows(2).all(|pair| pair[0] < pair[1]);
        let usable = ascend && edges.iter().all(|edge| edge.is_finite() && *edge > 0.0);
        let edges = if usable { edges.to_vec() } else { Vec::new() };
        let bets = [1.0; QUANTILES.len() * ODDS.len()];
        let mixture = match tail {
            Tail::Slower => Mixture::with_restarts(&bets),
            Tail::Faster => Mixture::plain(&bets),
        };
        let none = vec![0; edges.len() + 1];
        Self {
            tail,
            margin: if margin.is_finite() { margin.max(0.0) } else { 0.0 },
            open: [none.clone(), none],
            baseline: vec![0.0; edges.len() + 1],
            edges,
            mixture,
        }
    }

    /// Requests per bucket since the last look, the last bucket beyond all edges ([`ScrapedHistogram`] makes them of
    /// counters). What is not one number per bucket is left out.
    ///
    /// [`ScrapedHistogram`]: crate::ScrapedHistogram
    pub fn observe(&mut self, canary: &[u64], stable: &[u64]) {
        for (open, more) in self.open.iter_mut().zip([canary, stable]) {
            if more.len() == open.len() {
                open.iter_mut().zip(more).for_each(|(sum, more)| *sum = sum.saturating_add(*more));
            }
        }
        if self.open.iter().any(|arm| arm.iter().all(|&count| count == 0)) {
            return;
        }
        self.bet();
        self.learn();
        self.open.iter_mut().flatten().for_each(|count| *count = 0);
    }

    fn bet(&mut self) {
        if self.baseline.iter().sum::<f64>() < BASELINE_REQUESTS {
            return;
        }
        let at_edges = QUANTILES.map(|quantile| self.at_edge(quantile));
        self.mixture.step(|index| match &at_edges[index / ODDS.len()] {
            Some(at_edge) => at_edge.log_factor(ODDS[index % ODDS.len()]),
            None => 0.0,
        });
    }

    /// The counts on both sides of the edge at stable's quantile, and of the canary's with the margin; `None` when no
    /// edge is left for it.
    fn at_edge(&self, quantile: f64) -> Option<AtEdge> {
        let total: f64 = self.baseline.iter().sum();
        let mut below = 0.0;
        let edge = self.baseline.iter().position(|count| {
            below += count;
            below >= quantile * total
        })?;
        let value = *self.edges.get(edge)?;
        let canary_edge = self.with_margin(value)?;
        let canary = exceeding(&self.open[0], canary_edge);
        let stable = exceeding(&self.open[1], edge);
        let usual = open_unit(1.0 - below / total);
        let (suspect, other) = match self.tail {
            Tail::Slower => (canary, stable),
            Tail::Faster => (stable, canary),
        };
        Some(AtEdge { suspect, other, usual })
    }

    /// The edge next to `(1 + margin) · value` on the side on which the null stays true.
    fn with_margin(&self, value: f64) -> Option<usize> {
        let wanted = (1.0 + self.margin) * value;
        match self.tail {
            Tail::Slower => self.edges.iter().position(|&edge| edge >= wanted),
            Tail::Faster => self.edges.iter().rposition(|&edge| edge <= wanted),
        }
    }

    fn learn(&mut self) {
        for (known, &count) in self.baseline.iter_mut().zip(&self.open[1]) {
            *known = KEEP * *known + count as f64;
        }
    }

    /// Bets fresh mass, for a fault that begins late. Of [`Tail::Faster`] there is none.
    pub fn restart(&mut self) {
        self.mixture.restart();
    }

    pub fn log_e(&self) -> f64 {
        self.mixture.log_e()
    }
}

fn exceeding(histogram: &[u64], edge: usize) -> Counts {
    let sum = |counts: &[u64]| counts.iter().fold(0_u64, |sum, &count| sum.saturating_add(count));
    Counts::new(sum(histogram), sum(&histogram[edge + 1..]))
}

/// Requests of both arms, and how many exceeded an edge that stable exceeds with the share `usual`.
struct AtEdge {
    suspect: Counts,
    other: Counts,
    usual: f64,
}

impl AtEdge {
    fn log_factor(&self, odds_ratio: f64) -> f64 {
        // A share of at most 1, further from the usual one the larger the odds: predicted from the past.
        let odds = odds_ratio * self.usual / (1.0 - self.usual);
        let worse = open_unit(odds / (1.0 + odds));
        let weight = self.suspect.n() / (self.suspect.n() + self.other.n());
        let pooled = open_unit(weight * worse + (1.0 - weight) * self.usual);
        self.suspect.log_ratio(worse, pooled) + self.other.log_ratio(self.usual, pooled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::exp;

    /// Edges at 10, 20, 40 and 80 ms, and beyond.
    const EDGES: [f64; 4] = [10.0, 20.0, 40.0, 80.0];
    const BASELINE: [u64; 5] = [50, 42, 4, 3, 1];

    /// A test that knows stable, with no evidence yet.
    fn warmed(tail: Tail, margin: f64) -> Exceedance {
        let mut test = Exceedance::new(tail, &EDGES, margin);
        test.observe(&one(0), &BASELINE.map(|count| 2 * count));
        test
    }

    fn after(mut test: Exceedance, canary: &[u64; 5], stable: &[u64; 5]) -> f64 {
        test.observe(canary, stable);
        test.log_e()
    }

    /// One request in the bucket `at`.
    fn one(at: usize) -> [u64; 5] {
        std::array::from_fn(|bucket| u64::from(bucket == at))
    }

    /// Expectation after one request of the canary and two of stable.
    fn expectation(tail: Tail, margin: f64, canary: &[f64; 5], stable: &[f64; 5]) -> f64 {
        let over = |chances: &[f64; 5], e: &dyn Fn(usize) -> f64| -> f64 {
            chances.iter().enumerate().map(|(bucket, chance)| chance * e(bucket)).sum()
        };
        let e = |c: usize, a: usize, b: usize| {
            let both = std::array::from_fn(|bucket| one(a)[bucket] + one(b)[bucket]);
            exp(after(warmed(tail, margin), &one(c), &both))
        };
        over(canary, &|c| over(stable, &|a| over(stable, &|b| e(c, a, b))))
    }

    const EVEN: [f64; 5] = [0.2; 5];
    const FAST: [f64; 5] = [0.5, 0.3, 0.1, 0.06, 0.04];
    /// `FAST` twice as slow.
    const TWICE: [f64; 5] = [0.0, 0.5, 0.3, 0.1, 0.1];

    #[test]
    fn no_null_gains() {
        for (fast, slow) in [(&EVEN, &EVEN), (&FAST, &FAST), (&FAST, &EVEN)] {
            assert!(expectation(Tail::Slower, 0.0, fast, slow) <= 1.0 + 1e-9);
            assert!(expectation(Tail::Faster, 0.0, slow, fast) <= 1.0 + 1e-9);
        }
        assert!(expectation(Tail::Slower, 1.0, &TWICE, &FAST) <= 1.0 + 1e-9, "within the margin");
        assert!(expectation(Tail::Faster, 1.0, &TWICE, &FAST) <= 1.0 + 1e-9, "at the margin");
    }

    #[test]
    fn the_alternative_gains() {
        assert!(expectation(Tail::Slower, 0.0, &TWICE, &FAST) > 1.05);
        assert!(expectation(Tail::Faster, 0.0, &FAST, &TWICE) > 1.01);
        assert!(expectation(Tail::Faster, 1.0, &FAST, &FAST) > 1.01, "equal is below the margin");
    }

    #[test]
    fn a_scrape_without_requests_of_one_arm_is_carried_over() {
        let mut apart = warmed(Tail::Slower, 0.0);
        apart.observe(&one(4), &[0; 5]);
        let together = after(warmed(Tail::Slower, 0.0), &one(4), &BASELINE);
        assert_eq!(after(apart, &[0; 5], &BASELINE), together);
        assert!(together > 0.0);
    }

    #[test]
    fn what_is_no_histogram_says_nothing() {
        for edges in [&[][..], &[2.0, 1.0], &[f64::NAN], &[1.0, f64::INFINITY], &[0.0, 1.0]] {
            let mut test = Exceedance::new(Tail::Slower, edges, f64::NAN);
            for scrape in [&[][..], &[300], &[100, 200, 300], &[5, 9, 1_000_000_000_000]] {
                test.observe(scrape, scrape);
            }
            assert!(test.log_e().abs() < 1e-12, "{edges:?}");
        }
    }

    #[test]
    fn any_counts_give_a_number() {
        let huge = 1_000_000_000_000;
        let (fast, slow) = ([huge, 0, 0, 0, 0], [0, 0, 0, 0, u64::MAX]);
        assert!(after(warmed(Tail::Slower, 0.0), &slow, &fast) > 1e6);
        assert!(after(warmed(Tail::Slower, 0.0), &fast, &slow).is_finite());
        assert!(after(warmed(Tail::Faster, 0.0), &fast, &[u64::MAX; 5]).is_finite());
    }
}
