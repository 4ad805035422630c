use crate::math::ln;
use crate::mixture::Mixture;

/// Bets on one side of a fair coin. Null: heads comes with probability at most one half, given the past.
///
/// `heads` heads and `tails` tails multiply the bet on `q` by `(2q)^heads (2(1−q))^tails`; equal weight on each `q`.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Sign {
    chances: [f64; 4],
    mixture: Mixture,
}

impl Sign {
    /// `chances` of heads to bet on, each between one half and one.
    pub(crate) fn plain(chances: [f64; 4]) -> Self {
        Self { chances, mixture: Mixture::plain(&[1.0; 4]) }
    }

    pub(crate) fn with_restarts(chances: [f64; 4]) -> Self {
        Self { chances, mixture: Mixture::with_restarts(&[1.0; 4]) }
    }

    pub(crate) fn observe(&mut self, heads: u64, tails: u64) {
        let (heads, tails) = (heads as f64, tails as f64);
        self.mixture.step(|index| {
            let q = self.chances[index];
            heads * ln(2.0 * q) + tails * ln(2.0 * (1.0 - q))
        });
    }

    pub(crate) fn restart(&mut self) {
        self.mixture.restart();
    }

    pub(crate) fn log_e(&self) -> f64 {
        self.mixture.log_e()
    }
}
