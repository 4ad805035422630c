//! When a share is certainly beyond a limit. Chernoff's bound on the binomial tail: P(at least k of n | p) is at most
//! exp(-n·KL(k/n ‖ p)). It is a little too careful, and holds for every n and p.

use staunch_evidence::Counts;

/// One in a thousand, once a limit has been crossed for its whole time.
pub(crate) const SURE: f64 = 6.9;
/// One in ten thousand: a comparison that is made again every second.
pub(crate) const VERY_SURE: f64 = 9.2;

/// The negative logarithm of the chance of so many failures if each attempt fails with `p`; 0 when they are no more
/// than expected.
pub(crate) fn surprise(counts: Counts, p: f64) -> f64 {
    let Some(rate) = counts.rate().filter(|rate| *rate > p) else { return 0.0 };
    let n = counts.attempts() as f64;
    if p <= 0.0 {
        return f64::INFINITY;
    }
    let failed = rate * libm::log(rate / p);
    let fine = if rate < 1.0 { (1.0 - rate) * libm::log((1.0 - rate) / (1.0 - p)) } else { 0.0 };
    n * (failed + fine)
}

/// The same for the failures of one side among those of both, if it fails at most `factor` times as often.
pub(crate) fn surprise_against(one: Counts, other: Counts, factor: f64) -> f64 {
    let weight = factor * one.attempts() as f64;
    let share = weight / (weight + other.attempts() as f64);
    surprise(Counts::new(one.failures() + other.failures(), one.failures()), share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_requests_are_never_sure() {
        assert!(surprise(Counts::new(20, 1), 0.01) < SURE, "one slow sample");
        assert!(surprise(Counts::new(20, 2), 0.01) < SURE);
        assert!(surprise(Counts::new(20, 20), 0.05) > SURE);
        assert!(surprise(Counts::new(3_000, 240), 0.05) > SURE);
        assert_eq!(surprise(Counts::new(1_000, 50), 0.05), 0.0);
        assert_eq!(surprise(Counts::default(), 0.05), 0.0);
    }

    #[test]
    fn a_comparison_needs_failures_on_a_side_that_is_small_enough_to_matter() {
        let stable = Counts::new(1_900, 0);
        assert!(surprise_against(Counts::new(100, 1), stable, 1.5) < VERY_SURE);
        assert!(surprise_against(Counts::new(100, 20), stable, 1.5) > VERY_SURE);
        // Most of the traffic has most of the failures.
        assert!(surprise_against(Counts::new(1_900, 40), Counts::new(100, 2), 1.5) < VERY_SURE);
    }
}
