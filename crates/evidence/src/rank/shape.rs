//! The frozen baseline as the bets see it.

use super::bets::{CUTS, SHIFTS, Scores};
use crate::math::{exp, ln};

#[derive(Debug, Clone)]
pub(super) struct Shape {
    scores: Vec<Scores>,
    /// Log of the mean of `exp(η g)` per shift. Any number is valid; this one makes the bets fair at equality.
    log_mean: [f64; SHIFTS],
    /// Per cut the first bin that lies wholly above the quantile, and the share of stable from there on.
    cuts: [(usize, f64); CUTS.len()],
}

impl Shape {
    pub(super) fn new(baseline: &[u32]) -> Self {
        let total = baseline.iter().map(|&count| f64::from(count)).sum::<f64>().max(1.0);
        let shares: Vec<f64> = baseline.iter().map(|&count| f64::from(count) / total).collect();
        let scores: Vec<Scores> = middle_ranks(&shares).map(Scores::of).collect();
        Self {
            log_mean: log_mean(&scores, &shares),
            cuts: CUTS.map(|quantile| cut(&shares, quantile)),
            scores,
        }
    }

    pub(super) fn bins(&self) -> usize {
        self.scores.len()
    }

    pub(super) fn scores(&self, bin: usize) -> Scores {
        self.scores[bin]
    }

    pub(super) fn log_mean(&self, shift: usize) -> f64 {
        self.log_mean[shift]
    }

    pub(super) fn cut(&self, cut: usize) -> (usize, f64) {
        self.cuts[cut]
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.scores)
    }
}

fn middle_ranks(shares: &[f64]) -> impl Iterator<Item = f64> {
    let mut below = 0.0;
    shares.iter().map(move |share| {
        below += share;
        below - share / 2.0
    })
}

fn log_mean(scores: &[Scores], shares: &[f64]) -> [f64; SHIFTS] {
    let mut mean = [0.0; SHIFTS];
    for (score, share) in scores.iter().zip(shares).filter(|(_, share)| **share > 0.0) {
        let tilts = Scores::tilts(score.wilcoxon.into(), score.savage.into());
        for (sum, tilt) in mean.iter_mut().zip(tilts) {
            *sum += share * exp(tilt);
        }
    }
    mean.map(ln)
}

fn cut(shares: &[f64], quantile: f64) -> (usize, f64) {
    let mut below = 0.0;
    let first = shares.iter().position(|share| {
        let whole = below >= quantile - 1e-12;
        below += if whole { 0.0 } else { *share };
        whole
    });
    (first.unwrap_or(shares.len()), (1.0 - below).clamp(0.0, 1.0))
}
