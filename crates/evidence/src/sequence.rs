//! Confidence sequences for a share: intervals that hold at all times at once.

use crate::Counts;
use crate::math::{bisect, ln, ln_beta, open_unit};

/// Log of the beta-binomial mixture over `Beta(a, b)` against the rate `p0`.
pub fn beta_binomial_log_e(counts: Counts, p0: f64, a: f64, b: f64) -> f64 {
    log_marginal(counts, a, b) - log_likelihood(counts, p0)
}

/// Low and high end of the rates that `Beta(½, ½)` mixtures have not refuted at level `alpha`: sharp from the first
/// requests on, and for rare failures. `(0, 1)` without attempts.
pub fn bernoulli_band(counts: Counts, alpha: f64) -> (f64, f64) {
    // The marginal does not depend on the candidate: two logarithms a step instead of six gamma functions.
    let marginal = log_marginal(counts, 0.5, 0.5);
    invert(counts, alpha, |p| marginal - log_likelihood(counts, p))
}

/// The same with a mixture around each candidate rate, sharpest near `t_opt` attempts (Howard et al., 2021).
pub fn bernoulli_confidence_interval(counts: Counts, alpha: f64, t_opt: f64, alpha_opt: f64) -> (f64, f64) {
    let twice = 2.0 * ln(1.0 / alpha_opt);
    let concentration = (t_opt / (twice + ln(1.0 + twice)) - 1.0).max(1e-3);
    invert(counts, alpha, |p| beta_binomial_log_e(counts, p, concentration * p, concentration * (1.0 - p)))
}

fn log_marginal(counts: Counts, a: f64, b: f64) -> f64 {
    ln_beta(a + counts.k(), b + counts.n() - counts.k()) - ln_beta(a, b)
}

fn log_likelihood(counts: Counts, p: f64) -> f64 {
    let p = open_unit(p);
    counts.k() * ln(p) + (counts.n() - counts.k()) * ln(1.0 - p)
}

fn invert(counts: Counts, alpha: f64, log_e: impl Fn(f64) -> f64) -> (f64, f64) {
    let limit = ln(1.0 / open_unit(alpha));
    let Some(rate) = counts.rate() else { return (0.0, 1.0) };
    let kept = |p: f64| log_e(open_unit(p)) < limit;
    let low = if counts.failures() == 0 { 0.0 } else { bisect(0.0, rate, |p| !kept(p)) };
    let high = if counts.failures() == counts.attempts() { 1.0 } else { bisect(rate, 1.0, kept) };
    (low, high)
}
