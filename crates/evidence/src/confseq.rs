//! Time-uniform boundaries for sums (Howard, Ramdas, McAuliffe and Sekhon, 2021): mixtures of exponential
//! supermartingales `exp(λ S − ψ(λ) V)` over `λ`, in closed form.

use crate::math::{TINY, bisect, ln, open_unit};
use crate::special::ln_lower_gamma;

/// On which side a sum is suspected to stray.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Sides {
    /// Above only.
    One,
    Both,
}

/// Normal mixture. Null: `exp(λ S − λ² V / 2)` is a supermartingale for every `λ` (of [`Sides::One`]: every `λ ≥ 0`),
/// as for sums `S` of sub-Gaussian values with variances that add up to `V`, or of values that are symmetric about
/// zero, with `V` the sum of their squares. [`Sides::Both`] is the mSPRT of A/B tests.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NormalMixture {
    sides: Sides,
    rho: f64,
}

impl NormalMixture {
    /// Sharpest at level `alpha_opt` when the variance has grown to `v_opt`, in the square of the values' unit; what is
    /// not positive counts as next to nothing.
    pub fn new(sides: Sides, v_opt: f64, alpha_opt: f64) -> Self {
        let alpha = match sides {
            Sides::One => 2.0 * alpha_opt,
            Sides::Both => alpha_opt,
        };
        Self { sides, rho: best_rho(v_opt, alpha) }
    }

    /// Log e-value of the sum `s` at the variance `v`; 0 when one of them is not a number or `v` is negative.
    pub fn log_e(&self, s: f64, v: f64) -> f64 {
        if !s.is_finite() || !v.is_finite() || v < 0.0 {
            return 0.0;
        }
        let width = v + self.rho;
        let both = 0.5 * ln(self.rho / width) + s / width * s / 2.0;
        match self.sides {
            Sides::Both => both,
            // Twice the half of the mixture with λ ≥ 0: the normal distribution function at s / √width.
            Sides::One => both + ln(libm::erfc(-s / (2.0 * width).sqrt()).max(f64::MIN_POSITIVE)),
        }
    }

    /// The sum that is never reached, at any `v`, with probability at least `1 − alpha` under the null.
    pub fn bound(&self, v: f64, alpha: f64) -> f64 {
        let level = ln(1.0 / open_unit(alpha));
        match self.sides {
            Sides::Both => ((v + self.rho) * (ln(1.0 + v / self.rho) + 2.0 * level)).sqrt(),
            Sides::One => crossing(level, |s| self.log_e(s, v)),
        }
    }
}

/// `ρ` for which the two-sided normal mixture is nearly the lowest at `v` (Howard et al., section 3.5).
pub(crate) fn best_rho(v: f64, alpha: f64) -> f64 {
    let twice = 2.0 * ln(1.0 / open_unit(alpha));
    let v = if v.is_finite() { v.max(1e-100) } else { 1.0 };
    v / (twice + ln(1.0 + twice))
}

/// Gamma-exponential mixture, one-sided. Null: `S` is sub-exponential of the scale `c` with variances that add up to
/// `V`; so is a sum of values above their means that lie within `c` of their predictions, with `V` the sum of squared
/// differences from the predictions (empirical Bernstein).
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GammaExponential {
    rho: f64,
    c: f64,
}

impl GammaExponential {
    /// `c` in the values' unit (not positive counts as 1), the rest as for [`NormalMixture::new`].
    pub fn new(v_opt: f64, c: f64, alpha_opt: f64) -> Self {
        let c = if c.is_finite() && c > 0.0 { c } else { 1.0 };
        // A shape of next to nothing has no finite gamma function.
        Self { rho: best_rho(v_opt, 2.0 * alpha_opt).max(TINY * c * c), c }
    }

    /// Log e-value of the sum `s` at the variance `v` (proposition 9 of Howard et al.); as for a sum of 0 below it, and
    /// 0 when one of them is not a number or `v` is negative.
    pub fn log_e(&self, s: f64, v: f64) -> f64 {
        if !s.is_finite() || !v.is_finite() || v < 0.0 {
            return 0.0;
        }
        let square = self.c * self.c;
        let prior = self.rho / square;
        let seen = (self.c * s.max(0.0) + v) / square;
        let shape = v / square + prior;
        let normalise = prior * ln(prior) - ln_lower_gamma(prior, prior);
        normalise + ln_lower_gamma(shape, seen + prior) - shape * ln(seen + prior) + seen
    }

    /// The sum that is never reached, at any `v`, with probability at least `1 − alpha` under the null.
    pub fn bound(&self, v: f64, alpha: f64) -> f64 {
        crossing(ln(1.0 / open_unit(alpha)), |s| self.log_e(s, v))
    }
}

/// Where a rising log e-value reaches `level`; infinite when it does not before 2^1000.
fn crossing(level: f64, log_e: impl Fn(f64) -> f64) -> f64 {
    let beyond = (0..1_000).map(|power| libm::ldexp(1.0, power)).find(|&s| log_e(s) >= level);
    beyond.map_or(f64::INFINITY, |beyond| bisect(0.0, beyond, |s| log_e(s) < level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_where_the_evidence_is_one_in_alpha() {
        for v in [0.5, 10.0, 1e6] {
            for mixture in [Sides::One, Sides::Both].map(|sides| NormalMixture::new(sides, 10.0, 0.05)) {
                let at_bound = mixture.log_e(mixture.bound(v, 0.01), v);
                assert!((at_bound - 100_f64.ln()).abs() < 1e-6, "{at_bound}");
            }
            let gamma = GammaExponential::new(10.0, 2.0, 0.05);
            let at_bound = gamma.log_e(gamma.bound(v, 0.01), v);
            assert!((at_bound - 100_f64.ln()).abs() < 1e-5, "{at_bound}");
        }
    }

    #[test]
    fn anything_has_an_answer() {
        let wild = [0.0, -1.0, f64::NAN, f64::INFINITY, 1e12];
        for (a, b) in wild.into_iter().flat_map(|a| wild.map(|b| (a, b))) {
            for sides in [Sides::One, Sides::Both] {
                assert!(NormalMixture::new(sides, a, b).log_e(b, a).is_finite(), "{a} {b}");
            }
            assert!(GammaExponential::new(a, b, a).log_e(b, a).is_finite(), "{a} {b}");
        }
    }
}
