/// Values between 0 and a bound, as parts of the bound; and how many were not.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Bounded {
    bound: f64,
    seen: u64,
    clipped: u64,
    missing: u64,
}

/// What became of the values that were given to a test of means.
///
/// Clipped ones lay outside of 0 to the bound and count as its ends: the verdict is then about the mean of the clipped
/// values. Missing ones were not finite: they are left out, which is fair only while they go missing on both arms
/// alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ValuesSeen {
    pub usable: u64,
    pub clipped: u64,
    pub missing: u64,
}

impl Bounded {
    /// A bound that is not a positive number makes every value missing.
    pub(crate) fn new(bound: f64) -> Self {
        let bound = if bound.is_finite() && bound > 0.0 { bound } else { f64::NAN };
        Self { bound, seen: 0, clipped: 0, missing: 0 }
    }

    pub(crate) fn part(&mut self, value: f64) -> Option<f64> {
        let part = value / self.bound;
        if !value.is_finite() || part.is_nan() {
            self.missing = self.missing.saturating_add(1);
            return None;
        }
        self.seen = self.seen.saturating_add(1);
        self.clipped = self.clipped.saturating_add(u64::from(!(0.0..=1.0).contains(&part)));
        Some(part.clamp(0.0, 1.0))
    }

    /// The part of the bound in the metric's unit.
    pub(crate) fn value(&self, part: f64) -> f64 {
        part.clamp(0.0, 1.0) * self.bound
    }

    pub(crate) fn summary(&self) -> ValuesSeen {
        ValuesSeen { usable: self.seen, clipped: self.clipped, missing: self.missing }
    }
}
