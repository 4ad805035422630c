//! Exact draws of counts: inversion for small means, transformed rejection (Hörmann, 1993) for large ones.

use crate::chance::Chance;

/// Below this mean inversion takes fewer steps than rejection costs; the rejections need at least this.
const LARGE: f64 = 10.0;
/// Means beyond this are not counted one by one any more: 2^53, where doubles stop being whole numbers.
const MOST: f64 = 9.0e15;

/// How many events of a Poisson process with this mean; 0 for a mean that is not a positive number.
pub(crate) fn poisson(chance: &mut Chance, mean: f64) -> u64 {
    if mean.is_nan() || mean <= 0.0 {
        0
    } else if mean < LARGE {
        poisson_inversion(chance, mean)
    } else {
        poisson_rejection(chance, mean.min(MOST))
    }
}

fn poisson_inversion(chance: &mut Chance, mean: f64) -> u64 {
    let (mut left, mut count) = (chance.unit(), 0_u64);
    let mut mass = libm::exp(-mean);
    // The mass underflows long before a thousand.
    while left >= mass && count < 1_000 {
        left -= mass;
        count += 1;
        mass *= mean / count as f64;
    }
    count
}

/// Algorithm PTRS.
fn poisson_rejection(chance: &mut Chance, mean: f64) -> u64 {
    let b = 0.931 + 2.53 * mean.sqrt();
    let a = -0.059 + 0.024_83 * b;
    let hat = 1.1239 + 1.1328 / (b - 3.4);
    let squeeze = 0.9277 - 3.6224 / (b - 2.0);
    loop {
        let (u, v) = (chance.unit() - 0.5, chance.unit());
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + mean + 0.43).floor();
        if us >= 0.07 && v <= squeeze {
            return k as u64;
        }
        if k < 0.0 || (us < 0.013 && v > us) {
            continue;
        }
        let bound = k * libm::log(mean) - mean - log_factorial(k);
        if libm::log(v * hat / (a / (us * us) + b)) <= bound {
            return k as u64;
        }
    }
}

/// A chance of success made ready to draw from: the rarer of success and failure, and its logarithms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Odds {
    /// At most one half.
    p: f64,
    odds: f64,
    log_other: f64,
    /// `p` is the chance of a failure.
    turned: bool,
}

impl Odds {
    /// A chance outside 0 to 1 counts as the nearer end, NaN as 0.
    pub(crate) fn new(chance: f64) -> Self {
        let chance = if chance.is_nan() { 0.0 } else { chance.clamp(0.0, 1.0) };
        let turned = chance > 0.5;
        let p = if turned { 1.0 - chance } else { chance };
        Self { p, odds: p / (1.0 - p), log_other: libm::log1p(-p), turned }
    }

    /// How many of `trials` succeed.
    pub(crate) fn draw(&self, chance: &mut Chance, trials: u64) -> u64 {
        let mean = trials as f64 * self.p;
        let rarer = if mean <= 0.0 {
            0
        } else if mean < LARGE {
            self.inversion(chance, trials)
        } else {
            self.rejection(chance, trials as f64)
        };
        if self.turned { trials - rarer } else { rarer }
    }

    fn inversion(&self, chance: &mut Chance, trials: u64) -> u64 {
        let (mut left, mut count) = (chance.unit(), 0_u64);
        let mut mass = libm::exp(trials as f64 * self.log_other);
        // The mass underflows long before a thousand.
        while left >= mass && count < trials && count < 1_000 {
            left -= mass;
            mass *= self.odds * (trials - count) as f64 / (count + 1) as f64;
            count += 1;
        }
        count
    }

    /// Algorithm BTRS. The logarithms of factorials are rounded: beyond 10^12 trials the acceptance is exact to 10^-3.
    fn rejection(&self, chance: &mut Chance, n: f64) -> u64 {
        let p = self.p;
        let spread = (n * p * (1.0 - p)).sqrt();
        let b = 1.15 + 2.53 * spread;
        let a = -0.0873 + 0.0248 * b + 0.01 * p;
        let squeeze = 0.92 - 4.2 / b;
        let hat = (2.83 + 5.1 / b) * spread;
        let mode = ((n + 1.0) * p).floor();
        loop {
            let (u, v) = (chance.unit() - 0.5, chance.unit());
            let us = 0.5 - u.abs();
            let k = ((2.0 * a / us + b) * u + n * p + 0.5).floor();
            if k < 0.0 || k > n {
                continue;
            }
            if us >= 0.07 && v <= squeeze {
                return k as u64;
            }
            let factorials = |k: f64| log_factorial(k) + log_factorial(n - k);
            let bound = factorials(mode) - factorials(k) + (k - mode) * libm::log(self.odds);
            if libm::log(v * hat / (a / (us * us) + b)) <= bound {
                return k as u64;
            }
        }
    }
}

/// How many of `trials` succeed when each does with probability `p`, see [`Odds`].
pub(crate) fn binomial(chance: &mut Chance, trials: u64, p: f64) -> u64 {
    Odds::new(p).draw(chance, trials)
}

/// A gamma variable of this shape (at least 1) and mean `shape` (Marsaglia and Tsang, 2000).
fn gamma(chance: &mut Chance, shape: f64) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = chance.normal();
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && libm::log(1.0 - chance.unit()) < 0.5 * x * x + d - d * v + d * libm::log(v) {
            return d * v;
        }
    }
}

/// The sum of `bursts` lengths, each geometric from 1 with this mean: what is above one each is negative binomial,
/// a Poisson count with a gamma mean.
pub(crate) fn burst_lengths(chance: &mut Chance, bursts: u64, mean: f64) -> u64 {
    if bursts == 0 || mean.is_nan() || mean <= 1.0 {
        return bursts;
    }
    let rate = gamma(chance, bursts as f64) * (mean - 1.0);
    bursts.saturating_add(poisson(chance, rate))
}

/// The natural logarithm of `k!`, to 10^-11 for whole numbers: Stirling's series where it is that good.
fn log_factorial(k: f64) -> f64 {
    if k < 16.0 {
        return libm::lgamma(k + 1.0);
    }
    let square = k * k;
    let series = (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / (1_260.0 * square)) / square) / k;
    (k + 0.5) * libm::log(k) - k + HALF_LOG_TAU + series
}

/// `ln(2 π) / 2`
const HALF_LOG_TAU: f64 = 0.918_938_533_204_672_8;

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: usize = 200_000;

    /// Pearson's statistic of the draws against a law, cells with fewer than 10 expected left out, and its degrees
    /// of freedom.
    fn misfit(draws: impl Fn(&mut Chance) -> u64, log_mass: impl Fn(f64) -> f64) -> (f64, f64) {
        let mut chance = Chance::new(42, 7);
        let mut seen = std::collections::BTreeMap::<u64, u64>::new();
        (0..DRAWS).for_each(|_| *seen.entry(draws(&mut chance)).or_default() += 1);
        let cells = (0..=*seen.keys().last().unwrap()).map(|k| {
            let expected = DRAWS as f64 * log_mass(k as f64).exp();
            (expected, seen.get(&k).copied().unwrap_or(0) as f64)
        });
        let cells: Vec<f64> = cells.filter(|(e, _)| *e >= 10.0).map(|(e, o)| (o - e) * (o - e) / e).collect();
        (cells.iter().sum(), cells.len() as f64 - 1.0)
    }

    fn fits((statistic, freedom): (f64, f64)) -> bool {
        // Five standard deviations: a law whose mean is off by half a percent is caught.
        statistic < freedom + 5.0 * (2.0 * freedom).sqrt()
    }

    fn log_poisson(mean: f64) -> impl Fn(f64) -> f64 {
        move |k| k * mean.ln() - mean - libm::lgamma(k + 1.0)
    }

    fn log_binomial(n: f64, p: f64) -> impl Fn(f64) -> f64 {
        move |k| {
            let choose = libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0);
            choose + k * p.ln() + (n - k) * (1.0 - p).ln()
        }
    }

    #[test]
    fn poisson_draws_follow_the_law() {
        for mean in [0.05, 3.0, 9.9, 10.0, 47.0, 900.0] {
            assert!(fits(misfit(|chance| poisson(chance, mean), log_poisson(mean))), "{mean}");
        }
        assert!(!fits(misfit(|chance| poisson(chance, 47.5), log_poisson(47.0))), "the test can fail");
    }

    #[test]
    fn binomial_draws_follow_the_law() {
        for (n, p) in [(1, 0.3), (40, 0.01), (40, 0.9), (50, 0.5), (1_000, 0.05), (9_500, 0.001), (300, 0.97)]
        {
            let law = log_binomial(n as f64, p);
            assert!(fits(misfit(|chance| binomial(chance, n, p), law)), "{n} {p}");
        }
    }

    #[test]
    fn factorials_are_factorials() {
        for k in (0..2_000).map(f64::from) {
            let exact = libm::lgamma(k + 1.0);
            assert!((log_factorial(k) - exact).abs() <= 1e-11 * exact.max(1.0), "{k}");
        }
    }

    #[test]
    fn bursts_add_up_to_their_mean_and_spread() {
        let mut chance = Chance::new(1, 2);
        let sums: Vec<f64> = (0..50_000).map(|_| burst_lengths(&mut chance, 3, 5.0) as f64).collect();
        let mean = sums.iter().sum::<f64>() / 5e4;
        let spread = sums.iter().map(|s| (s - mean) * (s - mean)).sum::<f64>() / 5e4;
        // Geometric from 1 with mean m: variance m (m - 1).
        assert!((mean - 15.0).abs() < 0.2 && (spread - 60.0).abs() < 3.0, "{mean} {spread}");
        assert_eq!(burst_lengths(&mut chance, 7, 1.0), 7);
    }

    #[test]
    fn hostile_numbers_have_an_answer() {
        let mut chance = Chance::new(5, 5);
        for mean in [f64::NAN, -1.0, 0.0] {
            assert_eq!(poisson(&mut chance, mean), 0);
        }
        assert!(poisson(&mut chance, f64::INFINITY) > 0);
        assert_eq!(binomial(&mut chance, 9, f64::NAN), 0);
        assert_eq!(binomial(&mut chance, 9, 7.0), 9);
        let half = binomial(&mut chance, 1_000_000_000_000, 0.5) as f64;
        assert!((half - 5e11).abs() < 1e7, "{half}");
    }
}
