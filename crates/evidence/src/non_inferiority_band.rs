use crate::ladder::crossing;
use crate::non_inferiority::log_factor;
use crate::{Counts, NonInferiority};

/// [`NonInferiority`] with an upper bound on the difference of the rates: the same bets against several margins side
/// by side, one of them the one that decides.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NonInferiorityBand {
    deciding: NonInferiority,
    /// Margin and evidence, descending in the margin; the deciding one is not among them.
    others: Vec<(f64, f64)>,
}

/// The other margins as multiples of the one that decides.
const RUNGS: [f64; 5] = [5.0, 2.0, 0.7, 0.4, 0.2];

impl NonInferiorityBand {
    /// As [`NonInferiority::new`]; margins that would not be below 1 are left out.
    pub fn new(margin: f64) -> Self {
        Self::of(NonInferiority::new(margin))
    }

    /// As [`NonInferiority::for_margin`].
    #[must_use]
    pub fn for_margin(&self, margin: f64) -> Self {
        Self::of(self.deciding.for_margin(margin))
    }

    fn of(deciding: NonInferiority) -> Self {
        let margins = RUNGS.iter().map(|rung| deciding.margin() * rung).filter(|margin| *margin < 0.99);
        Self { others: margins.map(|margin| (margin, 0.0)).collect(), deciding }
    }

    pub fn observe(&mut self, canary: Counts, stable: Counts) {
        // Any estimate from the past makes a valid bet; one for all keeps the evidence in the order of the margins.
        let estimate = self.deciding.estimate();
        for (margin, log_e) in &mut self.others {
            *log_e += log_factor(estimate, *margin, canary, stable);
        }
        self.deciding.observe(canary, stable);
    }

    /// Evidence begins anew, as in [`NonInferiority::restart`].
    pub fn restart(&mut self) {
        self.others.iter_mut().for_each(|(_, log_e)| *log_e = 0.0);
        self.deciding.restart();
    }

    /// The process that decides.
    pub fn deciding(&self) -> &NonInferiority {
        &self.deciding
    }

    pub fn log_e(&self) -> f64 {
        self.deciding.log_e()
    }

    /// The least difference `p_canary − p_stable` (share) that is refuted at `level`, interpolated between margins;
    /// `None` when none is.
    ///
    /// It is at most the deciding margin exactly when [`log_e`](Self::log_e) has reached the level. The evidence need
    /// not be monotone in the margin, so this is the conservative hull: a margin counts as refuted when every larger
    /// one is too. One above the deciding margin is refuted by that one's process as well, of which it is a null too:
    /// there the chance of cutting off the truth is at most `2 exp(−level)`.
    pub fn upper_bound(&self, level: f64) -> Option<f64> {
        let own = (self.deciding.margin(), self.deciding.log_e());
        let larger = self.others.iter().filter(|(margin, _)| *margin > own.0);
        let larger = larger.map(|(margin, log_e)| (*margin, log_e.max(own.1)));
        let smaller = self.others.iter().filter(|(margin, _)| *margin < own.0).copied();
        crossing(larger.chain([own]).chain(smaller), level)
    }
}
