use crate::Counts;
use crate::math::open_unit;
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

    /// Evidence against another margin begins; what was learnt about the rates stays, since it only steers the bets.
    #[must_use]
    pub fn for_margin(&self, margin: f64) -> Self {
        Self { canary: self.canary, stable: self.stable, ..Self::new(margin) }
    }

    /// Evidence begins anew; what was learnt about the rates stays, since it only steers the bets to come.
    pub fn restart(&mut self) {
        self.log_e = 0.0;
    }

    pub fn log_e(&self) -> f64 {
        self.log_e
    }

    /// In absolute share.
    pub fn margin(&self) -> f64 {
        self.margin
    }

    pub(crate) fn canary_attempts(&self) -> f64 {
        self.canary.n()
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
        log_factor(self.estimate(), self.margin, canary, stable)
    }

    /// Stable's rate, and the canary's shrunk to it by as many pseudo-attempts as the margin needs to be seen.
    pub(crate) fn estimate(&self) -> (f64, f64) {
        let theta_b = (self.stable.k() + 0.5) / (self.stable.n() + 1.0);
        let shrink = 2.0 / self.margin;
        let theta_c = (self.canary.k() + shrink * theta_b) / (self.canary.n() + shrink);
        (open_unit(theta_c), open_unit(theta_b))
    }
}

/// Log of the likelihood ratio of the estimate to its projection; no bet when the estimate lies outside the margin.
pub(crate) fn log_factor((theta_c, theta_b): (f64, f64), margin: f64, canary: Counts, stable: Counts) -> f64 {
    if canary.is_empty() || stable.is_empty() || theta_c - theta_b >= margin {
        return 0.0;
    }
    let (null_c, null_b) = reverse_projection(canary.n(), stable.n(), theta_c, theta_b, margin);
    let factor = canary.log_ratio(theta_c, null_c) + stable.log_ratio(theta_b, null_b);
    if factor.is_finite() { factor } else { 0.0 }
}

/// The pair on the line `p_c = p_b + margin` that minimises `n_c KL(θ_c ‖ p_c) + n_b KL(θ_b ‖ p_b)`.
///
/// Shares in, shares out: `(p_c, p_b)`. The objective is strictly convex in `p_b`: Newton's method on its slope, kept
/// between the ends that are known to lie on either side.
pub fn reverse_projection(n_c: f64, n_b: f64, theta_c: f64, theta_b: f64, margin: f64) -> (f64, f64) {
    let (mut low, mut high) = (0.0, 1.0 - margin);
    let guess = first_guess(n_c, n_b, theta_c, theta_b, margin);
    let mut p_b = if guess > low && guess < high { guess } else { high / 2.0 };
    // Newton doubles the correct digits each time; the bound is that of halving alone.
    for _ in 0..100 {
        let canary = slope(n_c, theta_c, p_b + margin);
        let stable = slope(n_b, theta_b, p_b);
        let (at, rise) = (canary.0 + stable.0, canary.1 + stable.1);
        let step = at / rise;
        // First of all: at the last bits the step may lead back over an end, and must not be answered by halving.
        if step.abs() <= 1e-12 * p_b {
            break;
        }
        if at < 0.0 {
            low = p_b
        } else {
            high = p_b
        }
        let newton = p_b - step;
        p_b = if newton > low && newton < high { newton } else { low + (high - low) / 2.0 };
    }
    (open_unit(p_b + margin), open_unit(p_b))
}

/// Slope of `n KL(θ ‖ p)` in `p`, and the slope of the slope.
fn slope(n: f64, theta: f64, p: f64) -> (f64, f64) {
    let q = 1.0 - p;
    let inverse = 1.0 / (p * q);
    (n * (p - theta) * inverse, n * ((1.0 - theta) * p * p + theta * q * q) * inverse * inverse)
}

/// Takes the canary's slope as it is at `p_b = θ_b`: the rest is solved by hand for small rates.
fn first_guess(n_c: f64, n_b: f64, theta_c: f64, theta_b: f64, margin: f64) -> f64 {
    let (canary, _) = slope(n_c, theta_c, theta_b + margin);
    theta_b * n_b / (n_b + canary).max(1e-3 * n_b)
}
