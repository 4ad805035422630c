//! What was asked before a version's first user, on the wire.

use serde::{Deserialize, Serialize};
use staunch_analysis as analysis;
use staunch_model as model;
use staunch_rollout as rollout;
use utoipa::ToSchema;

use super::wire_name;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Vetting {
    pub checks: Vec<Check>,
    /// Absent when the file asks for no score.
    pub confidence: Option<Confidence>,
    /// Why the version is refused; empty when it is not.
    #[serde(default)]
    pub objections: Vec<Objection>,
    /// The same for people, a line each.
    pub lines: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// Its key in `[checks]`.
    pub kind: String,
    pub file: String,
    pub required: bool,
    /// `passed`, `failed`, `missing`, `stale` or `unreadable`.
    pub status: String,
    pub because: String,
    pub fix: String,
    pub coverage_ratio: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Confidence {
    /// 0 to 100.
    pub score: u8,
    /// `proceed`, `ask` or `refuse`.
    pub advice: String,
    pub proceed: u8,
    pub ask: u8,
    pub because: String,
    pub factors: Vec<Factor>,
    pub vetoes: Vec<String>,
    pub reliability: Reliability,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Factor {
    pub factor: String,
    pub part_ratio: Option<f64>,
    pub points: f64,
    pub most_points: f64,
    pub because: String,
}

/// How true the chances were that history gave before past releases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reliability {
    pub releases: u64,
    pub brier: Option<f64>,
    pub table: Vec<ReliabilityRow>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReliabilityRow {
    pub said_ratio: f64,
    pub came_ratio: f64,
    pub releases: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Objection {
    pub code: String,
    /// The key in the file.
    pub place: String,
    pub text: String,
    pub fix: String,
}

impl Vetting {
    pub(crate) fn of(vetting: &rollout::Vetting, objections: &[rollout::Objection]) -> Self {
        Self {
            checks: vetting.checks.iter().map(Check::from).collect(),
            confidence: vetting.confidence.as_ref().map(Confidence::from),
            objections: objections.iter().map(Objection::from).collect(),
            lines: vetting.lines(),
        }
    }
}

impl From<&model::CheckResult> for Check {
    fn from(check: &model::CheckResult) -> Self {
        Self {
            kind: check.kind.name().to_owned(),
            file: check.file.clone(),
            required: check.required,
            status: check.status.name().to_owned(),
            because: check.because.clone(),
            fix: check.fix.clone(),
            coverage_ratio: check.coverage,
        }
    }
}

impl From<&analysis::Confidence> for Confidence {
    fn from(told: &analysis::Confidence) -> Self {
        let row = |row: &analysis::ReliabilityRow| ReliabilityRow {
            said_ratio: row.said,
            came_ratio: row.came,
            releases: row.releases,
        };
        let of = &told.reliability;
        let table = of.table.iter().map(row).collect();
        Self {
            score: told.score,
            advice: wire_name(told.advice),
            proceed: told.proceed,
            ask: told.ask,
            because: told.sentence(),
            factors: told.factors.iter().map(Factor::from).collect(),
            vetoes: told.vetoes.clone(),
            reliability: Reliability { releases: of.releases, brier: of.brier, table },
        }
    }
}

impl From<&analysis::Factor> for Factor {
    fn from(factor: &analysis::Factor) -> Self {
        Self {
            factor: factor.factor.name().to_owned(),
            part_ratio: factor.part,
            points: factor.points,
            most_points: factor.most,
            because: factor.because.clone(),
        }
    }
}

impl From<&rollout::Objection> for Objection {
    fn from(one: &rollout::Objection) -> Self {
        let rollout::Objection { code, place, text, fix } = one.clone();
        Self { code, place, text, fix }
    }
}
