use crate::Counts;
use crate::math::ln;
use crate::mixture::Mixture;

/// Alternatives: how many times more often the canary fails than the null allows, and what is bet on each.
const RATIOS: [f64; 7] = [1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 200.0];
const PRIOR: [f64; 7] = [0.10, 0.15, 0.20, 0.20, 0.20, 0.10, 0.05];

/// The same for a rollout: most on what matters most often, three to ten times as many failures.
const FOCUSED: [f64; 7] = [0.04, 0.09, 0.21, 0.35, 0.22, 0.05, 0.04];

/// An hour of quarters of a minute.
const EVEN_RESTARTS: u32 = 240;

/// Does the canary fail more often than stable? Null: `p_canary ≤ ρ · p_stable` in every bucket, whatever the rates
/// are and however they drift together.
///
/// Given a bucket's failures, each is the canary's with probability at most `ρ n_c / (ρ n_c + n_b)`; only failures
/// carry evidence, so outages that hit both versions change nothing. Where each request was assigned by a coin whose
/// bias `w` is known, the coin takes the place of the bucket's numbers: a failure is the canary's with probability at
/// most `ρ w / (ρ w + 1 − w)`, no bucket needs attempts on both sides, and no kind of request needs to be told apart.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RateRatio {
    rho: f64,
    mixture: Mixture,
}

impl RateRatio {
    /// `rho` is one plus the tolerated relative worsening; what is not a positive number counts as 1.
    pub fn new(rho: f64) -> Self {
        Self { rho: sane_rho(rho), mixture: Mixture::plain(&PRIOR) }
    }

    /// Holds back a fifth of its mass for faults that begin late: call [`restart`](Self::restart) when some failures
    /// more have been seen, up to 240 times in the time that matters.
    pub fn with_restarts(rho: f64) -> Self {
        Self { rho: sane_rho(rho), mixture: Mixture::with_even_restarts(&FOCUSED, EVEN_RESTARTS) }
    }

    /// One bucket. It must have been closed without looking at failures; a bucket in which one arm has no attempts
    /// says nothing and should be carried over into the next.
    pub fn observe(&mut self, canary: Counts, stable: Counts) {
        if canary.is_empty() || stable.is_empty() {
            return;
        }
        self.bet(self.rho * canary.n(), stable.n(), canary, stable);
    }

    /// Failures of attempts that were assigned one by one, with probability `share` to the canary. Without a coin
    /// (`share` 0 or 1) nothing is bet.
    pub fn observe_assigned(&mut self, share: f64, canary: Counts, stable: Counts) {
        if share > 0.0 && share < 1.0 {
            self.bet(self.rho * share, 1.0 - share, canary, stable);
        }
    }

    fn bet(&mut self, allowed: f64, own: f64, canary: Counts, stable: Counts) {
        let failures = canary.k() + stable.k();
        if failures == 0.0 {
            return;
        }
        // The canary's share of failures is r·allowed / (r·allowed + own); both ratios below divide it by r = 1.
        self.mixture.step(|index| {
            let shrink = ln((allowed + own) / (RATIOS[index] * allowed + own));
            let own_failures = if canary.failures() > 0 { canary.k() * ln(RATIOS[index]) } else { 0.0 };
            own_failures + failures * shrink
        });
    }

    pub fn restart(&mut self) {
        self.mixture.restart();
    }

    /// One plus the worsening that is tolerated.
    pub fn rho(&self) -> f64 {
        self.rho
    }

    pub fn log_e(&self) -> f64 {
        self.mixture.log_e()
    }
}

fn sane_rho(rho: f64) -> f64 {
    if rho.is_finite() && rho > 0.0 { rho } else { 1.0 }
}
