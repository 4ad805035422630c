use crate::Counts;
use crate::math::{bisect, open_unit};
use crate::power::divergence;

/// Is the canary worse than stable by less than a margin (pass)? Null: `p_canary ≥ p_stable + margin`.
///
/// Bets a plug-in estimate from the past against its reverse information projection on the null; the projection makes
/// the expected factor at most 1 for every pair of rates in the null (first-order condition and `ln(1+x) ≤ x`).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NonInferiority {
    margin: f64,
    canary: Counts,
    stable: Counts,
    log_e: f64,
}

impl NonInferiority {
    /// `margin` in absolute share, 0.005 = half a percentage point.
    pub fn new(margin: f64) -> Self {
        let margin = if margin.is_nan() { 1e-6 } else { margin.clamp(1e-6, 0.999) };
        Self { margin, canary: Counts::default(), stable: Counts::default(), log_e: 0.0 }
    }

    pub fn observe(&mut self, canary: Counts, stable: Counts) {
        self.log_e += self.log_factor(canary, stable);
        self.canary = self.canary.plus(canary);
        self.stable = self.stable.plus(stable);
    }

    /// Evidence begins anew; what was learnt about the rates stays, since it only steers the bets to come.
    pub fn restart(&mut self) {
        self.log_e = 0.0;
    }

    pub fn log_e(&self) -> f64 {
        self.log_e
    }

    /// Expected gain of the logarithm per attempt on the canary while the rates are as estimated and the canary has
    /// `share` of the attempts; 0 when the estimate lies outside the margin.
    pub fn growth(&self, share: f64) -> f64 {
        let (theta_c, theta_b) = self.estimate();
        if theta_c - theta_b >= self.margin || !(share > 0.0 && share < 1.0) {
            return 0.0;
        }
        let (null_c, null_b) = reverse_projection(share, 1.0 - share, theta_c, theta_b, self.margin);
        divergence(theta_c, null_c) + divergence(theta_b, null_b) * (1.0 - share) / share
    }

    fn log_factor(&self, canary: Counts, stable: Counts) -> f64 {
        let (theta_c, theta_b) = self.estimate();
        if canary.is_empty() || stable.is_empty() || theta_c - theta_b >= self.margin {
            return 0.0;
        }
        let (null_c, null_b) = reverse_projection(canary.n(), stable.n(), theta_c, theta_b, self.margin);
        let factor = canary.log_ratio(theta_c, null_c) + stable.log_ratio(theta_b, null_b);
        if factor.is_finite() { factor } else { 0.0 }
    }

    /// Stable's rate, and the canary's shrunk to it by as many pseudo-attempts as the margin needs to be seen.
    fn estimate(&self) -> (f64, f64) {
        let theta_b = (self.stable.k() + 0.5) / (self.stable.n() + 1.0);
        let shrink = 2.0 / self.margin;
        let theta_c = (self.canary.k() + shrink * theta_b) / (self.canary.n() + shrink);
        (open_unit(theta_c), open_unit(theta_b))
    }
}

/// The pair on the line `p_c = p_b + margin` that minimises `n_c KL(θ_c ‖ p_c) + n_b KL(θ_b ‖ p_b)`.
///
/// Shares in, shares out: `(p_c, p_b)`. The objective is strictly convex in `p_b`, so bisection on its slope suffices.
pub fn reverse_projection(n_c: f64, n_b: f64, theta_c: f64, theta_b: f64, margin: f64) -> (f64, f64) {
    let slope_at = |n: f64, theta: f64, p: f64| n * ((1.0 - theta) / (1.0 - p) - theta / p);
    let falling = |p_b: f64| slope_at(n_c, theta_c, p_b + margin) + slope_at(n_b, theta_b, p_b) < 0.0;
    let p_b = bisect(0.0, 1.0 - margin, falling);
    (open_unit(p_b + margin), open_unit(p_b))
}
