//! One metric: is the experiment higher or lower than the control, or is there nothing to say?

use super::clean::clean;
use super::effect::{Effect, mean};
use super::noise::separate_constants;
use super::words::brief;
use super::{Measure, MetricSpec, Mode, NanStrategy, NoShift, Samples, Shift, SpecError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Classification {
    Pass,
    High,
    Low,
    /// Too little data to say anything.
    Nodata,
    /// Too little data for a metric that must have it: a failure of this metric.
    NodataFailMetric,
    /// The data cannot be compared.
    Error,
}

/// What was found about one metric.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub struct MetricResult {
    pub name: String,
    pub groups: Vec<String>,
    pub muted: bool,
    pub classification: Classification,
    /// Whether this result alone fails the analysis.
    pub critical: bool,
    pub reason: String,
    /// The effect size in the metric's measure; none without data, and where the measure has no meaning, as a ratio to a
    /// mean of zero.
    pub deviation: Option<f64>,
    /// None where no shift was estimated.
    pub shift: Option<Shift>,
    /// Points compared, after missing ones and outliers.
    pub control_points: usize,
    pub experiment_points: usize,
}

/// Judges one metric by its two series, in which NaN is a missing point; their lengths may differ.
///
/// An infinite value, or a difference that no double holds, is an [`Error`](Classification::Error) of the metric, never
/// a panic.
pub fn classify(
    spec: &MetricSpec,
    mode: Mode,
    control: &[f64],
    experiment: &[f64],
) -> Result<MetricResult, SpecError> {
    spec.check()?;
    let (clean_control, clean_experiment) =
        (clean(control, spec, mode.slack()), clean(experiment, spec, mode.slack()));
    let points = (clean_control.len(), clean_experiment.len());
    let finding = match infinite_side(control, experiment) {
        Some(side) => Finding::error(spec, format!("the {side} holds an infinite value")),
        None => examine(spec, mode, clean_control, clean_experiment),
    };
    Ok(finding.about(spec, points))
}

fn infinite_side(control: &[f64], experiment: &[f64]) -> Option<&'static str> {
    let sides = [("control", control), ("experiment", experiment)];
    sides.into_iter().find(|(_, series)| series.iter().any(|value| value.is_infinite())).map(|(side, _)| side)
}

struct Finding {
    classification: Classification,
    critical: bool,
    reason: String,
    deviation: Option<f64>,
    shift: Option<Shift>,
}

impl Finding {
    /// Nothing changed.
    fn pass(spec: &MetricSpec, reason: String) -> Self {
        let deviation = Some(spec.effect.measure.no_effect());
        Self { classification: Classification::Pass, critical: false, reason, deviation, shift: None }
    }

    fn error(spec: &MetricSpec, reason: String) -> Self {
        let (classification, critical) = (Classification::Error, spec.critical);
        Self { classification, critical, reason, deviation: None, shift: None }
    }

    fn nodata(spec: &MetricSpec, reason: String) -> Self {
        let (classification, critical) = match (spec.must_have_data, spec.critical) {
            (true, false) => (Classification::NodataFailMetric, false),
            (_, critical) => (Classification::Nodata, critical),
        };
        Self { classification, critical, reason, deviation: None, shift: None }
    }

    fn about(self, spec: &MetricSpec, (control_points, experiment_points): (usize, usize)) -> MetricResult {
        MetricResult {
            name: spec.name.clone(),
            groups: spec.groups.clone(),
            muted: spec.muted,
            classification: self.classification,
            critical: self.critical,
            reason: self.reason,
            deviation: self.deviation,
            shift: self.shift,
            control_points,
            experiment_points,
        }
    }
}

fn examine(spec: &MetricSpec, mode: Mode, control: Vec<f64>, experiment: Vec<f64>) -> Finding {
    if control.is_empty() || experiment.is_empty() {
        return without_points(spec, control.is_empty());
    }
    if Samples::new(&control, &experiment).indistinguishable() {
        return Finding::pass(spec, "experiment and control hold the same values".to_owned());
    }
    match mode {
        Mode::Exact => by_shift(spec, mode, &control, &experiment),
        Mode::Compatible => {
            let (control, experiment) = separate_constants(control, experiment);
            by_shift(spec, mode, &control, &experiment)
        }
        Mode::MeanInequality => by_means(spec, &control, &experiment),
    }
}

fn without_points(spec: &MetricSpec, control_is_empty: bool) -> Finding {
    let side = if control_is_empty { "control" } else { "experiment" };
    match spec.nan {
        NanStrategy::Remove => Finding::nodata(spec, format!("the {side} has no data")),
        NanStrategy::Replace => {
            Finding::pass(spec, format!("the {side} has no data, which counts as nothing happened"))
        }
    }
}

fn by_shift(spec: &MetricSpec, mode: Mode, control: &[f64], experiment: &[f64]) -> Finding {
    let samples = Samples::new(control, experiment);
    let effect = Effect::of(spec.effect.measure, mode, control, experiment);
    match samples.shift(mode, spec.confidence) {
        Ok(shift) => by_interval(spec, shift, effect, mode.slack() * samples.magnitude()),
        Err(NoShift::TooFewPoints) => Finding::nodata(spec, too_few(spec, control.len(), experiment.len())),
        Err(NoShift::AllTied) => {
            Finding::error(spec, "all points are tied once one side is moved".to_owned())
        }
        Err(NoShift::TooLarge) => Finding::error(spec, "the differences are too large to compute".to_owned()),
    }
}

fn too_few(spec: &MetricSpec, control: usize, experiment: usize) -> String {
    let confidence = spec.confidence;
    format!(
        "too few points for confidence {confidence}: {control} of the control, {experiment} of the experiment"
    )
}

/// High when the whole interval lies above the tolerated part of the estimate and the effect is large enough; low
/// likewise. `rounding` is by how much a bound must at least be passed.
fn by_interval(spec: &MetricSpec, shift: Shift, effect: Effect, rounding: f64) -> Finding {
    let bound = spec.tolerance * shift.estimate.abs();
    let beyond = |end: f64| end - bound > rounding;
    let allowed = |limit| spec.effect.threshold(limit);
    let high = spec.direction.blames_increase()
        && beyond(shift.low)
        && effect.at_least(allowed(spec.effect.allowed_increase));
    let low = spec.direction.blames_decrease()
        && beyond(-shift.high)
        && effect.at_most(allowed(spec.effect.allowed_decrease));
    let (classification, grave) = if high {
        (Classification::High, effect.at_least(allowed(spec.effect.critical_increase)))
    } else if low {
        (Classification::Low, effect.at_most(allowed(spec.effect.critical_decrease)))
    } else {
        (Classification::Pass, false)
    };
    let reason = in_words(spec, classification, shift, effect);
    let critical = spec.critical && grave;
    Finding { classification, critical, reason, deviation: effect.size, shift: Some(shift) }
}

fn in_words(spec: &MetricSpec, classification: Classification, shift: Shift, effect: Effect) -> String {
    let finding = match classification {
        Classification::High => "the experiment is higher",
        Classification::Low => "the experiment is lower",
        Classification::Pass => "no change beyond what is allowed",
        Classification::Nodata | Classification::NodataFailMetric | Classification::Error => {
            "nothing is known"
        }
    };
    let measure = match spec.effect.measure {
        Measure::MeanRatio => "ratio of means",
        Measure::Cles => "chance of being higher",
    };
    let size = effect.size.map_or("without meaning".to_owned(), brief);
    let [low, estimate, high] = [shift.low, shift.estimate, shift.high].map(brief);
    format!("{finding}: shift {estimate}, between {low} and {high}; {measure} {size}")
}

/// The published yardstick: whichever mean is larger, by however little.
fn by_means(spec: &MetricSpec, control: &[f64], experiment: &[f64]) -> Finding {
    let (control_mean, experiment_mean) = (mean(control), mean(experiment));
    let classification = if spec.direction.blames_increase() && experiment_mean > control_mean {
        Classification::High
    } else if spec.direction.blames_decrease() && experiment_mean < control_mean {
        Classification::Low
    } else {
        return Finding::pass(spec, "the means do not differ in a direction that counts".to_owned());
    };
    let reason = format!("the mean went from {} to {}", brief(control_mean), brief(experiment_mean));
    let deviation = Effect::of(Measure::MeanRatio, Mode::MeanInequality, control, experiment).size;
    Finding { classification, critical: spec.critical, reason, deviation, shift: None }
}
