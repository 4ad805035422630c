//! How the gates stand.

use serde::{Deserialize, Serialize};
use staunch_analysis as analysis;
use utoipa::ToSchema;

use super::{Cohort, Shadow, wire_name};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Judgement {
    /// The split it was made under.
    pub generation: u64,
    pub gates: Vec<Gate>,
    /// Harm that is not tied to one gate.
    pub harm: Option<String>,
    pub findings: Vec<Finding>,
    /// Natural logarithm of all evidence of harm together, and where it decides.
    pub log_e_harm: f64,
    pub harm_limit: f64,
    /// The parts of that average, each with its weight.
    pub sources: Vec<Source>,
    /// An earlier rollout of the same content left evidence of harm behind, which counts here.
    pub carried: bool,
    /// 100 = promotion boundary, 0 = rollback boundary, 50 = no evidence.
    pub confidence: f64,
    /// Canary requests under the present split, and since the rollout began.
    pub requests_now: u64,
    pub requests_total: u64,
    pub failed_total: u64,
    pub warming: bool,
    /// The stage before the steps, for a rollout that has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Shadow>,
    /// What was sent by name, for a rollout with such rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cohort: Option<Cohort>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Gate {
    pub gate: String,
    /// `pass`, `fail`, `undecided` or `no-data`.
    pub outcome: String,
    pub because: String,
    pub generation: u64,
    /// What silence means here: `hold`, `abort` or `continue`.
    pub no_data: String,
    pub canary: Option<Band>,
    pub stable: Option<Band>,
    /// What the deciding tests have shown: their ends meet what is allowed when the verdict falls.
    pub bounds: Option<Bounds>,
    /// `info`, `warning` or `critical`, from size and certainty together.
    pub severity: Option<String>,
    /// In words: `1 %`, `stable + 10 %`.
    pub limit: String,
    /// The same in the unit of the bands, as things stand.
    #[serde(default)]
    pub limit_value: Option<f64>,
    /// Natural logarithms: harm is decided at `harm_limit`, pass at `pass_limit`.
    pub log_e_harm: f64,
    pub log_e_pass: f64,
    pub harm_limit: f64,
    pub pass_limit: f64,
    /// About how many more canary requests until a pass, if things stay as they are.
    pub needs_requests: Option<u64>,
}

/// One kind of evidence of harm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Source {
    /// `errors vs stable`, `latency vs stable + 10 %`, `limit 1 %`, `gross failure`.
    pub source: String,
    /// 0 to 1.
    pub weight_ratio: f64,
    pub log_e: f64,
}

/// For a limit on a share both ends are that share; for errors against stable `least` is the ratio of the rates and
/// `most` their difference as a share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Bounds {
    pub least: Option<f64>,
    pub most: Option<f64>,
    pub least_allowed: f64,
    pub most_allowed: f64,
}

/// An estimate with its confidence sequence, in the gate's unit (a share, or microseconds).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Band {
    /// Of latencies in microseconds: from 132 120 576 on it stands for a request that failed, which counts as slower than any.
    pub estimate: f64,
    pub low: f64,
    pub high: f64,
    pub requests: u64,
    /// How many of them failed, or were slow.
    pub events: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// `stable-is-bad-too`, `sample-ratio-mismatch`, `error-spike`, `trigger-warning`, `shared-dependency` or
    /// `cohort-too-large`.
    pub kind: String,
    pub sentence: String,
}

/// JSON knows no infinity: an open end becomes the largest number.
fn finite(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value.clamp(f64::MIN, f64::MAX) }
}

impl From<&analysis::Judgement> for Judgement {
    fn from(judgement: &analysis::Judgement) -> Self {
        Self {
            generation: judgement.under.0,
            gates: judgement.gates.iter().map(Gate::from).collect(),
            harm: judgement.harm.clone(),
            findings: judgement.findings.iter().map(Finding::from).collect(),
            log_e_harm: judgement.log_e_harm,
            harm_limit: judgement.harm_limit,
            sources: judgement.sources.iter().map(Source::from).collect(),
            carried: judgement.carried,
            confidence: finite(judgement.confidence),
            requests_now: judgement.requests_now,
            requests_total: judgement.requests_total,
            failed_total: judgement.failed_total,
            warming: judgement.warming,
            shadow: judgement.shadow.as_ref().map(Shadow::from),
            cohort: judgement.cohort.map(Cohort::from),
        }
    }
}

impl From<&analysis::GateReading> for Gate {
    fn from(gate: &analysis::GateReading) -> Self {
        Self {
            gate: gate.gate.clone(),
            outcome: wire_name(gate.verdict.outcome),
            because: gate.verdict.because.clone(),
            generation: gate.verdict.under.0,
            no_data: wire_name(gate.no_data),
            canary: gate.canary.map(Band::from),
            stable: gate.stable.map(Band::from),
            bounds: gate.bounds.map(Bounds::from),
            severity: gate.severity.map(wire_name),
            limit: gate.limit.clone(),
            limit_value: gate.allowed.map(finite),
            log_e_harm: finite(gate.log_e_harm),
            log_e_pass: finite(gate.log_e_pass),
            harm_limit: finite(gate.harm_limit),
            pass_limit: finite(gate.pass_limit),
            needs_requests: gate.needs,
        }
    }
}

impl From<&analysis::SourceReading> for Source {
    fn from(reading: &analysis::SourceReading) -> Self {
        Self { source: reading.source.clone(), weight_ratio: reading.weight, log_e: finite(reading.log_e) }
    }
}

impl From<analysis::Bounds> for Bounds {
    fn from(bounds: analysis::Bounds) -> Self {
        let analysis::Bounds { least, most, least_allowed, most_allowed } = bounds;
        Self { least: least.map(finite), most: most.map(finite), least_allowed, most_allowed }
    }
}

impl From<analysis::Band> for Band {
    fn from(band: analysis::Band) -> Self {
        let analysis::Band { estimate, low, high, requests, events } = band;
        Self { estimate: finite(estimate), low: finite(low), high: finite(high), requests, events }
    }
}

impl From<&analysis::Finding> for Finding {
    fn from(finding: &analysis::Finding) -> Self {
        let kind = match finding {
            analysis::Finding::StableIsBadToo { .. } => "stable-is-bad-too",
            analysis::Finding::ErrorSpike { .. } => "error-spike",
            analysis::Finding::SampleRatioMismatch { .. } => "sample-ratio-mismatch",
            analysis::Finding::TriggerWarning { .. } => "trigger-warning",
            analysis::Finding::SharedDependency { .. } => "shared-dependency",
            analysis::Finding::CohortTooLarge { .. } => "cohort-too-large",
        };
        Self { kind: kind.to_owned(), sentence: finding.sentence() }
    }
}
