use std::fmt;

use serde::{Deserialize, Serialize};

/// A share of the traffic in basis points, 0 to 10 000.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Weight(u16);

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("a weight lies between 0 % and 100 %, in steps of 0.01 %; this is {0}")]
pub struct WeightError(pub f64);

impl Weight {
    pub const ZERO: Self = Self(0);
    pub const FULL: Self = Self(10_000);

    pub fn percent(percent: f64) -> Result<Self, WeightError> {
        let points = percent * 100.0;
        let whole = points.round();
        let exact = (points - whole).abs() < 1e-6;
        if exact && (0.0..=10_000.0).contains(&whole) {
            Ok(Self(whole as u16))
        } else {
            Err(WeightError(percent))
        }
    }
    pub fn basis_points(self) -> u16 {
        self.0
    }
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }
    pub fn ratio(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }
    /// What is left for the other side: the two always add up to 10 000.
    pub fn complement(self) -> Self {
        Self(10_000 - self.0)
    }
    /// What twins of stable get beside a canary of this weight: as much as it gets, and never more than half of
    /// what it leaves to stable.
    #[must_use]
    pub fn of_twins(self) -> Self {
        Self(self.0.min(self.complement().0.div_ceil(2)))
    }
    /// How many of `replicas` instances this share needs, rounded up, at least one for any share above zero.
    pub fn of_replicas(self, replicas: u32) -> u32 {
        (u64::from(replicas) * u64::from(self.0)).div_ceil(10_000) as u32
    }
}

impl TryFrom<u16> for Weight {
    type Error = WeightError;
    fn try_from(points: u16) -> Result<Self, WeightError> {
        if points <= 10_000 { Ok(Self(points)) } else { Err(WeightError(f64::from(points) / 100.0)) }
    }
}

impl From<Weight> for u16 {
    fn from(weight: Weight) -> Self {
        weight.0
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", f64::from(self.0) / 100.0)
    }
}

/// Counts the splits of one service. Every wish about traffic carries it; older ones are refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SplitGeneration(pub u64);

impl SplitGeneration {
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_valid_by_construction() {
        assert!(Weight::percent(101.0).is_err());
        assert!(Weight::percent(-1.0).is_err());
        assert!(Weight::percent(0.001).is_err());
        assert!(Weight::percent(f64::NAN).is_err());
        assert_eq!(Weight::percent(5.0).map(Weight::basis_points), Ok(500));
        assert_eq!(Weight::percent(0.01).map(Weight::basis_points), Ok(1));
    }

    #[test]
    fn twins_get_what_the_canary_gets_while_stable_keeps_as_much() {
        let twins = |points| Weight::try_from(points).map(|weight| weight.of_twins().basis_points());
        let weights = [0, 1, 500, 3_333, 5_000, 9_999, 10_000];
        assert_eq!(weights.map(twins), [0, 1, 500, 3_333, 2_500, 1, 0].map(Ok));
    }

    #[test]
    fn any_share_needs_an_instance() {
        assert_eq!(Weight::ZERO.of_replicas(4), 0);
        assert_eq!(Weight::try_from(1).map(|w| w.of_replicas(4)), Ok(1));
        assert_eq!(Weight::try_from(2_501).map(|w| w.of_replicas(4)), Ok(2));
        assert_eq!(Weight::FULL.of_replicas(4), 4);
    }
}
