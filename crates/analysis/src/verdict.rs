//! What an analysis says. Only a `Pass` earned under the present split opens a gate.

use serde::{Deserialize, Serialize};
use staunch_model::{NoData, SplitGeneration};

use crate::cohort::CohortReading;
use crate::look::is_false;
use crate::severity::Severity;
use crate::shadow::ShadowReading;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Pass,
    Fail,
    Undecided,
    NoData,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub outcome: Outcome,
    /// One sentence with the numbers.
    pub because: String,
    pub under: SplitGeneration,
}

/// An estimate with its confidence sequence, in the gate's unit (a share, or microseconds).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Band {
    pub estimate: f64,
    pub low: f64,
    pub high: f64,
    /// Requests behind it, and how many of them failed (or were slow).
    pub requests: u64,
    pub events: u64,
}

/// What the two tests of a gate have shown, by inverting them: the end of a bound meets what is allowed exactly when
/// the test decides, so that text, chart and verdict cannot disagree.
///
/// For a limit on a share both are that share. For errors against stable `least` is the ratio of the rates and `most`
/// their difference as a share. `None`: nothing is shown yet.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// It is at least this: harm when it reaches `least_allowed`.
    pub least: Option<f64>,
    /// It is at most this: a pass when it falls to `most_allowed`.
    pub most: Option<f64>,
    pub least_allowed: f64,
    pub most_allowed: f64,
}

/// One gate as it stands: the numbers that text, chart and decision share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateReading {
    pub gate: String,
    pub verdict: Verdict,
    pub no_data: NoData,
    pub canary: Option<Band>,
    pub stable: Option<Band>,
    /// What the deciding tests have shown; a rank test has no such bound.
    #[serde(default)]
    pub bounds: Option<Bounds>,
    /// The limit in words: `1 %`, `stable + 10 %`.
    pub limit: String,
    /// The same in the gate's unit, as things stand; `None` without a measurement of stable that it hangs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<f64>,
    /// Natural logarithms of the two e-processes; harm is decided at `harm_limit`, pass at `pass_limit`.
    pub log_e_harm: f64,
    pub log_e_pass: f64,
    pub harm_limit: f64,
    pub pass_limit: f64,
    /// How serious what speaks against the canary is; `None` when nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// About how many more canary requests until a pass if things stay as they are; `None` when not foreseeable.
    pub needs: Option<u64>,
}

/// Something a person should know that is neither a pass nor a failure of the canary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Finding {
    /// The limit is broken by stable too: the canary is not blamed, the rollout holds.
    StableIsBadToo { gate: String, because: String },
    /// Failures have risen above what is usual, outside of the comparison of two versions.
    ErrorSpike { because: String },
    /// Traffic is not split as configured: a routing fault, the analysis cannot be trusted.
    SampleRatioMismatch { because: String },
    /// A trigger's lower limit was broken: nothing is held.
    TriggerWarning { trigger: String, because: String },
    /// More requests are meant by name than may be sent so; what is above is split by chance, and nothing is held.
    CohortTooLarge { because: String },
    /// A dependency of both versions fails: the canary is not blamed.
    SharedDependency { trigger: String, because: String },
}

/// One look at everything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    pub under: SplitGeneration,
    pub gates: Vec<GateReading>,
    /// Harm that is not tied to one gate: "everything fails", or the weighted average of all gates' evidence.
    pub harm: Option<String>,
    pub findings: Vec<Finding>,
    /// Natural logarithm of all evidence of harm together (the weighted average of its parts), and where it decides.
    #[serde(default)]
    pub log_e_harm: f64,
    #[serde(default)]
    pub harm_limit: f64,
    /// The parts of that average.
    #[serde(default)]
    pub sources: Vec<SourceReading>,
    /// An earlier rollout of the same content left evidence of harm behind, which counts here.
    #[serde(default, skip_serializing_if = "is_false")]
    pub carried: bool,
    /// 100 = promotion boundary, 0 = rollback boundary, 50 = no evidence.
    pub confidence: f64,
    /// Canary requests judged under the present split, and since the rollout began.
    pub requests_now: u64,
    pub requests_total: u64,
    pub failed_total: u64,
    /// Comparisons wait for the canary's instances to warm up: lately no other was given requests.
    pub warming: bool,
    /// How the stage before the steps stands, for a rollout that has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowReading>,
    /// What was sent by name, for a rollout with such rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cohort: Option<CohortReading>,
}

/// One kind of evidence of harm: `errors`, `latency +10 %`, `limit 1 %`, `gross failure`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceReading {
    pub source: String,
    /// Its part of the average, 0 to 1.
    pub weight: f64,
    pub log_e: f64,
}

impl Judgement {
    /// The first gate that failed, else the common harm: either ends the rollout.
    pub fn failed(&self) -> Option<(&str, &str)> {
        let gate = self.gates.iter().find(|g| g.verdict.outcome == Outcome::Fail);
        gate.map(|g| (g.gate.as_str(), g.verdict.because.as_str()))
            .or_else(|| self.harm.as_deref().map(|because| ("harm", because)))
    }
    /// Every gate passed under `generation` and nothing speaks against it. No gates at all is not a pass.
    pub fn passed(&self, generation: SplitGeneration) -> bool {
        !self.gates.is_empty()
            && self.under == generation
            && self.harm.is_none()
            && self.findings.is_empty()
            && self.gates.iter().all(|g| g.opens(generation))
    }
}

impl GateReading {
    fn opens(&self, generation: SplitGeneration) -> bool {
        match self.verdict.outcome {
            Outcome::Pass => self.verdict.under == generation,
            Outcome::NoData => self.no_data == NoData::Continue,
            Outcome::Fail | Outcome::Undecided => false,
        }
    }
}

impl Finding {
    pub fn sentence(&self) -> String {
        match self {
            Self::StableIsBadToo { gate, because } => {
                format!("stable breaks the limit of {gate} too, the canary is not blamed: {because}")
            }
            Self::ErrorSpike { because } => format!("failures have risen: {because}"),
            Self::SampleRatioMismatch { because } => format!("routing fault: {because}"),
            Self::TriggerWarning { trigger, because } => format!("trigger {trigger} warns: {because}"),
            Self::CohortTooLarge { because } => because.clone(),
            Self::SharedDependency { trigger, because } => {
                format!("trigger {trigger}: nobody is taken back: {because}")
            }
        }
    }
}
