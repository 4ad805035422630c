//! What is bet, and how much on each. The mirror image has no far tail worth a bet.

/// On shifts of the whole distribution; the rest is bet on its far tail.
const ON_SHIFTS: f64 = 0.80;
/// How strongly each shift is suspected: the exponent `η`. Three, a factor of 2.6 apart, find shifts of 10 to 100 % on
/// log-normal latencies with σ from 0.2 to 1 sooner than four closer ones: each carries more of the mass.
pub(super) const TILTS: [f64; 3] = [0.18, 0.45, 1.2];
/// Wilcoxon's and Savage's score for harm, Wilcoxon's mirrored for a pass, each at every tilt.
pub(super) const HARM_SHIFTS: usize = 2 * TILTS.len();
pub(super) const PASS_SHIFTS: usize = TILTS.len();
pub(super) const SHIFTS: usize = HARM_SHIFTS + PASS_SHIFTS;

/// Far tails: from which quantile of stable on, …
pub(super) const CUTS: [f64; 3] = [0.99, 0.999, 0.9999];
/// … and how many times more of the canary's requests are suspected there.
pub(super) const RATIOS: [f64; 4] = [2.0, 5.0, 20.0, 200.0];
pub(super) const STEPS: usize = CUTS.len() * RATIOS.len();

pub(super) fn harm_prior() -> Vec<f64> {
    let mut prior = vec![ON_SHIFTS / HARM_SHIFTS as f64; HARM_SHIFTS];
    prior.extend([(1.0 - ON_SHIFTS) / STEPS as f64; STEPS]);
    prior
}

pub(super) fn pass_prior() -> [f64; PASS_SHIFTS] {
    [1.0; PASS_SHIFTS]
}

/// The scores of one bin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scores {
    /// `2F − 1`
    pub(super) wilcoxon: f32,
    /// `−ln(1−F) − 1`, at most 6
    pub(super) savage: f32,
}

impl Scores {
    /// `rank` is the middle rank of the bin in stable's distribution, 0 to 1.
    pub(super) fn of(rank: f64) -> Self {
        let savage = -crate::math::ln((1.0 - rank).max(1e-6)) - 1.0;
        Self { wilcoxon: (2.0 * rank - 1.0) as f32, savage: savage.min(6.0) as f32 }
    }

    /// `η g` of each shift.
    pub(super) fn tilts(wilcoxon: f64, savage: f64) -> [f64; SHIFTS] {
        std::array::from_fn(|shift| {
            let tilt = TILTS[shift % TILTS.len()];
            match shift / TILTS.len() {
                0 => tilt * wilcoxon,
                1 => tilt * savage,
                _ => -tilt * wilcoxon,
            }
        })
    }
}
