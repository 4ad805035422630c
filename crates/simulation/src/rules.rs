//! The counting rules of today's rollout tools, as their sources count.

/// One measurement as the counting rules see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measured {
    Good,
    Bad,
    /// There was nothing to measure.
    Error,
}

/// Argo Rollouts' analysis (analysis/analysis.go, `assessMetricFailureInconclusiveOrError`): failed when more than
/// `failure_limit` measurements failed, however far apart, or more than `error_limit` in a row could not be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cumulative {
    failure_limit: u32,
    error_limit: u32,
    failures: u32,
    errors: u32,
}

impl Cumulative {
    /// The documented example's `failureLimit: 3`, and the default `consecutiveErrorLimit: 4`.
    pub(crate) fn usual() -> Self {
        Self { failure_limit: 3, error_limit: 4, failures: 0, errors: 0 }
    }

    pub(crate) fn failed_after(&mut self, measured: Measured) -> bool {
        match measured {
            Measured::Good => self.errors = 0,
            Measured::Bad => (self.failures, self.errors) = (self.failures + 1, 0),
            Measured::Error => self.errors += 1,
        }
        self.failures > self.failure_limit || self.errors > self.error_limit
    }
}

/// Flagger's canary analysis (pkg/controller/scheduler.go, `advanceCanary`): failed checks add up, and whether there
/// are `threshold` of them is asked before a tick's own check, so that the answer comes one tick later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Threshold {
    threshold: u32,
    failed: u32,
}

impl Threshold {
    pub(crate) fn usual() -> Self {
        Self { threshold: 5, failed: 0 }
    }

    pub(crate) fn failed_after(&mut self, measured: Measured) -> bool {
        let back = self.failed >= self.threshold;
        // No values count as a failed check there.
        self.failed += u32::from(measured != Measured::Good);
        back
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(letter: char) -> Measured {
        match letter {
            'S' => Measured::Good,
            'F' => Measured::Bad,
            'E' => Measured::Error,
            other => panic!("{other}"),
        }
    }

    fn cumulative(measurements: &str, failure_limit: u32, error_limit: u32) -> bool {
        let mut rule = Cumulative { failure_limit, error_limit, failures: 0, errors: 0 };
        measurements.chars().any(|letter| rule.failed_after(measured(letter)))
    }

    /// The published vectors `argo_failure_limit` and `argo_consecutive_error_limit`, and each one measurement more.
    #[test]
    fn measurements_count_as_argo_counts_them() {
        for (measurements, limit, failed) in
            [("FFF", 3, false), ("F", 0, true), ("SFSFSF", 3, false), ("FFFF", 3, true), ("SFSFSFF", 3, true)]
        {
            assert_eq!(cumulative(measurements, limit, 4), failed, "{measurements} {limit}");
        }
        for (measurements, failed) in [("EEEE", false), ("EESEEE", false), ("EEEEE", true)] {
            assert_eq!(cumulative(measurements, 9, 4), failed, "{measurements}");
        }
    }

    /// The published vectors `flagger_rollback_tick`.
    #[test]
    fn ticks_count_as_flagger_counts_them() {
        for (ticks, threshold, expected) in [("FFFFF", 5, 6), ("F", 1, 2), ("FSFFSSFFS", 5, 9)] {
            let mut rule = Threshold { threshold, failed: 0 };
            // The canary is healthy again after the ticks told.
            let told = ticks.chars().chain(std::iter::repeat('S')).map(measured);
            let tick = 1 + told.take(100).position(|measured| rule.failed_after(measured)).unwrap();
            assert_eq!(tick, expected, "{ticks} {threshold}");
        }
    }
}
