//! Sequential comparison of two latency distributions: bets on the label of each request, given its bin.

use std::sync::Arc;

use crate::math::{exp, ln};
use crate::mixture::Mixture;

/// Which way the canary is suspected to differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Tail {
    /// Harm. Null: the canary is stochastically not slower than stable.
    Slower,
    /// Pass, the mirror image. Null: the canary is stochastically not faster than stable.
    Faster,
}

/// Is the canary slower than stable, or not? The caller freezes the bins (ascending in latency) before the first
/// request is counted, and shifts the canary's bins by the margin that it tolerates.
///
/// For a non-decreasing score `g` let `u(b) ∝ exp(η g(b))`, of mean 1 under the past's histogram. A request in bin `b`
/// multiplies by `u/(wu+1−w)` when it is the canary's and by `1/(wu+1−w)` when it is stable's, where `w` was its
/// chance of being the canary's. The expectation is at most 1 under the null for any histogram, bins and drift.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RankTest {
    tail: Tail,
    mixture: Mixture,
    /// Stable's counts so far, in the order of suspicion (reversed for [`Tail::Faster`]).
    baseline: Vec<u64>,
    /// The counts the bets are built on: a copy made at moments that depend on counts of stable alone.
    frozen: Vec<u64>,
    #[cfg_attr(feature = "serde", serde(skip))]
    tables: Vec<Arc<Table>>,
}

/// The bets are not placed before stable has shown its distribution by this many requests.
const BASELINE_REQUESTS: u64 = 100;
/// Beyond this many requests the past is halved, so that the bets follow a drift of the day.
const BASELINE_MEMORY: u64 = 200_000;
/// Splits that are in flight at the same time: the present one and the one before, with one to spare.
const TABLES: usize = 3;

const TILTS: [f64; 4] = [0.15, 0.35, 0.8, 1.6];
const STEP_QUANTILES: [f64; 3] = [0.99, 0.999, 0.9999];
const STEP_RATIOS: [f64; 5] = [1.5, 2.5, 5.0, 20.0, 200.0];

impl RankTest {
    pub fn new(tail: Tail, bins: usize) -> Self {
        let prior: Vec<f64> = bets(tail).iter().map(|(weight, _)| *weight).collect();
        let mixture = match tail {
            Tail::Slower => Mixture::with_restarts(&prior),
            Tail::Faster => Mixture::plain(&prior),
        };
        Self { tail, mixture, baseline: vec![0; bins], frozen: Vec::new(), tables: Vec::new() }
    }

    /// One bucket: `(bin, requests)` per arm, all assigned with probability `share` to the canary. Bins beyond the
    /// last count as the last. Without a random assignment (`share` 0 or 1) there is no bet.
    pub fn observe(&mut self, share: f64, canary: &[(u16, u64)], stable: &[(u16, u64)]) {
        if self.baseline.is_empty() {
            return;
        }
        self.refresh();
        if share > 0.0 && share < 1.0 && !self.frozen.is_empty() {
            self.bet(share, canary, stable);
        }
        for &(bin, count) in stable {
            let at = self.place(bin);
            self.baseline[at] = self.baseline[at].saturating_add(count);
        }
    }

    /// Evidence begins anew (pass) or fresh mass is bet (harm); the baseline stays.
    pub fn restart(&mut self) {
        match self.tail {
            Tail::Slower => self.mixture.restart(),
            Tail::Faster => self.mixture = Self::new(self.tail, 0).mixture,
        }
    }

    pub fn log_e(&self) -> f64 {
        self.mixture.log_e()
    }

    fn bet(&mut self, share: f64, canary: &[(u16, u64)], stable: &[(u16, u64)]) {
        let table = self.table(share);
        let place = |bin: u16| place(self.tail, self.baseline.len(), bin);
        self.mixture.step(|bet| {
            let of = |arm: &[(u16, u64)], logs: &[f64]| -> f64 {
                arm.iter().map(|&(bin, count)| count as f64 * logs[place(bin)]).sum()
            };
            let row = &table.rows[bet];
            of(canary, &row.canary) + of(stable, &row.stable)
        });
    }

    /// Copies the baseline when it has grown by a tenth since the last copy: a rule that sees no canary.
    fn refresh(&mut self) {
        let known: u64 = self.baseline.iter().sum();
        let used: u64 = self.frozen.iter().sum();
        if known < BASELINE_REQUESTS || known < used.saturating_add(used / 10) || known == used {
            return;
        }
        if known > BASELINE_MEMORY {
            self.baseline.iter_mut().for_each(|count| *count /= 2);
        }
        self.frozen.clone_from(&self.baseline);
        self.tables.clear();
    }

    fn table(&mut self, share: f64) -> Arc<Table> {
        if let Some(known) = self.tables.iter().find(|table| table.share == share) {
            return Arc::clone(known);
        }
        let table = Arc::new(Table::new(self.tail, &self.frozen, share));
        self.tables.truncate(TABLES - 1);
        self.tables.insert(0, Arc::clone(&table));
        table
    }

    fn place(&self, bin: u16) -> usize {
        place(self.tail, self.baseline.len(), bin)
    }
}

/// Equality of the evidence: the tables follow from it.
impl PartialEq for RankTest {
    fn eq(&self, other: &Self) -> bool {
        self.tail == other.tail
            && self.mixture == other.mixture
            && self.baseline == other.baseline
            && self.frozen == other.frozen
    }
}

fn place(tail: Tail, bins: usize, bin: u16) -> usize {
    let at = usize::from(bin).min(bins - 1);
    match tail {
        Tail::Slower => at,
        Tail::Faster => bins - 1 - at,
    }
}

#[derive(Debug, Clone, Copy)]
enum Score {
    Wilcoxon(f64),
    Savage(f64),
    Step { quantile: f64, ratio: f64 },
}

/// The bets and their weights: half on shifts of the whole distribution, half on its far tail. The mirror image has
/// no far tail worth a bet.
fn bets(tail: Tail) -> Vec<(f64, Score)> {
    let shifts = TILTS.iter().flat_map(|&eta| [Score::Wilcoxon(eta), Score::Savage(eta)]);
    let steps = STEP_QUANTILES
        .iter()
        .flat_map(|&quantile| STEP_RATIOS.iter().map(move |&ratio| Score::Step { quantile, ratio }));
    let shifts = shifts.map(|score| (0.5 / 8.0, score));
    match tail {
        Tail::Slower => shifts.chain(steps.map(|score| (0.5 / 15.0, score))).collect(),
        Tail::Faster => shifts.collect(),
    }
}

/// Log factors per bet and bin for one assignment probability.
#[derive(Debug)]
struct Table {
    share: f64,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    canary: Vec<f64>,
    stable: Vec<f64>,
}

impl Table {
    fn new(tail: Tail, baseline: &[u64], share: f64) -> Self {
        let shape = Shape::new(baseline);
        let rows = bets(tail).iter().map(|(_, score)| shape.row(*score, share)).collect();
        Self { share, rows }
    }
}

/// The baseline as shares per bin and middle ranks.
struct Shape {
    share: Vec<f64>,
    rank: Vec<f64>,
}

impl Shape {
    fn new(baseline: &[u64]) -> Self {
        let total = baseline.iter().sum::<u64>().max(1) as f64;
        let share: Vec<f64> = baseline.iter().map(|&count| count as f64 / total).collect();
        let mut below = 0.0;
        let rank = share.iter().map(|f| {
            below += f;
            below - f / 2.0
        });
        Self { rank: rank.collect(), share }
    }

    fn row(&self, score: Score, w: f64) -> Row {
        let raw: Vec<f64> = (0..self.share.len()).map(|bin| self.tilt(score, bin)).collect();
        let mean: f64 = raw.iter().zip(&self.share).map(|(u, f)| u * f).sum();
        let pooled = raw.iter().map(|u| ln(w * u / mean + 1.0 - w));
        let stable: Vec<f64> = pooled.map(|log| -log).collect();
        let canary = raw.iter().zip(&stable).map(|(u, log)| ln(u / mean) + log).collect();
        Row { canary, stable }
    }

    fn tilt(&self, score: Score, bin: usize) -> f64 {
        match score {
            Score::Wilcoxon(eta) => exp(eta * (2.0 * self.rank[bin] - 1.0)),
            Score::Savage(eta) => exp(eta * (-ln((1.0 - self.rank[bin]).max(1e-6)) - 1.0).min(6.0)),
            // The whole bin lies above the quantile.
            Score::Step { quantile, ratio } => {
                if self.rank[bin] - self.share[bin] / 2.0 >= quantile - 1e-12 {
                    ratio
                } else {
                    1.0
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINS: usize = 8;

    fn warmed(tail: Tail, baseline: &[u64; BINS]) -> RankTest {
        let mut test = RankTest::new(tail, BINS);
        let stable: Vec<(u16, u64)> = (0..).zip(baseline.iter().copied()).collect();
        test.observe(0.5, &[], &stable);
        test
    }

    /// Exact expectation of the process after one request whose bins follow `canary` and `stable`.
    fn expectation(test: &RankTest, w: f64, canary: &[f64; BINS], stable: &[f64; BINS]) -> f64 {
        let after = |canary: &[(u16, u64)], stable: &[(u16, u64)]| {
            let mut next = test.clone();
            next.observe(w, canary, stable);
            exp(next.log_e())
        };
        (0..BINS)
            .map(|bin| {
                let request = [(bin as u16, 1)];
                w * canary[bin] * after(&request, &[]) + (1.0 - w) * stable[bin] * after(&[], &request)
            })
            .sum()
    }

    const EVEN: [f64; BINS] = [0.125; BINS];
    const LEFT: [f64; BINS] = [0.4, 0.2, 0.15, 0.1, 0.05, 0.05, 0.03, 0.02];
    const RIGHT: [f64; BINS] = [0.02, 0.03, 0.05, 0.05, 0.1, 0.15, 0.2, 0.4];

    #[test]
    fn no_null_gains_whatever_the_baseline_looked_like() {
        let baselines = [[20; BINS], [0, 0, 0, 500, 0, 0, 0, 0], [1, 3, 900, 50, 20, 9, 2, 0]];
        for baseline in &baselines {
            for w in [0.01, 0.05, 0.5, 0.95] {
                let (slower, faster) = (warmed(Tail::Slower, baseline), warmed(Tail::Faster, baseline));
                for (fast, slow) in [(&EVEN, &EVEN), (&LEFT, &EVEN), (&EVEN, &RIGHT), (&LEFT, &RIGHT)] {
                    assert!(expectation(&slower, w, fast, slow) <= 1.0 + 1e-12);
                    assert!(expectation(&faster, w, slow, fast) <= 1.0 + 1e-12);
                }
            }
        }
    }

    #[test]
    fn the_alternative_gains() {
        let slower = warmed(Tail::Slower, &[20; BINS]);
        assert!(expectation(&slower, 0.5, &RIGHT, &EVEN) > 1.01);
        let faster = warmed(Tail::Faster, &[20; BINS]);
        assert!(expectation(&faster, 0.5, &LEFT, &EVEN) > 1.01);
    }

    #[test]
    fn nothing_is_bet_before_stable_is_known_or_without_a_coin() {
        let mut test = RankTest::new(Tail::Slower, BINS);
        test.observe(0.5, &[(7, 1_000)], &[(0, 99)]);
        test.observe(0.5, &[(7, 1_000)], &[(0, 1)]);
        test.observe(0.0, &[(7, 1_000)], &[]);
        test.observe(1.0, &[(7, 1_000)], &[]);
        assert!(test.log_e().abs() < 1e-12);
        test.observe(0.5, &[(7, 10)], &[]);
        assert!(test.log_e() > 1.0);
    }

    #[test]
    fn bins_beyond_the_last_are_the_last() {
        let (mut inside, mut beyond) = (warmed(Tail::Slower, &[20; BINS]), warmed(Tail::Slower, &[20; BINS]));
        inside.observe(0.1, &[(7, 3)], &[(7, 1)]);
        beyond.observe(0.1, &[(900, 3)], &[(u16::MAX, 1)]);
        assert_eq!(inside, beyond);
    }
}
