use std::collections::BTreeMap;

use super::{MetricResult, MetricSpec, Mode, Score, ScoreClass, SpecError, Thresholds, classify, score};

/// One metric of an analysis with what was measured.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case", deny_unknown_fields))]
pub struct MetricSeries {
    pub spec: MetricSpec,
    /// The old version; NaN, in JSON `null`, is a missing point.
    #[cfg_attr(feature = "serde", serde(with = "super::missing"))]
    pub control: Vec<f64>,
    /// The new version, at any number of points.
    #[cfg_attr(feature = "serde", serde(with = "super::missing"))]
    pub experiment: Vec<f64>,
}

/// Everything the judge needs to know.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case", default, deny_unknown_fields))]
pub struct CanaryAnalysis {
    pub mode: Mode,
    pub metrics: Vec<MetricSeries>,
    /// Percentages by group; groups not named here share what is left of 100.
    pub group_weights: BTreeMap<String, f64>,
    pub thresholds: Thresholds,
}

#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub struct CanaryJudgement {
    pub classification: ScoreClass,
    pub score: Score,
    /// In the order of the analysis, muted ones too.
    pub metrics: Vec<MetricResult>,
}

/// Judges a whole analysis. The same analysis gives the same bits on every machine.
///
/// Options without a meaning are refused before anything is judged; data that cannot be compared is a result.
pub fn judge(analysis: &CanaryAnalysis) -> Result<CanaryJudgement, SpecError> {
    analysis.thresholds.check()?;
    check_groups(analysis)?;
    let one =
        |metric: &MetricSeries| classify(&metric.spec, analysis.mode, &metric.control, &metric.experiment);
    let metrics = analysis.metrics.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    let score = score(&metrics, &analysis.group_weights)?;
    Ok(CanaryJudgement { classification: analysis.thresholds.classify(score.summary), score, metrics })
}

/// A weight for a group that no metric names is a misspelling, and would lower every score.
fn check_groups(analysis: &CanaryAnalysis) -> Result<(), SpecError> {
    let used = |group: &String| analysis.metrics.iter().any(|metric| metric.spec.groups.contains(group));
    match analysis.group_weights.keys().find(|group| !used(group)) {
        Some(group) => {
            let problem = format!("name the group \"{group}\", to which no metric belongs");
            Err(SpecError::of_analysis("group-weights", problem))
        }
        None => Ok(()),
    }
}
