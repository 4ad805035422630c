//! Log factors of every bet for one share, and what a look gains by them.

use super::bets::{CUTS, HARM_SHIFTS, RATIOS, SHIFTS, STEPS, Scores};
use super::shape::Shape;
use crate::math::{exp, ln};

/// Stable's log factors; the canary's are these plus `ln v`.
///
/// Shifts are kept as `f32` rounded down: a factor that is a little too small never breaks the guarantee, and keeps
/// doing so over any number of requests.
#[derive(Debug, Clone)]
pub(super) struct Table {
    share: f64,
    shifts: Vec<[f32; SHIFTS]>,
    steps: [Step; STEPS],
}

/// A step has two values only: below its cut and above.
#[derive(Debug, Clone, Copy)]
struct Step {
    canary: [f32; 2],
    stable: [f32; 2],
}

/// What a look adds to the logarithm of each bet.
pub(super) struct Gains {
    shifts: [f64; SHIFTS],
    steps: [f64; STEPS],
}

impl Gains {
    /// In the order of [`harm_prior`](super::bets::harm_prior).
    pub(super) fn harm(&self, bet: usize) -> f64 {
        if bet < HARM_SHIFTS { self.shifts[bet] } else { self.steps[bet - HARM_SHIFTS] }
    }
    pub(super) fn pass(&self, bet: usize) -> f64 {
        self.shifts[HARM_SHIFTS + bet]
    }
}

impl Table {
    pub(super) fn new(shape: &Shape, share: f64) -> Self {
        let shifts = (0..shape.bins()).map(|bin| stable_logs(shape, share, bin)).collect();
        Self { share, shifts, steps: steps(shape, share) }
    }

    pub(super) fn share(&self) -> f64 {
        self.share
    }

    pub(super) fn gains(&self, shape: &Shape, canary: &[(u16, u64)], stable: &[(u16, u64)]) -> Gains {
        gains(shape, &self.steps, |bin| self.shifts[bin], canary, stable)
    }

    /// The same bits as from a table of this share, without building it.
    pub(super) fn late_gains(
        shape: &Shape,
        share: f64,
        canary: &[(u16, u64)],
        stable: &[(u16, u64)],
    ) -> Gains {
        gains(shape, &steps(shape, share), |bin| stable_logs(shape, share, bin), canary, stable)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.shifts)
    }
}

fn stable_logs(shape: &Shape, share: f64, bin: usize) -> [f32; SHIFTS] {
    let scores = shape.scores(bin);
    let tilts = Scores::tilts(scores.wilcoxon.into(), scores.savage.into());
    std::array::from_fn(|shift| rounded_down(stable_log(share, tilts[shift] - shape.log_mean(shift))))
}

/// `−ln(wv + 1 − w)`
fn stable_log(share: f64, log_v: f64) -> f64 {
    -ln(share * exp(log_v) + (1.0 - share))
}

fn rounded_down(x: f64) -> f32 {
    let near = x as f32;
    if f64::from(near) > x { near.next_down() } else { near }
}

fn steps(shape: &Shape, share: f64) -> [Step; STEPS] {
    std::array::from_fn(|step| {
        let (ratio, (_, tail)) = (RATIOS[step % RATIOS.len()], shape.cut(step / RATIOS.len()));
        let log_mean = ln(1.0 + (ratio - 1.0) * tail);
        let log_v = [-log_mean, ln(ratio) - log_mean];
        let stable = log_v.map(|log_v| stable_log(share, log_v));
        Step {
            canary: [rounded_down(log_v[0] + stable[0]), rounded_down(log_v[1] + stable[1])],
            stable: stable.map(rounded_down),
        }
    })
}

fn gains(
    shape: &Shape,
    steps: &[Step; STEPS],
    logs: impl Fn(usize) -> [f32; SHIFTS],
    canary: &[(u16, u64)],
    stable: &[(u16, u64)],
) -> Gains {
    let mut shifts = tilts(shape, canary);
    for (bin, count) in placed(shape, canary).chain(placed(shape, stable)) {
        for (sum, log) in shifts.iter_mut().zip(logs(bin)) {
            *sum += count * f64::from(log);
        }
    }
    let (canary, stable) = (splits(shape, canary), splits(shape, stable));
    let steps = std::array::from_fn(|step| {
        let (cut, logs) = (step / RATIOS.len(), &steps[step]);
        dot(canary[cut], logs.canary) + dot(stable[cut], logs.stable)
    });
    Gains { shifts, steps }
}

/// `Σ ln v` over the canary's requests, per shift.
fn tilts(shape: &Shape, canary: &[(u16, u64)]) -> [f64; SHIFTS] {
    let (mut requests, mut wilcoxon, mut savage) = (0.0, 0.0, 0.0);
    for (bin, count) in placed(shape, canary) {
        let scores = shape.scores(bin);
        requests += count;
        wilcoxon += count * f64::from(scores.wilcoxon);
        savage += count * f64::from(scores.savage);
    }
    let tilts = Scores::tilts(wilcoxon, savage);
    std::array::from_fn(|shift| tilts[shift] - requests * shape.log_mean(shift))
}

/// Per cut the requests below it and above.
fn splits(shape: &Shape, arm: &[(u16, u64)]) -> [[f64; 2]; CUTS.len()] {
    let mut splits = [[0.0; 2]; CUTS.len()];
    for (bin, count) in placed(shape, arm) {
        for (cut, split) in splits.iter_mut().enumerate() {
            split[usize::from(bin >= shape.cut(cut).0)] += count;
        }
    }
    splits
}

fn placed(shape: &Shape, arm: &[(u16, u64)]) -> impl Iterator<Item = (usize, f64)> {
    let last = shape.bins() - 1;
    arm.iter().map(move |&(bin, count)| (usize::from(bin).min(last), count as f64))
}

fn dot(counts: [f64; 2], logs: [f32; 2]) -> f64 {
    counts[0] * f64::from(logs[0]) + counts[1] * f64::from(logs[1])
}
