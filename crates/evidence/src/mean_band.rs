use crate::bounded::{Bounded, ValuesSeen};
use crate::math::{ln, open_unit};

/// Confidence sequence for a mean: the predictable plug-in empirical-Bernstein one (Waudby-Smith and Ramdas, 2023,
/// theorem 2), one half of `alpha` on each side.
///
/// Assumes that all values have the same mean given the past. Of a mean that drifts it shows a weighted average.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MeanBand {
    values: Bounded,
    /// `ln(2/α)`.
    log_level: f64,
    sum: f64,
    /// Sum of squared differences from the (regularised) mean at the time: steers the bets.
    spread: f64,
    bets: f64,
    weighted: f64,
    /// What variance costs the lower and the upper end.
    cost: [f64; 2],
}

/// Largest bet, so that `−ln(1 − λ) − λ` stays small.
const LARGEST_BET: f64 = 0.5;

impl MeanBand {
    /// `bound` in the metric's unit; the band holds at all times at once with probability at least `1 − alpha`.
    pub fn new(bound: f64, alpha: f64) -> Self {
        let log_level = ln(2.0 / open_unit(alpha));
        let values = Bounded::new(bound);
        Self { values, log_level, sum: 0.0, spread: 0.0, bets: 0.0, weighted: 0.0, cost: [0.0; 2] }
    }

    /// One value, in the metric's unit.
    pub fn observe(&mut self, value: f64) {
        let before = self.values.summary().usable as f64;
        let Some(part) = self.values.part(value) else { return };
        let now = before + 1.0;
        let variance = (0.25 + self.spread) / now;
        let bet = (2.0 * self.log_level / (now * ln(1.0 + now) * variance)).sqrt().min(LARGEST_BET);
        // The mean of no values is 0 for the lower end and, seen from the other end, 1 for the upper one.
        let means = if before > 0.0 { [self.sum / before; 2] } else { [0.0, 1.0] };
        for (cost, mean) in self.cost.iter_mut().zip(means) {
            *cost += (part - mean) * (part - mean) * (-ln(1.0 - bet) - bet);
        }
        self.bets += bet;
        self.weighted += bet * part;
        self.sum += part;
        let regular = (0.5 + self.sum) / (now + 1.0);
        self.spread += (part - regular) * (part - regular);
    }

    /// Low and high end in the metric's unit; `None` without a usable value.
    pub fn interval(&self) -> Option<(f64, f64)> {
        if self.bets <= 0.0 {
            return None;
        }
        let middle = self.weighted / self.bets;
        let [below, above] = self.cost.map(|cost| (self.log_level + cost) / self.bets);
        Some((self.values.value(middle - below), self.values.value(middle + above)))
    }

    pub fn seen(&self) -> ValuesSeen {
        self.values.summary()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_band_is_in_the_unit_of_the_metric() {
        let (mut unit, mut large) = (MeanBand::new(1.0, 0.05), MeanBand::new(500.0, 0.05));
        for at in 0..200 {
            let part = f64::from(at % 4) / 4.0;
            unit.observe(part);
            large.observe(500.0 * part);
        }
        let (low, high) = unit.interval().unwrap();
        assert!(low < 0.375 && 0.375 < high && high - low < 0.25, "{low} {high}");
        let (scaled_low, scaled_high) = large.interval().unwrap();
        assert!((scaled_low - 500.0 * low).abs() < 1e-9 && (scaled_high - 500.0 * high).abs() < 1e-9);
    }

    #[test]
    fn senseless_bounds_and_levels_have_an_answer() {
        for wild in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-320, 10.0] {
            let (mut band, mut level) = (MeanBand::new(wild, 0.05), MeanBand::new(10.0, wild));
            for value in [0.0, 1.0, 1e300, f64::NAN] {
                band.observe(value);
                level.observe(value);
            }
            let ordered = |(low, high): (f64, f64)| 0.0 <= low && low <= high;
            assert!(band.interval().is_none_or(ordered) && level.interval().is_some_and(ordered), "{wild}");
        }
        assert_eq!(MeanBand::new(1.0, 0.05).interval(), None);
    }
}
