use crate::confseq::best_rho;
use crate::math::{ln, ln_beta, open_unit};
use crate::quantile_band::golden_minimum;

/// Log e-value against "canary and stable have the same `p`-quantile", from their histograms over common bins; sharpest
/// near `t_opt` requests at level `alpha_opt` (Howard and Ramdas, 2022, section 5). 0 when an arm has no requests.
///
/// Whatever the common quantile is, the share of each arm below it is a martingale about `p`; so the product of two
/// beta-binomial mixtures is an e-process there, and the least product over all places is one under the null. Assumes
/// requests that are independent and a quantile that stays the same. For reports: the rank test finds a shift of the
/// whole distribution many times sooner.
pub fn quantile_ab_log_e(canary: &[u64], stable: &[u64], p: f64, t_opt: f64, alpha_opt: f64) -> f64 {
    let p = open_unit(p);
    let concentration = (best_rho(t_opt, alpha_opt) - 1.0).max(1e-3);
    let arms = [canary, stable].map(|histogram| Arm::new(histogram, p, concentration));
    if arms.iter().any(|arm| arm.total <= 0.0) {
        return 0.0;
    }
    let mut below = [0.0; 2];
    let bins = canary.len().max(stable.len());
    let at_bins = (0..bins).map(|bin| {
        let mut log_e = 0.0;
        for ((arm, below), histogram) in arms.iter().zip(&mut below).zip([canary, stable]) {
            let count = histogram.get(bin).map_or(0.0, |&count| count as f64);
            log_e += arm.least_log_e(*below, *below + count);
            *below += count;
        }
        log_e
    });
    at_bins.fold(f64::INFINITY, f64::min)
}

/// Beta-binomial mixture of one arm over how many of its requests lie below the quantile.
struct Arm {
    total: f64,
    p: f64,
    concentration: f64,
    /// The count that speaks least against `p`; near `p · total`, and not a whole number.
    quietest: f64,
}

impl Arm {
    fn new(histogram: &[u64], p: f64, concentration: f64) -> Self {
        let total = histogram.iter().map(|&count| count as f64).sum();
        let mut arm = Self { total, p, concentration, quietest: 0.0 };
        arm.quietest = golden_minimum(0.0, total, |below| arm.log_e(below));
        arm
    }

    fn log_e(&self, below: f64) -> f64 {
        let (a, b) = (self.concentration * self.p, self.concentration * (1.0 - self.p));
        let above = self.total - below;
        ln_beta(a + below, b + above) - ln_beta(a, b) - below * ln(self.p) - above * ln(1.0 - self.p)
    }

    /// Over all places within a bin: any count between those below its two ends.
    fn least_log_e(&self, low: f64, high: f64) -> f64 {
        self.log_e(self.quietest.clamp(low, high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_histogram_is_no_evidence_and_another_quantile_is() {
        let even = [100; 10];
        assert!(quantile_ab_log_e(&even, &even, 0.5, 500.0, 0.05) < 0.0);
        let late = [0, 0, 0, 0, 0, 0, 0, 100, 400, 500];
        assert!(quantile_ab_log_e(&late, &even, 0.5, 500.0, 0.05) > 100_f64.ln());
        assert!(quantile_ab_log_e(&even, &late, 0.5, 500.0, 0.05) > 100_f64.ln());
    }

    #[test]
    fn anything_has_an_answer() {
        assert_eq!(quantile_ab_log_e(&[], &[1], 0.5, 500.0, 0.05), 0.0);
        assert_eq!(quantile_ab_log_e(&[0, 0], &[3], 0.5, 500.0, 0.05), 0.0);
        for wild in [0.0, 1.0, -1.0, f64::NAN, f64::INFINITY] {
            let log_e = quantile_ab_log_e(&[1_000_000_000_000, 0], &[0, 1, 2], wild, wild, wild);
            assert!(log_e.is_finite(), "{log_e} for {wild}");
        }
    }
}
