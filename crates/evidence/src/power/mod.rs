//! What no test can beat, and what these tests need.

mod forecast;
mod latency;
mod range;

pub use latency::{LatencyShares, log_normal_shares};
pub use range::{Traffic, VerdictRange};

use crate::math::{ln, open_unit};
use crate::{Counts, OneSample};

/// Kullback-Leibler information of one request about "the rates differ", in nats, when the canary has `share` of them.
pub fn information_per_request(p_stable: f64, p_canary: f64, share: f64) -> f64 {
    let (p_b, p_c, w) = (p_stable.clamp(0.0, 1.0), p_canary.clamp(0.0, 1.0), share.clamp(0.0, 1.0));
    let pooled = open_unit(w * p_c + (1.0 - w) * p_b);
    w * divergence(p_c, pooled) + (1.0 - w) * divergence(p_b, pooled)
}

/// The least expected number of requests, both arms together, after which any test with false-alarm chance `alpha`
/// can tell the rates apart (Wald). Infinite when they are equal.
pub fn detection_bound_requests(p_stable: f64, p_canary: f64, share: f64, alpha: f64) -> f64 {
    let information = information_per_request(p_stable, p_canary, share);
    if information > 0.0 { ln(1.0 / open_unit(alpha)) / information } else { f64::INFINITY }
}

/// After how many requests without a single failure [`OneSample::pass`] shows a rate below `limit` at level `beta`;
/// `None` when never (a limit of zero).
pub fn requests_to_pass(limit: f64, beta: f64) -> Option<u64> {
    let target = ln(1.0 / open_unit(beta));
    let passes = |requests: u64| {
        let mut pass = OneSample::pass(limit);
        pass.observe(Counts::new(requests, 0));
        pass.log_e() >= target
    };
    let enough = (0..50).map(|power| 1_u64 << power).find(|&requests| passes(requests))?;
    let (mut low, mut high) = (enough / 2, enough);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if passes(middle) { high = middle } else { low = middle }
    }
    Some(high)
}

pub(crate) fn divergence(p: f64, q: f64) -> f64 {
    let part = |a: f64, b: f64| if a > 0.0 { a * ln(a / b) } else { 0.0 };
    part(p, q) + part(1.0 - p, 1.0 - q)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_requests_needed_for_a_pass() {
        assert!(requests_to_pass(0.01, 0.05).is_some_and(|n| (378..=384).contains(&n)));
        assert!(requests_to_pass(0.001, 0.05).is_some_and(|n| (3_780..=3_850).contains(&n)));
        assert_eq!(requests_to_pass(0.0, 0.05), None);
        assert_eq!(requests_to_pass(1.0, 0.05), Some(1));
    }

    #[test]
    fn equal_rates_are_never_told_apart() {
        assert_eq!(detection_bound_requests(0.01, 0.01, 0.05, 0.01), f64::INFINITY);
        assert!(detection_bound_requests(0.0, 1.0, 0.05, 0.01).is_finite());
    }
}
