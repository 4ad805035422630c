//! Bands for quantiles of latency that hold at all times and for all quantiles at once: for charts and reports, not for
//! gates, whose tests are far sharper (Howard and Ramdas, 2022).

use crate::math::{bisect, exp, ln, open_unit};
use crate::special::zeta;

/// Of double stitching, as published: growth of the epochs of time, spacing of the grid of quantiles, and how fast the
/// error spent on later epochs falls.
const ETA: f64 = 2.0;
const DELTA: f64 = 0.5;
const S: f64 = 1.4;

/// By how many requests the count of those not above the `p`-quantile exceeds its mean `p · t`, at no time and for no
/// `p`, with probability at least `1 − alpha`; tightest near `t_opt` requests, and not below.
pub fn double_stitching_bound(p: f64, t: f64, alpha: f64, t_opt: f64) -> f64 {
    let p = open_unit(p);
    let t_opt = if t_opt >= 1.0 { t_opt } else { 1.0 };
    let t = t.max(t_opt);
    let logit = ln(p / (1.0 - p));
    let nearer_the_middle = |shift: f64| 1.0 / (1.0 + exp(-(logit + shift)));
    let r = if p >= 0.5 { p } else { nearer_the_middle(2.0 * DELTA * (t_opt * ETA / t).sqrt()).min(0.5) };
    let variance = r * (1.0 - r);
    let epoch = S * ln(ln(ETA * t / t_opt));
    let grid = S * ln((t / t_opt).sqrt() * logit.abs() / (2.0 * DELTA) + 1.0);
    let level = ln(2.0 * zeta(S) * (2.0 * zeta(S) + 1.0) / open_unit(alpha)) - S * ln(ln(ETA));
    let ell = epoch + grid + level;
    let root = ETA.sqrt();
    let k1_squared = (root.sqrt() + 1.0 / root.sqrt()) * (root.sqrt() + 1.0 / root.sqrt()) / 2.0;
    let linear = (root + 1.0) / 2.0 * (1.0 - 2.0 * p) / 3.0 * ell;
    DELTA * (ETA * t * variance / t_opt).sqrt()
        + (k1_squared * variance * t * ell + linear * linear).sqrt()
        + linear
}

/// By how much the empirical distribution function strays from the true one, anywhere and at any time from `t_min`
/// requests on, with probability at most `alpha`; infinite before. `a` above √½ weighs late times against early ones;
/// 0.85 is usual.
pub fn empirical_process_bound(t: f64, alpha: f64, t_min: f64, a: f64) -> f64 {
    let defined = t >= t_min && t_min >= 1.0 && a > std::f64::consts::FRAC_1_SQRT_2;
    if !defined {
        return f64::INFINITY;
    }
    let alpha = open_unit(alpha);
    // The smallest constant whose error is at most alpha: the error falls as the constant rises.
    let constant = bisect(1.0, 1e4, |c| smallest_error(a, c) > alpha);
    a * ((ln(1.0 + ln(t / t_min)) + constant) / t).sqrt()
}

/// Over all growths of the epochs (Howard and Ramdas, 2022, theorem 2).
fn smallest_error(a: f64, c: f64) -> f64 {
    let error = |eta: f64| {
        let rest = a - (2.0 * (eta - 1.0) / c).sqrt();
        let gamma_squared = 2.0 / eta * rest * rest;
        if gamma_squared <= 1.0 || rest <= 0.0 {
            return f64::INFINITY;
        }
        4.0 * exp(-gamma_squared * c) * (1.0 + 1.0 / ((gamma_squared - 1.0) * ln(eta)))
    };
    let largest = bisect(1.0, 2.0 * a * a, |eta| (eta / 2.0).sqrt() + (2.0 * (eta - 1.0) / c).sqrt() < a);
    error(golden_minimum(1.0, largest, error))
}

/// Where a function with one valley is least (golden-section search).
pub(crate) fn golden_minimum(mut low: f64, mut high: f64, f: impl Fn(f64) -> f64) -> f64 {
    let part = (5.0_f64.sqrt() - 1.0) / 2.0;
    // The valley is flat: half of a double's digits in place give all of them in value, and 0.618^50 is below that.
    for _ in 0..50 {
        let (left, right) = (high - part * (high - low), low + part * (high - low));
        if f(left) <= f(right) { high = right } else { low = left }
    }
    (low + high) / 2.0
}

/// First and last bin of a histogram in which the true `p`-quantile may lie, by double stitching with half of `alpha`
/// on each side; it holds for all `p` and at all times at once. `None` without requests.
///
/// Assumes that the distribution does not change; of one that does, it bounds the quantile of the mixture over time
/// only as far as requests are independent.
pub fn quantile_band(histogram: &[u64], p: f64, alpha: f64, t_opt: f64) -> Option<(usize, usize)> {
    let total: f64 = histogram.iter().map(|&count| count as f64).sum();
    if total <= 0.0 {
        return None;
    }
    let p = open_unit(p);
    let above = p * total + double_stitching_bound(p, total, alpha / 2.0, t_opt);
    // Seen from the other end, p is 1 − p.
    let below = p * total - double_stitching_bound(1.0 - p, total, alpha / 2.0, t_opt);
    let mut counted = 0.0;
    let mut band = (None, None);
    for (bin, &count) in histogram.iter().enumerate() {
        counted += count as f64;
        if band.0.is_none() && (counted >= below.max(0.0)) {
            band.0 = Some(bin);
        }
        if band.1.is_none() && counted >= above {
            band.1 = Some(bin);
        }
    }
    let last = histogram.len() - 1;
    Some((band.0.unwrap_or(last), band.1.unwrap_or(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_holds_its_quantile_and_narrows() {
        let band = |scale: u64, p| quantile_band(&[50 * scale; 20], p, 0.05, 100.0).unwrap();
        for p in [0.1, 0.5, 0.9] {
            let quantile = (20.0 * p) as usize - 1;
            let (few, many) = (band(1, p), band(100, p));
            assert!(few.0 <= quantile && quantile <= few.1, "{few:?}");
            assert!(many.1 - many.0 < few.1 - few.0 && many.1 - many.0 <= 2, "{many:?}");
        }
    }

    #[test]
    fn few_requests_bound_nothing_and_none_have_no_band() {
        assert_eq!(quantile_band(&[1, 1, 1], 0.5, 0.05, 100.0), Some((0, 2)));
        assert_eq!(quantile_band(&[0, 0], 0.5, 0.05, 100.0), None);
        assert_eq!(quantile_band(&[], 0.5, 0.05, 100.0), None);
        for wild in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1.0] {
            let (low, high) = quantile_band(&[1_000_000_000_000, 0, 3], wild, wild, wild).unwrap();
            assert!(low <= high);
        }
    }

    #[test]
    fn the_empirical_process_is_not_bounded_before_its_time() {
        assert_eq!(empirical_process_bound(99.0, 0.05, 100.0, 0.85), f64::INFINITY);
        assert_eq!(empirical_process_bound(f64::NAN, 0.05, 100.0, 0.85), f64::INFINITY);
        assert_eq!(empirical_process_bound(100.0, 0.05, 100.0, 0.7), f64::INFINITY);
    }
}
