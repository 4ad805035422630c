//! Noise for two series that are constant, which the rank statistic cannot take.

use super::normal;

/// Relative to the constant.
const DEVIATION: f64 = 1e-5;

/// The points of both sides; moved by a little Gaussian noise when each side is one constant.
///
/// The published judge draws its noise anew in each run, so its interval differs from run to run. This noise is a fixed
/// sequence: the same series give the same bits.
pub(super) fn separate_constants(control: Vec<f64>, experiment: Vec<f64>) -> (Vec<f64>, Vec<f64>) {
    if constant(&control) && constant(&experiment) {
        (with_noise(&control, 1), with_noise(&experiment, 2))
    } else {
        (control, experiment)
    }
}

fn constant(values: &[f64]) -> bool {
    values.windows(2).all(|pair| pair[0] == pair[1])
}

fn with_noise(values: &[f64], seed: u64) -> Vec<f64> {
    (0..).zip(values).map(|(at, value)| value + value.abs() * DEVIATION * gaussian(seed, at)).collect()
}

/// Standard normal, by its quantile at a hashed position strictly between 0 and 1.
fn gaussian(seed: u64, at: u64) -> f64 {
    normal::quantile(((splitmix(seed << 32 | at) >> 11) as f64 + 0.5) / 2.0_f64.powi(53))
}

/// The output function of SplitMix64 (Steele, Lea, Flood 2014).
fn splitmix(state: u64) -> u64 {
    let mut z = state.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
