//! Special functions that `libm` lacks.

use crate::math::{exp, ln};

/// Terms of a series or steps of a fraction: both need a few square roots of their largest argument …
const MOST_STEPS: u32 = 200_000;
/// … which is therefore bounded.
const LARGEST: f64 = 1e9;

/// `ln Γ(a) + ln P(a, x)`: log of the lower incomplete gamma function, `a` and `x` positive.
///
/// By its series below `a + 1` and by the continued fraction of the upper one beyond (Abramowitz and Stegun, 6.5.29 and
/// 6.5.31, the latter by Lentz's method). For an `a` above 10^9 and `x ≥ a` its lower bound `P ≥ ½` (the median of a
/// gamma variable lies below its mean).
pub(crate) fn ln_lower_gamma(a: f64, x: f64) -> f64 {
    if a > LARGEST && x >= a {
        return libm::lgamma(a) + ln(0.5);
    }
    let log_front = a * ln(x) - x;
    if x < a + 1.0 {
        return log_front + ln(lower_series(a, x));
    }
    let upper_share = exp(log_front - libm::lgamma(a)) * upper_fraction(a, x);
    libm::lgamma(a) + libm::log1p(-upper_share)
}

fn lower_series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum) = (1.0 / a, 1.0 / a);
    for step in 1..MOST_STEPS {
        term *= x / (a + f64::from(step));
        sum += term;
        if term < sum * f64::EPSILON {
            break;
        }
    }
    sum
}

fn upper_fraction(a: f64, x: f64) -> f64 {
    let mut b = x + 1.0 - a;
    let mut c = f64::INFINITY;
    let mut d = 1.0 / b;
    let mut value = d;
    for step in 1..MOST_STEPS {
        let i = f64::from(step);
        let numerator = -i * (i - a);
        b += 2.0;
        d = 1.0 / (numerator * d + b);
        c = b + numerator / c;
        value *= d * c;
        if (d * c - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    value
}

/// Riemann's ζ for `s > 1`: the first terms, and Euler-Maclaurin for the rest.
pub(crate) fn zeta(s: f64) -> f64 {
    const DIRECT: u32 = 20;
    let n = f64::from(DIRECT);
    let power = |base: f64| exp(-s * ln(base));
    let direct: f64 = (1..DIRECT).map(|k| power(f64::from(k))).sum();
    let rest = power(n) * (n / (s - 1.0) + 0.5 + s / (12.0 * n));
    let third = s * (s + 1.0) * (s + 2.0) * power(n) / (720.0 * n * n * n);
    let fifth = third * (s + 3.0) * (s + 4.0) / (42.0 * n * n);
    direct + rest - third + fifth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incomplete_gamma_of_whole_orders_is_elementary() {
        // P(1, x) = 1 − e^−x and P(2, x) = 1 − (1 + x) e^−x, on both sides of the switch between the methods.
        for x in [0.01_f64, 0.9, 1.9, 2.1, 3.5, 20.0] {
            let (one, two) = (-(-x).exp_m1(), 1.0 - (1.0 + x) * (-x).exp());
            assert!((ln_lower_gamma(1.0, x) - one.ln()).abs() < 1e-10, "{x}");
            assert!((ln_lower_gamma(2.0, x) - two.ln()).abs() < 1e-9, "{x}");
        }
    }

    #[test]
    fn zeta_of_even_numbers_is_known() {
        let pi = std::f64::consts::PI;
        assert!((zeta(2.0) - pi * pi / 6.0).abs() < 1e-13);
        assert!((zeta(4.0) - pi.powi(4) / 90.0).abs() < 1e-13);
    }
}
