//! When the simulation looks: often where something just changed, rarely in long quiet stretches.

use serde::{Deserialize, Serialize};

/// Spacing of looks in seconds. What is missed between two looks is what came and went within them; a delay is found
/// late by half a look on average, which is half of `growth` while growth rules.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Looks {
    /// Right after a start, a new split or the fault's onset; the real loop's pace.
    pub finest_secs: f64,
    /// Part of the time since then.
    pub growth: f64,
    /// The longest.
    pub coarsest_secs: f64,
}

impl Default for Looks {
    /// For people who wait for an answer: delays come out 5 % too long.
    fn default() -> Self {
        Self { finest_secs: 0.1, growth: 0.1, coarsest_secs: 60.0 }
    }
}

impl Looks {
    /// For claims that are measured against a bound: delays come out 1 % too long.
    pub fn fine() -> Self {
        Self { finest_secs: 0.1, growth: 0.02, coarsest_secs: 10.0 }
    }

    /// The same with spans that end: at least a millisecond, at most an hour, the longest no less than the finest.
    #[must_use]
    pub fn sane(self) -> Self {
        let within =
            |value: f64, least: f64, most: f64| if value.is_nan() { least } else { value.clamp(least, most) };
        let finest_secs = within(self.finest_secs, 0.001, 3_600.0);
        Self {
            finest_secs,
            growth: within(self.growth, 0.0, 1.0),
            coarsest_secs: within(self.coarsest_secs, finest_secs, 3_600.0),
        }
    }

    /// Milliseconds until the next look when `since_ms` have passed since the last change.
    pub(crate) fn span_ms(&self, since_ms: i64) -> i64 {
        let grown = self.growth * since_ms as f64 / 1e3;
        (1e3 * grown.clamp(self.finest_secs, self.coarsest_secs)) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_fine_at_first_and_coarse_later() {
        let looks = Looks::fine();
        assert_eq!(looks.span_ms(0), 100);
        assert_eq!(looks.span_ms(100_000), 2_000);
        assert_eq!(looks.span_ms(i64::MAX), 10_000);
    }

    #[test]
    fn no_setting_stands_still() {
        for value in [f64::NAN, -1.0, 0.0, f64::INFINITY] {
            let looks = Looks { finest_secs: value, growth: value, coarsest_secs: value }.sane();
            assert!(looks.span_ms(0) >= 1, "{value}");
            assert!(looks.span_ms(i64::MAX) <= 3_600_000, "{value}");
        }
    }
}
