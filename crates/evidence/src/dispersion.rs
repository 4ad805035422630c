/// Do failures fall as independently as the comparisons assume? An A/A check before the rollout: the traffic of stable
/// alone is split by the hash that will assign the canary, with the canary's share.
///
/// Null: given the failures `k` of a bucket, those `k'` in the split are binomial with the share `s`, so that
/// `φ = Σ (k' − s k)² / Σ k s (1 − s)` is near 1. Sticky clients that fail in bursts make it larger, by about the mean
/// number of failures per burst; while a burst is longer than a bucket, φ is too small. Unlike the tests it is not
/// anytime-valid: it advises to count failing clients instead of failures, and rolls nothing back.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Dispersion {
    share: f64,
    failures: u64,
    buckets: u64,
    squares: f64,
    expected: f64,
    fourth: f64,
    cross: f64,
    expected_squares: f64,
}

/// What an A/A check found.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum DispersionFinding {
    /// Too few failures to say anything: `needed` in the split on average, `seen` so far.
    TooFew { seen: f64, needed: f64 },
    /// No sign of dependence: `phi` with its standard error.
    Independent { phi: f64, error: f64 },
    /// Failures come in bursts: count clients, not failures.
    Bursts { phi: f64, error: f64 },
}

/// From here on dependence within an arm raises the false alarms of the plain comparison noticeably (study, 2.11).
const WARN_ABOVE: f64 = 1.5;
/// Standard errors that φ must lie above 1 (5 % one-sided, normal).
const ERRORS_ABOVE: f64 = 1.645;
/// Failures expected in the split, and buckets that had any: below, the standard error is itself a guess.
const NEEDED_IN_SPLIT: f64 = 10.0;
const NEEDED_BUCKETS: u64 = 20;

impl Dispersion {
    /// `share` of the split, between 0 and 1; another one says nothing, for ever.
    pub fn new(share: f64) -> Self {
        let share = if share > 0.0 && share < 1.0 { share } else { 0.0 };
        Self {
            share,
            failures: 0,
            buckets: 0,
            squares: 0.0,
            expected: 0.0,
            fourth: 0.0,
            cross: 0.0,
            expected_squares: 0.0,
        }
    }

    /// One bucket: all failures, and those in the split (more than all are taken as all).
    pub fn observe(&mut self, failures: u64, in_split: u64) {
        if failures == 0 {
            return;
        }
        let (all, part) = (failures as f64, in_split.min(failures) as f64);
        let square = (part - self.share * all) * (part - self.share * all);
        let expected = all * self.share * (1.0 - self.share);
        self.failures = self.failures.saturating_add(failures);
        self.buckets = self.buckets.saturating_add(1);
        self.squares += square;
        self.expected += expected;
        self.fourth += square * square;
        self.cross += square * expected;
        self.expected_squares += expected * expected;
    }

    pub fn finding(&self) -> DispersionFinding {
        let seen = self.share * self.failures as f64;
        if seen < NEEDED_IN_SPLIT || self.buckets < NEEDED_BUCKETS {
            return DispersionFinding::TooFew { seen, needed: NEEDED_IN_SPLIT };
        }
        let (phi, error) = self.estimate();
        if phi > WARN_ABOVE && phi - ERRORS_ABOVE * error > 1.0 {
            DispersionFinding::Bursts { phi, error }
        } else {
            DispersionFinding::Independent { phi, error }
        }
    }

    /// φ is a ratio of sums over buckets; its error is that of a ratio estimate (Cochran, Sampling Techniques, 6.4).
    fn estimate(&self) -> (f64, f64) {
        let phi = self.squares / self.expected;
        let residual = self.fourth - 2.0 * phi * self.cross + phi * phi * self.expected_squares;
        (phi, residual.max(0.0).sqrt() / self.expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `burst` failures at a time fall on one side; the deck of sides is dealt evenly, one bucket each.
    fn dealt(share_of_20: u64, burst: u64, buckets: u64) -> Dispersion {
        let mut dispersion = Dispersion::new(share_of_20 as f64 / 20.0);
        for bucket in 0..buckets {
            dispersion.observe(burst, if bucket % 20 < share_of_20 { burst } else { 0 });
        }
        dispersion
    }

    #[test]
    fn single_failures_are_independent() {
        let DispersionFinding::Independent { phi, error } = dealt(1, 1, 400).finding() else {
            panic!("no finding");
        };
        assert!((phi - 1.0).abs() < 1e-9 && error < 0.3, "{phi} ± {error}");
    }

    #[test]
    fn bursts_of_five_are_found_with_their_length() {
        let DispersionFinding::Bursts { phi, error } = dealt(5, 5, 200).finding() else {
            panic!("not found")
        };
        assert!((phi - 5.0).abs() < 1e-9 && error > 0.0 && error < 2.0, "{phi} ± {error}");
    }

    #[test]
    fn a_handful_of_failures_says_nothing() {
        assert!(matches!(dealt(1, 1, 100).finding(), DispersionFinding::TooFew { seen, .. } if seen == 5.0));
        let mut once = Dispersion::new(0.5);
        once.observe(u64::MAX, u64::MAX);
        assert!(matches!(once.finding(), DispersionFinding::TooFew { .. }));
    }

    #[test]
    fn no_split_says_nothing_whatever_fails() {
        for share in [0.0, 1.0, f64::NAN, -1.0, f64::INFINITY] {
            let mut dispersion = Dispersion::new(share);
            (0..100).for_each(|_| dispersion.observe(1_000_000_000_000, 7));
            assert!(matches!(dispersion.finding(), DispersionFinding::TooFew { .. }));
        }
    }
}
