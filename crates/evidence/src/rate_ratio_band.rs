use crate::ladder::crossing;
use crate::math::{exp, ln};
use crate::{Counts, RateRatio};

/// [`RateRatio`] with a lower bound on the rate ratio: the same process for several tolerances side by side, one of
/// them the one that decides.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RateRatioBand {
    /// Ascending in ρ.
    rungs: Vec<RateRatio>,
}

/// The tolerances as multiples of the one that decides.
const RUNGS: [f64; 6] = [0.5, 1.0, 1.5, 2.5, 5.0, 12.0];
const DECIDING: usize = 1;

impl RateRatioBand {
    /// As [`RateRatio::with_restarts`].
    pub fn with_restarts(rho: f64) -> Self {
        let rho = RateRatio::new(rho).rho();
        Self { rungs: RUNGS.iter().map(|rung| RateRatio::with_restarts(rho * rung)).collect() }
    }

    pub fn observe(&mut self, canary: Counts, stable: Counts) {
        self.rungs.iter_mut().for_each(|rung| rung.observe(canary, stable));
    }

    /// As [`RateRatio::observe_assigned`].
    pub fn observe_assigned(&mut self, share: f64, canary: Counts, stable: Counts) {
        self.rungs.iter_mut().for_each(|rung| rung.observe_assigned(share, canary, stable));
    }

    pub fn restart(&mut self) {
        self.rungs.iter_mut().for_each(RateRatio::restart);
    }

    /// The process that decides.
    pub fn deciding(&self) -> &RateRatio {
        &self.rungs[DECIDING]
    }

    pub fn log_e(&self) -> f64 {
        self.deciding().log_e()
    }

    /// The largest ratio `p_canary / p_stable` that is refuted at `level`, interpolated between tolerances; `None`
    /// when none is. It is at least the deciding tolerance exactly when [`log_e`](Self::log_e) has reached the level.
    ///
    /// The evidence falls as ρ rises: with `a = n_b / n_c` a bucket multiplies a component by
    /// `r^k_c ((a + ρ)/(a + rρ))^(k_c + k_b)`, and `(a + ρ)/(a + rρ)` falls in ρ for every `r > 1`.
    pub fn lower_bound(&self, level: f64) -> Option<f64> {
        let rungs = self.rungs.iter().map(|rung| (ln(rung.rho()), rung.log_e()));
        let bound = exp(crossing(rungs, level)?);
        // The way through the logarithm may lose the last bit of the very number that decides.
        let own = self.deciding().rho();
        Some(if self.log_e() >= level { bound.max(own) } else { bound.min(own.next_down()) })
    }
}
