//! Means of values with a bound, against a limit and against stable's.

use crate::bounded::{Bounded, ValuesSeen};
use crate::math::ln;
use crate::mixture::Mixture;

/// Bets as parts of the largest one that cannot ruin: from differences of a percent to gross ones.
const PARTS: [f64; 7] = [0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 0.95];

/// Which claim about a mean is argued against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum MeanSide {
    /// Harm. Null: the mean is at most the limit.
    Above,
    /// Pass. Null: the mean is at least the limit.
    Below,
}

/// Is the mean of a metric above a limit (harm), or below it (pass)?
///
/// Null: given the past, each value has a mean on the null's side of the limit; it may drift there. Testing by betting
/// (Waudby-Smith and Ramdas, 2023): a value `x` of mean at most `m` multiplies by `1 + λ (x − m)`, `0 ≤ λ < 1/m`, of
/// expectation at most 1; a mixture over `λ`. Broken by values that follow from each other within a look (a mean given
/// the past that strays over the limit and back), and by a bound that clips what matters.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MeanTest {
    side: MeanSide,
    values: Bounded,
    limit: f64,
    mixture: Mixture,
}

impl MeanTest {
    /// `limit` and `bound` in the metric's unit. A limit outside of 0 to the bound can be neither met nor missed:
    /// nothing is bet.
    pub fn new(side: MeanSide, limit: f64, bound: f64) -> Self {
        let values = Bounded::new(bound);
        let limit = limit / bound;
        let bets: &[f64] = if limit > 0.0 && limit < 1.0 { &[1.0; PARTS.len()] } else { &[] };
        let mixture = match side {
            MeanSide::Above => Mixture::with_restarts(bets),
            MeanSide::Below => Mixture::plain(bets),
        };
        Self { side, values, limit, mixture }
    }

    /// One value, in the metric's unit.
    pub fn observe(&mut self, value: f64) {
        let Some(part) = self.values.part(value) else { return };
        let gain = match self.side {
            MeanSide::Above => part / self.limit - 1.0,
            MeanSide::Below => (self.limit - part) / (1.0 - self.limit),
        };
        self.mixture.step(|index| ln(1.0 + PARTS[index] * gain));
    }

    /// Bets fresh mass, for a fault that begins late.
    pub fn restart(&mut self) {
        self.mixture.restart();
    }

    pub fn log_e(&self) -> f64 {
        self.mixture.log_e()
    }

    pub fn seen(&self) -> ValuesSeen {
        self.values.summary()
    }
}

/// Is the canary's mean above stable's (harm), or above it by less than a margin (pass)?
///
/// Null of [`MeanSide::Above`]: in every bucket the canary's mean is at most stable's plus the margin; of
/// [`MeanSide::Below`]: at least stable's plus the margin. Both may drift together.
///
/// With `s` the canary's share of a bucket's values and a middle `m` known before it, each canary value multiplies by
/// `1 + λ (1−s) (x − m − margin)` and each of stable by `1 + λ s (m − y)`. The logarithm of the expectation is at most
/// `λ s (1−s) n (μ_c − μ_b − margin)`, by `ln(1+z) ≤ z`: at most 0 under the null, for any `m`. Assumes values that are
/// independent given the past; one client with many extreme values breaks it.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MeanComparison {
    side: MeanSide,
    values: Bounded,
    margin: f64,
    stable_sum: f64,
    stable_count: f64,
    mixture: Mixture,
}

impl MeanComparison {
    /// `margin` and `bound` in the metric's unit. What is not a margin between 0 and the bound counts as 0.
    pub fn new(side: MeanSide, margin: f64, bound: f64) -> Self {
        let values = Bounded::new(bound);
        let margin = margin / bound;
        let margin = if margin > 0.0 && margin < 1.0 { margin } else { 0.0 };
        let prior = [1.0; PARTS.len()];
        let mixture = match side {
            MeanSide::Above => Mixture::with_restarts(&prior),
            MeanSide::Below => Mixture::plain(&prior),
        };
        Self { side, values, margin, stable_sum: 0.0, stable_count: 0.0, mixture }
    }

    /// One bucket, closed without looking at the values. One in which an arm has none says nothing and should be
    /// carried over into the next.
    pub fn observe(&mut self, canary: &[f64], stable: &[f64]) {
        let canary: Vec<f64> = canary.iter().filter_map(|&value| self.values.part(value)).collect();
        let stable: Vec<f64> = stable.iter().filter_map(|&value| self.values.part(value)).collect();
        if !canary.is_empty() && !stable.is_empty() {
            self.bet(&canary, &stable);
        }
        self.stable_sum += stable.iter().sum::<f64>();
        self.stable_count += stable.len() as f64;
    }

    fn bet(&mut self, canary: &[f64], stable: &[f64]) {
        let share = canary.len() as f64 / (canary.len() + stable.len()) as f64;
        // Between one half and what stable showed; never 0 or 1, so that the largest bet is finite.
        let middle = (self.stable_sum + 0.5) / (self.stable_count + 1.0);
        let sign = match self.side {
            MeanSide::Above => 1.0,
            MeanSide::Below => -1.0,
        };
        let gain_c = |x: f64| sign * (1.0 - share) * (x - middle - self.margin);
        let gain_b = |y: f64| sign * share * (middle - y);
        let worst = [gain_c(0.0), gain_c(1.0), gain_b(0.0), gain_b(1.0)].into_iter().fold(0.0, f64::min);
        self.mixture.step(|index| {
            let bet = PARTS[index] / -worst;
            let canary = canary.iter().map(|&x| gain_c(x));
            let stable = stable.iter().map(|&y| gain_b(y));
            log_product(canary.chain(stable).map(|gain| 1.0 + bet * gain))
        });
    }

    /// Bets fresh mass, for a fault that begins late.
    pub fn restart(&mut self) {
        self.mixture.restart();
    }

    pub fn log_e(&self) -> f64 {
        self.mixture.log_e()
    }

    pub fn seen(&self) -> ValuesSeen {
        self.values.summary()
    }
}

/// Log of a product of positive numbers: a logarithm only as often as the product would leave the range of a double.
fn log_product(factors: impl Iterator<Item = f64>) -> f64 {
    const RANGE: std::ops::Range<f64> = 1e-100..1e100;
    let (mut log, mut product) = (0.0, 1.0);
    for factor in factors {
        product *= factor;
        if !RANGE.contains(&product) {
            log += ln(product);
            product = 1.0;
        }
    }
    log + ln(product)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::exp;

    /// Distributions on five points of 0 to 8 by their chances; the first has mean 4, the others less or more.
    const POINTS: [f64; 5] = [0.0, 2.0, 4.0, 6.0, 8.0];
    const MIDDLE: [[f64; 5]; 3] = [[0.5, 0.0, 0.0, 0.0, 0.5], [0.2; 5], [0.0, 0.0, 1.0, 0.0, 0.0]];
    const LOW: [f64; 5] = [0.7, 0.1, 0.1, 0.1, 0.0];

    fn mean(chances: &[f64; 5]) -> f64 {
        POINTS.iter().zip(chances).map(|(point, chance)| point * chance).sum()
    }

    fn expect(chances: &[f64; 5], e: impl Fn(f64) -> f64) -> f64 {
        POINTS.iter().zip(chances).map(|(&point, chance)| chance * e(point)).sum()
    }

    #[test]
    fn a_mean_at_the_limit_gains_nothing_on_either_side() {
        for chances in MIDDLE.iter().chain([&LOW]) {
            for (side, slack) in [(MeanSide::Above, 0.0), (MeanSide::Below, 0.0), (MeanSide::Above, 0.5)] {
                let mut past = MeanTest::new(side, mean(chances) + slack, 8.0);
                past.observe(3.0);
                let after = |value| {
                    let mut next = past.clone();
                    next.observe(value);
                    exp(next.log_e())
                };
                let growth = expect(chances, after) / exp(past.log_e());
                assert!(growth <= 1.0 + 1e-12 && (growth > 1.0 - 1e-12 || slack > 0.0), "{growth}");
            }
        }
    }

    #[test]
    fn no_canary_gains_whose_mean_is_as_stables() {
        for (canary, stable) in MIDDLE.iter().flat_map(|a| MIDDLE.iter().map(move |b| (a, b))) {
            for side in [MeanSide::Above, MeanSide::Below] {
                let mut past = MeanComparison::new(side, 0.0, 8.0);
                past.observe(&[1.0, 7.0], &[2.0, 2.0, 3.0]);
                let after = |x: f64, y: f64, z: f64| {
                    let mut next = past.clone();
                    next.observe(&[x], &[y, z]);
                    exp(next.log_e())
                };
                let growth = expect(canary, |x| expect(stable, |y| expect(stable, |z| after(x, y, z))))
                    / exp(past.log_e());
                assert!(growth <= 1.0 + 1e-12, "{side:?} {growth}");
            }
        }
    }

    #[test]
    fn a_margin_shifts_the_null_by_itself() {
        let margin = 4.0 - mean(&LOW);
        for side in [MeanSide::Above, MeanSide::Below] {
            let start = MeanComparison::new(side, margin, 8.0);
            let after = |x: f64, y: f64| {
                let mut next = start.clone();
                next.observe(&[x], &[y]);
                exp(next.log_e())
            };
            let growth = expect(&MIDDLE[1], |x| expect(&LOW, |y| after(x, y)));
            assert!(growth <= 1.0 + 1e-12, "{side:?} {growth}");
        }
    }

    #[test]
    fn a_worse_mean_is_found_and_an_equal_one_passes_a_margin() {
        let value = |at: u64| POINTS[(at % 5) as usize];
        let (mut harm, mut pass) =
            (MeanComparison::new(MeanSide::Above, 0.0, 8.0), MeanComparison::new(MeanSide::Below, 1.0, 8.0));
        for at in 0..300 {
            let stable: Vec<f64> = (0..9).map(|offset| value(at + offset)).collect();
            harm.observe(&[value(at).max(3.0)], &stable);
            pass.observe(&[value(at)], &stable);
        }
        assert!(harm.log_e() > 100_f64.ln(), "{}", harm.log_e());
        assert!(pass.log_e() > 20_f64.ln(), "{}", pass.log_e());
        assert_eq!(harm.seen(), ValuesSeen { usable: 3_000, clipped: 0, missing: 0 });
    }

    #[test]
    fn long_products_neither_overflow_nor_vanish() {
        let factors = |factor: f64| std::iter::repeat_n(factor, 10_000);
        for factor in [0.05, 0.999, 1.0, 1.7, 1e9] {
            let log = log_product(factors(factor));
            assert!((log - 10_000.0 * ln(factor)).abs() < 1e-6, "{log} for {factor}");
        }
    }

    #[test]
    fn clipping_and_missing_data_are_said() {
        let mut test = MeanTest::new(MeanSide::Above, 1.0, 10.0);
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -5.0, 10.0, 1e300] {
            test.observe(value);
        }
        assert_eq!(test.seen(), ValuesSeen { usable: 3, clipped: 2, missing: 3 });
        assert!(test.log_e().is_finite());
    }

    #[test]
    fn senseless_bounds_and_limits_bet_nothing() {
        for bound in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-320, 10.0] {
            for limit in [0.0, f64::NAN, f64::INFINITY, -3.0, 10.0] {
                let mut test = MeanTest::new(MeanSide::Below, limit, bound);
                let mut comparison = MeanComparison::new(MeanSide::Above, limit, bound);
                for value in [0.0, 1.0, 1e300] {
                    test.observe(value);
                    comparison.observe(&[value], &[value, 0.0]);
                    comparison.observe(&[], &[value]);
                }
                assert_eq!(test.log_e(), 0.0, "{limit} of {bound}");
                assert!(comparison.log_e().is_finite());
            }
        }
    }
}
