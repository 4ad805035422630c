//! From the metrics' results to one score between 0 and 100.

use std::collections::{BTreeMap, BTreeSet};

use super::{Classification, MetricResult, SpecError};

/// The share of metrics without data from which on the analysis says nothing, and so fails.
const NODATA_SHARE: f64 = 0.5;

#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub struct GroupScore {
    pub name: String,
    /// Percentage of its metrics with data that pass; 0 without any.
    pub score: f64,
    /// Whether no metric of the group has data. Such a group costs nothing: it counts as 100.
    pub no_data: bool,
    /// Percentage of the summary.
    pub weight: f64,
    pub metrics: usize,
}

#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub struct Score {
    /// 0 to 100, rounded to two decimals.
    pub summary: f64,
    /// Why the summary is 0 whatever the groups say.
    pub reason: Option<String>,
    /// In the order of their names.
    pub groups: Vec<GroupScore>,
}

/// Scores the results, of which muted ones do not count.
///
/// `weights` are percentages by group; groups without one share equally what is left of 100. Weights below 0, or that
/// add up to more than 100, are refused.
pub fn score(results: &[MetricResult], weights: &BTreeMap<String, f64>) -> Result<Score, SpecError> {
    check_weights(weights)?;
    let counted: Vec<&MetricResult> = results.iter().filter(|result| !result.muted).collect();
    let groups = group_scores(&counted, weights);
    let reason = failed_outright(&counted);
    let summary = if reason.is_some() { 0.0 } else { weighted_sum(&groups) };
    Ok(Score { summary, reason, groups })
}

fn check_weights(weights: &BTreeMap<String, f64>) -> Result<(), SpecError> {
    let refuse = |problem| Err(SpecError::of_analysis("group-weights", problem));
    if let Some((group, weight)) = weights.iter().find(|(_, weight)| !(0.0..=100.0).contains(*weight)) {
        return refuse(format!("must be between 0 and 100; that of \"{group}\" is {weight}"));
    }
    let sum: f64 = weights.values().sum();
    // Thirds written with two decimals are no mistake.
    if sum > 100.0 + 1e-9 {
        refuse(format!("must not add up to more than 100; they are {sum}"))
    } else {
        Ok(())
    }
}

/// The first reason for a score of 0 that needs no arithmetic.
fn failed_outright(counted: &[&MetricResult]) -> Option<String> {
    if counted.is_empty() {
        return Some("no metric counts".to_owned());
    }
    let fatal =
        counted.iter().find(|result| result.critical && result.classification != Classification::Pass);
    if let Some(fatal) = fatal {
        return Some(format!("the critical metric \"{}\" failed: {}", fatal.name, fatal.reason));
    }
    let silent = counted.iter().filter(|result| says_nothing(result.classification)).count();
    (silent as f64 >= NODATA_SHARE * counted.len() as f64)
        .then(|| format!("{silent} of {} metrics have no usable data", counted.len()))
}

fn says_nothing(classification: Classification) -> bool {
    match classification {
        Classification::Nodata | Classification::Error => true,
        Classification::Pass
        | Classification::High
        | Classification::Low
        | Classification::NodataFailMetric => false,
    }
}

fn group_scores(counted: &[&MetricResult], weights: &BTreeMap<String, f64>) -> Vec<GroupScore> {
    let names: BTreeSet<&String> = counted.iter().flat_map(|result| &result.groups).collect();
    let unlisted = names.iter().filter(|name| !weights.contains_key(**name)).count();
    let share = (100.0 - weights.values().sum::<f64>()).max(0.0) / unlisted as f64;
    names
        .into_iter()
        .map(|name| {
            let weight = weights.get(name).copied().unwrap_or(share);
            let members = counted.iter().filter(|result| result.groups.contains(name));
            group_score(name, weight, &members.map(|result| result.classification).collect::<Vec<_>>())
        })
        .collect()
}

fn group_score(name: &str, weight: f64, members: &[Classification]) -> GroupScore {
    let passed = members.iter().filter(|&&class| class == Classification::Pass).count();
    let judged = members.iter().filter(|&&class| !says_nothing(class)).count();
    let score = if judged == 0 { 0.0 } else { passed as f64 / judged as f64 * 100.0 };
    GroupScore { name: name.to_owned(), score, no_data: judged == 0, weight, metrics: members.len() }
}

fn weighted_sum(groups: &[GroupScore]) -> f64 {
    let effective = |group: &GroupScore| if group.no_data { 100.0 } else { group.score };
    hundredths(groups.iter().map(|group| effective(group) * (group.weight / 100.0)).sum())
}

/// Two decimals, halves up as a person reads them: 1.005 is a little less as a double, and 1.01 all the same. So does the
/// published judge, and the digits are those of the shortest decimal that is this double.
fn hundredths(score: f64) -> f64 {
    let text = score.to_string();
    let decimals = text.split_once('.').map_or("", |(_, decimals)| decimals).as_bytes();
    let digit = |at: usize| decimals.get(at).map_or(0.0, |digit| f64::from(digit - b'0'));
    let up = if digit(2) >= 5.0 { 1.0 } else { 0.0 };
    (score.trunc() * 100.0 + digit(0) * 10.0 + digit(1) + up) / 100.0
}

/// From which scores on an analysis passes, or nearly does.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case", default, deny_unknown_fields))]
pub struct Thresholds {
    pub pass: f64,
    pub marginal: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { pass: 95.0, marginal: 75.0 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum ScoreClass {
    Pass,
    /// Between the thresholds: go on looking.
    Marginal,
    Fail,
}

impl Thresholds {
    pub fn check(&self) -> Result<(), SpecError> {
        let outside = |value: f64| !(0.0..=100.0).contains(&value);
        let refuse = |field, problem: &str| Err(SpecError::of_analysis(field, problem.to_owned()));
        if outside(self.pass) {
            refuse("thresholds.pass", "must be between 0 and 100")
        } else if outside(self.marginal) || self.marginal > self.pass {
            refuse("thresholds.marginal", "must be between 0 and the pass threshold")
        } else {
            Ok(())
        }
    }

    pub fn classify(&self, score: f64) -> ScoreClass {
        if score >= self.pass {
            ScoreClass::Pass
        } else if score >= self.marginal {
            ScoreClass::Marginal
        } else {
            ScoreClass::Fail
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_rounded_up_as_they_are_read() {
        for (score, expected) in [
            (1.005, 1.01),
            (2.0 / 3.0 * 100.0, 66.67),
            (1.0049999999999997, 1.0),
            (99.995, 100.0),
            (7.0, 7.0),
            (0.1, 0.1),
        ] {
            assert_eq!(hundredths(score), expected, "{score}");
        }
    }
}
