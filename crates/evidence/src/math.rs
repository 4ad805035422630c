//! Logarithms that replay to the same bits everywhere, and two small numeric tools.

/// The rates a likelihood ratio may use: never 0 or 1, so that no logarithm is infinite.
pub(crate) const TINY: f64 = 1e-9;

pub(crate) fn ln(x: f64) -> f64 {
    libm::log(x)
}

pub(crate) fn exp(x: f64) -> f64 {
    libm::exp(x)
}

pub(crate) fn open_unit(p: f64) -> f64 {
    if p.is_nan() { 0.5 } else { p.clamp(TINY, 1.0 - TINY) }
}

/// `ln Σ exp(terms)`; minus infinity for no terms.
pub(crate) fn log_sum_exp(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let top = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY { top } else { top + ln(terms.map(|t| exp(t - top)).sum()) }
}

pub(crate) fn ln_beta(a: f64, b: f64) -> f64 {
    libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)
}

/// A point in `[low, high]` where `positive` changes, given that it holds at `low` and not at `high`.
pub(crate) fn bisect(mut low: f64, mut high: f64, positive: impl Fn(f64) -> bool) -> f64 {
    // 100 halvings end at the last bit of a double, whatever the interval.
    for _ in 0..100 {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            break;
        }
        if positive(middle) { low = middle } else { high = middle }
    }
    low + (high - low) / 2.0
}

/// The last point known to be `refuted` on the way from one that is to one that is not, both positive: within a
/// millionth of itself of where that changes.
pub(crate) fn geometric_bisect(refuted: f64, kept: f64, holds: impl Fn(f64) -> bool) -> f64 {
    let (mut refuted, mut kept) = (refuted, kept);
    while (refuted / kept - 1.0).abs() > 1e-6 {
        let middle = libm::sqrt(refuted) * libm::sqrt(kept);
        if holds(middle) { refuted = middle } else { kept = middle }
    }
    refuted
}
