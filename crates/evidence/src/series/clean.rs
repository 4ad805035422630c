//! From a series as it was scraped to the points that are compared.

use super::percentile::percentile;
use super::{Iqr, MetricSpec, NanStrategy, OutlierStrategy};

/// Missing points first, then outliers.
pub(super) fn clean(series: &[f64], spec: &MetricSpec, slack: f64) -> Vec<f64> {
    let known: Vec<f64> = match spec.nan {
        NanStrategy::Remove => series.iter().copied().filter(|value| !value.is_nan()).collect(),
        NanStrategy::Replace => {
            series.iter().map(|&value| if value.is_nan() { 0.0 } else { value }).collect()
        }
    };
    match spec.outliers {
        OutlierStrategy::Keep => known,
        OutlierStrategy::Remove(iqr) => {
            let fences = Fences::around(&known, iqr, slack);
            known.into_iter().filter(|&value| fences.hold(value)).collect()
        }
    }
}

impl Iqr {
    /// The positions of the outliers; NaN is none and none is found without points.
    pub fn outliers(self, values: &[f64]) -> Vec<usize> {
        let fences = Fences::around(values, self, 0.0);
        (0..values.len()).filter(|&at| !fences.hold(values[at])).collect()
    }
}

struct Fences {
    low: f64,
    high: f64,
}

impl Fences {
    /// `slack` is what counts as rounding, relative to the largest value.
    fn around(values: &[f64], iqr: Iqr, slack: f64) -> Self {
        let at = |percent| percentile(values, percent).unwrap_or(f64::NAN);
        let [p1, q1, q3, p99] = [1.0, 25.0, 75.0, 99.0].map(at);
        let reach = iqr.factor * (q3 - q1);
        let (low, high) = (q1 - reach, q3 + reach);
        let (low, high) = if iqr.reduce_sensitivity { (low.min(p1), high.max(p99)) } else { (low, high) };
        let rounding = slack * values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        Self { low: low - rounding, high: high + rounding }
    }

    /// Written so that fences without a value hold everything.
    fn hold(&self, value: f64) -> bool {
        !(value < self.low || value > self.high)
    }
}
