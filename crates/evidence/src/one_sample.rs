use crate::Counts;
use crate::math::{ln, open_unit};
use crate::mixture::Mixture;

/// Is a failure rate above a limit (harm), or below it (pass)?
///
/// A grid mixture of Bernoulli likelihood ratios; valid for rates that change, as long as each stays on the null's
/// side of the limit.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OneSample {
    limit: f64,
    rates: Vec<f64>,
    mixture: Mixture,
}

/// Harm alternatives as multiples of the limit …
const WORSE: [f64; 6] = [1.5, 2.0, 3.0, 5.0, 10.0, 30.0];
/// … and the gross ones, which must be found at once whatever the limit is.
const GROSS: [f64; 2] = [0.5, 0.95];
/// Pass alternatives as multiples of the limit.
const BETTER: [f64; 5] = [0.75, 0.5, 0.25, 0.1, 0.02];

impl OneSample {
    /// Null: the rate is at most `limit`. Holds mass back for faults that begin late, see [`restart`](Self::restart).
    pub fn harm(limit: f64) -> Self {
        let rates = worse_rates(limit);
        let mixture = Mixture::with_restarts(&vec![1.0; rates.len()]);
        Self { limit: open_unit(limit), rates, mixture }
    }

    /// Null: the rate is at least `limit`.
    pub fn pass(limit: f64) -> Self {
        let rates = better_rates(limit);
        let mixture = Mixture::plain(&vec![1.0; rates.len()]);
        Self { limit: open_unit(limit), rates, mixture }
    }

    pub fn observe(&mut self, counts: Counts) {
        self.mixture.step(|index| counts.log_ratio(self.rates[index], self.limit));
    }

    pub fn restart(&mut self) {
        self.mixture.restart();
    }

    pub fn log_e(&self) -> f64 {
        self.mixture.log_e()
    }

    /// By how much the logarithm grows per attempt while the failure rate is `rate`; at most zero when it shrinks.
    pub fn growth(&self, rate: f64) -> f64 {
        let rate = if rate.is_nan() { self.limit } else { rate.clamp(0.0, 1.0) };
        let gain = |p: f64| rate * ln(p / self.limit) + (1.0 - rate) * ln((1.0 - p) / (1.0 - self.limit));
        self.rates.iter().map(|&p| gain(p)).fold(f64::NEG_INFINITY, f64::max)
    }
}

/// No rate lies above a limit of 1: the null is always true and nothing is bet.
fn worse_rates(limit: f64) -> Vec<f64> {
    if limit.is_nan() || limit >= 1.0 {
        return Vec::new();
    }
    let limit = open_unit(limit);
    // For tiny limits the way from the largest multiple to gross failure is long: a rung per decade.
    let decades = (1..10).map(|power| WORSE[5] * 10_f64.powi(power));
    let multiples = WORSE.iter().copied().chain(decades).map(|ratio| ratio * limit).filter(|&p| p < GROSS[0]);
    let mut rates: Vec<f64> = multiples.chain(GROSS).filter(|&p| p > limit).collect();
    // Near 1 the multiples end: go part of what is left of the way instead.
    rates.extend([0.5, 0.9].map(|part| limit + part * (1.0 - limit)).into_iter().filter(|_| limit > 0.3));
    rates
}

/// No rate lies below a limit of 0: the null is always true and nothing is bet.
fn better_rates(limit: f64) -> Vec<f64> {
    if limit.is_nan() || limit <= 0.0 {
        return Vec::new();
    }
    let limit = open_unit(limit);
    BETTER.iter().map(|ratio| ratio * limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_canary_passes_one_percent_after_380_requests() {
        let mut pass = OneSample::pass(0.01);
        let needed = (1..1_000).find(|_| {
            pass.observe(Counts::new(1, 0));
            pass.log_e() >= 20_f64.ln()
        });
        assert!(needed.is_some_and(|n| (378..=384).contains(&n)), "{needed:?}");
    }

    #[test]
    fn total_failure_breaks_a_twenty_percent_guard_within_six() {
        let mut guard = OneSample::harm(0.2);
        let needed = (1..50).find(|_| {
            guard.observe(Counts::new(1, 1));
            guard.log_e() >= 100_f64.ln()
        });
        assert!(needed.is_some_and(|n| n <= 6), "{needed:?}");
    }

    #[test]
    fn limits_of_zero_and_one_mean_what_they_say() {
        let mut none_allowed = OneSample::harm(0.0);
        none_allowed.observe(Counts::new(1_000, 0));
        assert!(none_allowed.log_e() < 1.0);
        none_allowed.observe(Counts::new(1, 1));
        assert!(none_allowed.log_e() > 100_f64.ln(), "one failure is one too many");
        let mut all_allowed = OneSample::harm(1.0);
        all_allowed.observe(Counts::new(1_000, 1_000));
        assert_eq!(all_allowed.log_e(), 0.0);
        let mut below_zero = OneSample::pass(0.0);
        below_zero.observe(Counts::new(1_000_000, 0));
        assert_eq!(below_zero.log_e(), 0.0, "no rate is below zero");
        let mut below_one = OneSample::pass(1.0);
        below_one.observe(Counts::new(2, 1));
        assert!(below_one.log_e() > 10.0, "one success is below 100 %");
    }
}
