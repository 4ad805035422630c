//! How large a change is, apart from how certain.

use super::{Measure, Mode, Samples};

/// None where the measure has no meaning; then it neither excuses nor aggravates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Effect {
    pub(super) size: Option<f64>,
    slack: f64,
}

impl Effect {
    pub(super) fn of(measure: Measure, mode: Mode, control: &[f64], experiment: &[f64]) -> Self {
        let size = match measure {
            Measure::MeanRatio => mean_ratio(mode, mean(control), mean(experiment)),
            Measure::Cles => Some(common_language(&Samples::new(control, experiment))),
        };
        Self { size: size.filter(|size| size.is_finite()), slack: mode.slack() }
    }

    pub(super) fn at_least(&self, threshold: f64) -> bool {
        self.size.is_none_or(|size| size - threshold >= -self.slack * threshold)
    }

    pub(super) fn at_most(&self, threshold: f64) -> bool {
        self.size.is_none_or(|size| size - threshold <= self.slack * threshold)
    }
}

/// The published ratio has no meaning when a mean is zero. Between other than positive means it has none either: of −1
/// against −5 it would say that the larger is a fifth.
fn mean_ratio(mode: Mode, control: f64, experiment: f64) -> Option<f64> {
    let meaningful = match mode {
        Mode::Exact => control > 0.0 && experiment > 0.0,
        Mode::Compatible | Mode::MeanInequality => control != 0.0 && experiment != 0.0,
    };
    meaningful.then(|| experiment / control)
}

/// McGraw and Wong 1992, for ties by Vargha and Delaney 2000: U divided by the number of pairs.
fn common_language(samples: &Samples) -> f64 {
    samples.u_statistic() / (samples.experiment().len() as f64 * samples.control().len() as f64)
}

/// In two passes, the second of which takes back the rounding of the first; NaN without points.
pub(super) fn mean(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let first = values.iter().sum::<f64>() / n;
    first + values.iter().map(|value| value - first).sum::<f64>() / n
}
