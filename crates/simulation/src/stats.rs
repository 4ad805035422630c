//! Sums over many runs, each with its Monte-Carlo interval.

use serde::{Deserialize, Serialize};

/// The two-sided 95 % point of the normal law, for the simulation's own error.
const Z95: f64 = 1.959_963_984_540_054;

/// How many of how many, with Wilson's 95 % interval of the share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Share {
    pub count: u64,
    pub of: u64,
    pub low: f64,
    pub high: f64,
}

impl Share {
    /// `(0, 1)` of nothing.
    pub fn new(count: u64, of: u64) -> Self {
        let (n, p) = (of as f64, count as f64 / of.max(1) as f64);
        let scale = 1.0 + Z95 * Z95 / n;
        let middle = (p + Z95 * Z95 / (2.0 * n)) / scale;
        let half = Z95 * (p * (1.0 - p) / n + Z95 * Z95 / (4.0 * n * n)).sqrt() / scale;
        let (low, high) =
            if of == 0 { (0.0, 1.0) } else { ((middle - half).max(0.0), (middle + half).min(1.0)) };
        Self { count, of, low, high }
    }

    /// 0 of nothing.
    pub fn value(self) -> f64 {
        self.count as f64 / self.of.max(1) as f64
    }
}

/// How a quantity is spread over the runs that have it; 95 % intervals of its mean and its median.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Spread {
    pub of: u64,
    pub mean: f64,
    pub mean_low: f64,
    pub mean_high: f64,
    pub median: f64,
    pub median_low: f64,
    pub median_high: f64,
    pub p95: f64,
}

impl Spread {
    /// `None` of nothing. A run that has no value within the horizon may be given as infinity: it moves the median
    /// and the 95 % point, and makes the mean infinite.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len() as f64;
        let at = |rank: f64| sorted.get((rank.max(0.0) as usize).min(sorted.len() - 1)).copied();
        if sorted.is_empty() {
            return None;
        }
        let mean = sorted.iter().sum::<f64>() / n;
        let variance = sorted.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0).max(1.0);
        let half = if mean.is_finite() { Z95 * (variance / n).sqrt() } else { 0.0 };
        // Order statistics around the median: binomial ranks, normal approximation.
        let ranks = Z95 * n.sqrt() / 2.0;
        Some(Self {
            of: sorted.len() as u64,
            mean,
            mean_low: mean - half,
            mean_high: mean + half,
            median: at((n * 0.5).ceil() - 1.0)?,
            median_low: at((n / 2.0 - ranks).floor())?,
            median_high: at((n / 2.0 + ranks).ceil())?,
            p95: at((n * 0.95).ceil() - 1.0)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilsons_interval_is_the_published_one() {
        // Newcombe (1998): 81 of 263, and 0 of 20.
        let share = Share::new(81, 263);
        assert!((share.low - 0.2553).abs() < 1e-4 && (share.high - 0.3662).abs() < 1e-4, "{share:?}");
        let none = Share::new(0, 20);
        assert!(none.low == 0.0 && (none.high - 0.1611).abs() < 1e-4, "{none:?}");
        assert_eq!((Share::new(0, 0).low, Share::new(0, 0).high), (0.0, 1.0));
    }

    #[test]
    fn a_spread_is_made_of_ranks() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let spread = Spread::of(&values).unwrap();
        assert_eq!((spread.median, spread.p95, spread.mean), (50.0, 95.0, 50.5));
        assert_eq!((spread.median_low, spread.median_high), (41.0, 61.0));
        assert!((spread.mean_high - spread.mean - 1.96 * 29.011 / 10.0).abs() < 0.01);
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[f64::NAN]), None);
    }

    #[test]
    fn what_never_came_moves_the_median() {
        let spread = Spread::of(&[1.0, f64::INFINITY, f64::INFINITY]).unwrap();
        assert!(spread.median.is_infinite() && spread.mean.is_infinite());
        let one = Spread::of(&[3.0]).unwrap();
        assert_eq!((one.median_low, one.median, one.median_high, one.mean_low), (3.0, 3.0, 3.0, 3.0));
    }
}
