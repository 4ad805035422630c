//! What to compare and how: the options of one metric, checked before anything is judged.

use std::fmt;

/// How a shift between the two series is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Mode {
    /// Order statistics of the pairwise differences: the same verdict in any unit.
    #[default]
    Exact,
    /// The published judge, step by step, with its root finder that stops within an absolute 10⁻⁴.
    Compatible,
    /// The published classifier by means alone, without any statistics: a yardstick, not a judge.
    MeanInequality,
}

impl Mode {
    /// Relative size of differences that are rounding and not data; zero where comparisons are those of the published
    /// judge. 2⁻⁴⁰ is far above what a change of unit rounds and far below what any metric resolves.
    pub(super) fn slack(self) -> f64 {
        match self {
            Self::Exact => 2.0_f64.powi(-40),
            Self::Compatible | Self::MeanInequality => 0.0,
        }
    }
}

/// Which way a metric gets worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Direction {
    Increase,
    Decrease,
    #[default]
    Either,
}

impl Direction {
    pub(super) fn blames_increase(self) -> bool {
        matches!(self, Self::Increase | Self::Either)
    }

    pub(super) fn blames_decrease(self) -> bool {
        matches!(self, Self::Decrease | Self::Either)
    }
}

/// What a missing point (NaN) means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum NanStrategy {
    /// Nothing is known about that time.
    #[default]
    Remove,
    /// Nothing happened: the point is 0, and a series without points is no reason for alarm.
    Replace,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum OutlierStrategy {
    #[default]
    Keep,
    Remove(Iqr),
}

/// Tukey's fences: points beyond a quartile by more than `factor` interquartile ranges are outliers.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case", default, deny_unknown_fields))]
pub struct Iqr {
    pub factor: f64,
    /// The fences lie at least at the 1st and 99th percentile.
    pub reduce_sensitivity: bool,
}

impl Default for Iqr {
    fn default() -> Self {
        Self { factor: 3.0, reduce_sensitivity: true }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Measure {
    /// Mean of the experiment divided by mean of the control.
    #[default]
    MeanRatio,
    /// Common-language effect size: the chance that a point of the experiment is above one of the control.
    Cles,
}

impl Measure {
    /// Its value when nothing has changed.
    pub(super) fn no_effect(self) -> f64 {
        match self {
            Self::MeanRatio => 1.0,
            Self::Cles => 0.5,
        }
    }
}

/// How large a change must be, in the measure's own terms, to count; unset bounds are at no effect.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case", default, deny_unknown_fields))]
pub struct EffectSize {
    pub measure: Measure,
    /// An effect of at least this is `High`.
    pub allowed_increase: Option<f64>,
    /// An effect of at most this is `Low`.
    pub allowed_decrease: Option<f64>,
    /// A `High` of at least this fails the analysis, for a critical metric.
    pub critical_increase: Option<f64>,
    /// A `Low` of at most this fails the analysis, for a critical metric.
    pub critical_decrease: Option<f64>,
}

impl EffectSize {
    pub(super) fn threshold(&self, bound: Option<f64>) -> f64 {
        bound.unwrap_or(self.measure.no_effect())
    }

    fn bounds(&self) -> [(&'static str, Option<f64>); 4] {
        [
            ("allowed-increase", self.allowed_increase),
            ("allowed-decrease", self.allowed_decrease),
            ("critical-increase", self.critical_increase),
            ("critical-decrease", self.critical_decrease),
        ]
    }
}

/// The options of one metric; the defaults are those of the published judge.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case", default, deny_unknown_fields))]
pub struct MetricSpec {
    pub name: String,
    /// The groups whose scores it counts in; at least one.
    pub groups: Vec<String>,
    pub direction: Direction,
    pub nan: NanStrategy,
    pub outliers: OutlierStrategy,
    pub effect: EffectSize,
    /// Whether its failure alone fails the analysis.
    pub critical: bool,
    /// Whether it fails when it has no data.
    pub must_have_data: bool,
    /// Whether it is judged and shown without counting.
    pub muted: bool,
    /// The part of the estimated shift that the whole confidence interval must exceed; at least 0.
    pub tolerance: f64,
    /// Of the confidence interval of the shift, above 0 and below 1.
    pub confidence: f64,
}

impl Default for MetricSpec {
    fn default() -> Self {
        Self {
            name: String::new(),
            groups: Vec::new(),
            direction: Direction::default(),
            nan: NanStrategy::default(),
            outliers: OutlierStrategy::default(),
            effect: EffectSize::default(),
            critical: false,
            must_have_data: false,
            muted: false,
            tolerance: 0.25,
            confidence: 0.98,
        }
    }
}

impl MetricSpec {
    /// The first option that has no meaning, if any.
    pub fn check(&self) -> Result<(), SpecError> {
        let refuse = |field, problem: &str| Err(SpecError::of_metric(&self.name, field, problem));
        if self.name.is_empty() {
            return refuse("name", "must not be empty");
        }
        if self.groups.is_empty() {
            return refuse("groups", "must name at least one group");
        }
        if !(self.tolerance.is_finite() && self.tolerance >= 0.0) {
            return refuse("tolerance", "must be at least 0 and finite");
        }
        // A confidence so near 1 that nothing is left for error has no quantile.
        if !(self.confidence > 0.0 && 1.0 - self.confidence > f64::EPSILON) {
            return refuse("confidence", "must be above 0 and below 1");
        }
        if let OutlierStrategy::Remove(iqr) = self.outliers
            && !(iqr.factor.is_finite() && iqr.factor > 0.0)
        {
            return refuse("outliers.factor", "must be above 0 and finite");
        }
        match self.effect.bounds().into_iter().find(|(_, bound)| bound.is_some_and(|b| !self.possible(b))) {
            Some((field, _)) => refuse(field, "is no value of this measure of effect"),
            None => Ok(()),
        }
    }

    fn possible(&self, effect: f64) -> bool {
        match self.effect.measure {
            Measure::MeanRatio => effect.is_finite() && effect >= 0.0,
            Measure::Cles => (0.0..=1.0).contains(&effect),
        }
    }
}

/// An option without a meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecError {
    /// None when the option is the analysis's own.
    pub metric: Option<String>,
    pub field: &'static str,
    pub problem: String,
}

impl SpecError {
    fn of_metric(metric: &str, field: &'static str, problem: &str) -> Self {
        Self { metric: Some(metric.to_owned()), field, problem: problem.to_owned() }
    }

    pub(super) fn of_analysis(field: &'static str, problem: String) -> Self {
        Self { metric: None, field, problem }
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.metric {
            Some(metric) => write!(f, "metric \"{metric}\": {} {}", self.field, self.problem),
            None => write!(f, "{} {}", self.field, self.problem),
        }
    }
}

impl std::error::Error for SpecError {}
