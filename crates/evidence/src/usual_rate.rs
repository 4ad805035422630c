use crate::Counts;
use crate::math::exp;

/// The failure rate a service is used to: an exponentially weighted average over days.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct UsualRate {
    /// What is kept of the past at each look.
    keep: f64,
    attempts: f64,
    failures: f64,
}

/// Weights fall by e within this time: a week, so that nights and days, and most of a weekend, are averaged.
const MEMORY_SECS: f64 = 7.0 * 86_400.0;
/// Below, there is no usual rate.
const NEEDED_ATTEMPTS: f64 = 1_000.0;

impl UsualRate {
    pub(crate) fn new(look_secs: f64) -> Self {
        let usable = look_secs.is_finite() && look_secs > 0.0;
        let keep = if usable { exp(-look_secs / MEMORY_SECS) } else { 1.0 };
        Self { keep, attempts: 0.0, failures: 0.0 }
    }

    pub(crate) fn learn(&mut self, counts: Counts) {
        self.attempts = self.keep * self.attempts + counts.n();
        self.failures = self.keep * self.failures + counts.k();
    }

    /// Two standard deviations of a Poisson count above the average (with one failure more, so that none seen is not
    /// none ever): while little is known, little is alarming. `None` while next to nothing is known.
    pub(crate) fn upper(&self) -> Option<f64> {
        let failures = self.failures + 1.0;
        (self.attempts >= NEEDED_ATTEMPTS).then(|| (failures + 2.0 * failures.sqrt()) / self.attempts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_last_week_from_above() {
        let mut usual = UsualRate::new(60.0);
        assert_eq!(usual.upper(), None);
        let weeks = |usual: &mut UsualRate, count: u64, failures: u64| {
            (0..count * 7 * 1_440).for_each(|_| usual.learn(Counts::new(1_000, failures)));
        };
        weeks(&mut usual, 5, 10);
        assert!(usual.upper().is_some_and(|rate| (0.01..0.0102).contains(&rate)), "{usual:?}");
        weeks(&mut usual, 1, 0);
        let left = 0.01 * (-1.0_f64).exp();
        assert!(usual.upper().is_some_and(|rate| (left..1.05 * left).contains(&rate)), "{usual:?}");
    }

    #[test]
    fn a_clean_service_is_not_expected_to_stay_clean_for_ever() {
        let mut usual = UsualRate::new(1.0);
        usual.learn(Counts::new(1_000, 0));
        assert!(usual.upper().is_some_and(|rate| rate >= 0.003));
    }
}
