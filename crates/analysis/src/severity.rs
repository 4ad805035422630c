//! How serious what is seen is, from its size and its certainty together.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth a look when one is looking anyway.
    Info,
    /// Likely to be real and large enough to matter; notifies, holds nothing.
    Warning,
    /// As sure as a rollback must be, and large enough to matter.
    Critical,
}

/// A difference smaller than this, however certain, is not worth waking anybody.
const NOTICEABLE: f64 = 1.1;
/// Odds of about three to one, and of ten to one when a rollback needs a hundred.
const SUSPECTED: f64 = 0.25;
const LIKELY: f64 = 0.5;

/// `effect` is the measured value over the allowed one, `certainty` the logarithm of the evidence over that at which
/// it decides. `None`: nothing speaks against the canary.
pub fn severity(effect: f64, certainty: f64) -> Option<Severity> {
    if effect.is_nan() || certainty.is_nan() || effect <= 1.0 || certainty < SUSPECTED {
        None
    } else if effect < NOTICEABLE || certainty < LIKELY {
        Some(Severity::Info)
    } else if certainty < 1.0 {
        Some(Severity::Warning)
    } else {
        Some(Severity::Critical)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_and_certainty_are_both_needed() {
        assert_eq!(severity(10.0, 0.1), None, "large, but it may be chance");
        assert_eq!(severity(0.9, 2.0), None, "below the limit");
        assert_eq!(severity(1.01, 5.0), Some(Severity::Info), "sure, and too small to matter");
        assert_eq!(severity(3.0, 0.3), Some(Severity::Info));
        assert_eq!(severity(3.0, 0.7), Some(Severity::Warning));
        assert_eq!(severity(3.0, 1.0), Some(Severity::Critical));
    }

    #[test]
    fn what_is_not_a_number_is_nothing() {
        assert_eq!(severity(f64::NAN, 2.0), None);
        assert_eq!(severity(f64::INFINITY, 2.0), Some(Severity::Critical));
        assert_eq!(severity(2.0, f64::NAN), None);
    }
}
