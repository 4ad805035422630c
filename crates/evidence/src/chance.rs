//! Seeded random numbers for forecasts: the same on every machine.

use crate::math::{exp, ln};

/// SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Strictly between 0 and 1.
    pub(crate) fn unit(&mut self) -> f64 {
        ((self.next() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    /// Standard normal (Box and Muller, one of the pair).
    pub(crate) fn normal(&mut self) -> f64 {
        let (radius, angle) = (libm::sqrt(-2.0 * ln(self.unit())), std::f64::consts::TAU * self.unit());
        radius * libm::cos(angle)
    }

    /// Successes among `n` trials of chance `p`: exact while few are expected, else the nearest whole number to a
    /// normal deviate.
    pub(crate) fn binomial(&mut self, n: u64, p: f64) -> u64 {
        if p > 0.5 {
            return n - self.binomial(n, 1.0 - p);
        }
        let mean = n as f64 * p;
        if mean <= 0.0 {
            0
        } else if mean < EXACT_MEAN {
            self.few_of(n, p)
        } else {
            let near = mean + libm::sqrt(mean * (1.0 - p)) * self.normal();
            (near + 0.5).clamp(0.0, n as f64) as u64
        }
    }

    /// Walks up the distribution function from zero successes.
    fn few_of(&mut self, n: u64, p: f64) -> u64 {
        let odds = p / (1.0 - p);
        let mut chance = exp(n as f64 * libm::log1p(-p));
        let mut left = self.unit() - chance;
        let mut successes = 0;
        while left > 0.0 && successes < n {
            chance *= odds * (n - successes) as f64 / (successes + 1) as f64;
            successes += 1;
            left -= chance;
            // Beyond the last bit of the distribution function nothing is left to walk.
            if chance < 1e-18 && successes as f64 > n as f64 * p {
                break;
            }
        }
        successes
    }
}

/// Below this mean the walk from zero is short.
const EXACT_MEAN: f64 = 20.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binomials_have_their_mean_and_spread() {
        let mut chance = Chance::new(3);
        for (n, p) in [(1, 0.3), (20, 0.01), (1_000, 0.004), (50, 0.9), (10_000, 0.05), (7, 0.0), (7, 1.0)] {
            let draws: Vec<f64> = (0..20_000).map(|_| chance.binomial(n, p) as f64).collect();
            let mean = draws.iter().sum::<f64>() / 20_000.0;
            let spread = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / 20_000.0;
            let (expected, variance) = (n as f64 * p, n as f64 * p * (1.0 - p));
            assert!((mean - expected).abs() <= 4.0 * (variance / 20_000.0).sqrt(), "{n} {p} {mean}");
            assert!((spread - variance).abs() <= 0.05 * variance, "{n} {p} {spread}");
        }
    }
}
