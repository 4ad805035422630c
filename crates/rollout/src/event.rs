//! What can happen to a rollout. Recorded before acted on; the state is the fold of these.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use staunch_analysis::{Finding, GateReading, Judgement, Outcome};
use staunch_model::{
    Failure, Histogram, Outcomes, RolloutId, RolloutSpec, Setting, SmokeKey, SplitGeneration, Timestamp,
    TriggerCode, Weight, duration_ms, human_duration,
};

use crate::{BudgetEvent, ExitRecord, InfraRun, InfraStep, PolicyEvent, Vetting};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    Admitted {
        spec: Box<RolloutSpec>,
        by: String,
        reason: Option<String>,
        /// What the file gave of the service, in its words.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        given: Vec<Setting>,
    },
    PreparationStarted,
    /// Copies of requests go to the new revision from now on.
    ShadowStarted {
        generation: SplitGeneration,
    },
    /// `by` is the person who went on without waiting for the verdict.
    ShadowPassed {
        by: Option<String>,
        #[serde(default)]
        reason: String,
        because: String,
    },
    /// It passed, and the rollout was to end with that.
    ShadowEnded {
        because: String,
        generation: SplitGeneration,
    },
    StepEntered {
        step: usize,
        weight: Weight,
        generation: SplitGeneration,
        /// The share in instances, where these are replaced one by one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<Replaced>,
    },
    /// `by` is the person who promoted without waiting for the gates.
    StepPassed {
        step: usize,
        by: Option<String>,
        #[serde(default)]
        reason: String,
        gates: Vec<GateReading>,
    },
    PromotionStarted {
        generation: SplitGeneration,
        by: Option<String>,
    },
    /// A command of the strategy was satisfied with an instance.
    SmokePassed {
        key: SmokeKey,
        line: String,
        took_ms: u64,
    },
    BakeStarted {
        until: Timestamp,
        /// Nothing of the old revision runs any more.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        alone: bool,
    },
    Succeeded {
        generation: SplitGeneration,
    },
    Paused {
        by: String,
        reason: String,
    },
    Resumed {
        by: String,
        #[serde(default)]
        reason: String,
    },
    RollbackStarted {
        cause: Cause,
        generation: SplitGeneration,
    },
    RolledBack,
    Rejected {
        because: String,
    },
    /// The data plane took the canary out since control was silent; a new lease is given under `generation`.
    ExposureLapsed {
        lapsed: SplitGeneration,
        generation: SplitGeneration,
    },
    /// The stable revision gets another number of instances; no rollout is needed for that.
    Scaled {
        replicas: u32,
        by: String,
    },
    /// What people decided about the service; no rollout's.
    Policy {
        fact: PolicyEvent,
    },
    /// A command around the version is run, and what came of it.
    InfraStarted {
        step: InfraStep,
    },
    InfraRan {
        run: Box<InfraRun>,
    },
    /// Facts for the reader; they change no phase.
    Vetted {
        vetting: Box<Vetting>,
    },
    TrafficShifted {
        weight: Weight,
        generation: SplitGeneration,
    },
    GateChanged {
        gate: String,
        outcome: Outcome,
        because: String,
    },
    FindingRaised {
        finding: Finding,
    },
    InstanceExited {
        instance: String,
        exit: ExitRecord,
    },
    EvidenceCaptured {
        bundle: Box<FailureBundle>,
    },
    /// The error budget of the service, or what the rollout took of it.
    Budget {
        entry: BudgetEvent,
    },
}

impl Event {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Admitted { .. } => "admitted",
            Self::PreparationStarted => "preparation-started",
            Self::ShadowStarted { .. } => "shadow-started",
            Self::ShadowPassed { .. } => "shadow-passed",
            Self::ShadowEnded { .. } => "shadow-ended",
            Self::StepEntered { .. } => "step-entered",
            Self::StepPassed { .. } => "step-passed",
            Self::PromotionStarted { .. } => "promotion-started",
            Self::SmokePassed { .. } => "smoke-passed",
            Self::BakeStarted { .. } => "bake-started",
            Self::Succeeded { .. } => "succeeded",
            Self::Paused { .. } => "paused",
            Self::Resumed { .. } => "resumed",
            Self::RollbackStarted { .. } => "rollback-started",
            Self::RolledBack => "rolled-back",
            Self::Rejected { .. } => "rejected",
            Self::ExposureLapsed { .. } => "exposure-lapsed",
            Self::InfraStarted { .. } => "infra-started",
            Self::InfraRan { .. } => "infra-ran",
            Self::Vetted { .. } => "vetted",
            Self::TrafficShifted { .. } => "traffic-shifted",
            Self::GateChanged { .. } => "gate-changed",
            Self::FindingRaised { .. } => "finding-raised",
            Self::InstanceExited { .. } => "instance-exited",
            Self::Scaled { .. } => "scaled",
            Self::Policy { fact } => fact.kind(),
            Self::EvidenceCaptured { .. } => "evidence-captured",
            Self::Budget { entry } => entry.kind(),
        }
    }
}

/// So many instances of the full number are new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    pub new: u32,
    pub of: u32,
}

/// Why a rollout goes back. The one true reason, with its numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "cause")]
pub enum Cause {
    Gate {
        gate: String,
        because: String,
    },
    Harm {
        because: String,
    },
    /// Its answers to copies of requests were worse than stable's, or others.
    Shadow {
        because: String,
    },
    CannotStart {
        instance: String,
        why: String,
    },
    /// A command of the strategy was not satisfied; `output` is the last that it wrote.
    SmokeFailed {
        line: String,
        instance: String,
        why: String,
        output: Vec<String>,
    },
    NeverReady {
        #[serde(with = "duration_ms")]
        after: Duration,
        last: String,
    },
    CrashLoop {
        instance: String,
        exits: u32,
        last: String,
    },
    Unready {
        ready: u32,
        needed: u32,
        last: String,
    },
    Memory {
        instance: String,
        bytes: u64,
        limit: u64,
    },
    /// A limit of `[triggers]` was broken for its time.
    Trigger {
        trigger: String,
        code: TriggerCode,
        because: String,
    },
    Deadline {
        what: String,
        #[serde(with = "duration_ms")]
        after: Duration,
    },
    NoData {
        gate: String,
        because: String,
    },
    Aborted {
        by: String,
        reason: String,
    },
    Superseded {
        by: String,
    },
    Unsupported {
        because: String,
    },
    /// The error budget: spent by this rollout, or frozen before it had users.
    Budget {
        because: String,
    },
    Infra {
        step: String,
        why: String,
    },
}

impl Cause {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Gate { .. } => "gate-failed",
            Self::Harm { .. } => "harm-found",
            Self::Shadow { .. } => "shadow-failed",
            Self::CannotStart { .. } => "cannot-start",
            Self::SmokeFailed { .. } => "smoke-failed",
            Self::NeverReady { .. } => "never-ready",
            Self::CrashLoop { .. } => "crash-loop",
            Self::Unready { .. } => "unready",
            Self::Memory { .. } => "memory-limit",
            Self::Trigger { code, .. } => code.name(),
            Self::Deadline { .. } => "deadline-passed",
            Self::NoData { .. } => "no-data",
            Self::Aborted { .. } => "aborted",
            Self::Superseded { .. } => "superseded",
            Self::Unsupported { .. } => "unsupported",
            Self::Budget { .. } => "budget",
            Self::Infra { .. } => "infra-failed",
        }
    }
    pub fn sentence(&self) -> String {
        match self {
            Self::Gate { gate, because } => format!("gate {gate} failed: {because}"),
            Self::Harm { because }
            | Self::Shadow { because }
            | Self::Unsupported { because }
            | Self::Budget { because } => because.clone(),
            Self::Infra { step, why } => format!("the infrastructure step `{step}` failed: {why}"),
            Self::CannotStart { instance, why } => format!("{instance} cannot start: {why}"),
            Self::SmokeFailed { line, instance, why, output } => {
                let said = output.last().map(|last| format!(": {last}")).unwrap_or_default();
                format!("smoke `{line}` failed on {instance} with {why}{said}")
            }
            Self::NeverReady { after, last } => {
                format!("not ready after {}: {last}", human_duration(*after))
            }
            Self::CrashLoop { instance, exits: 1, last } => format!("{instance} ended by itself: {last}"),
            Self::CrashLoop { instance, exits, last } => {
                format!("{instance} is crash-looping: {exits} exits, the last with {last}")
            }
            Self::Unready { ready, needed, last } => {
                format!("only {ready} of {needed} instances are ready: {last}")
            }
            Self::Memory { instance, bytes, limit } => {
                format!("{instance} uses {} MB of memory, limit {} MB", bytes / 1_000_000, limit / 1_000_000)
            }
            Self::Trigger { trigger, because, .. } => format!("trigger {trigger} fired: {because}"),
            Self::Deadline { what, after } => format!("{what} did not end within {}", human_duration(*after)),
            Self::NoData { gate, because } => format!("gate {gate} has no data: {because}"),
            Self::Aborted { by, reason } if reason.is_empty() => format!("aborted by {by}"),
            Self::Aborted { by, reason } => format!("aborted by {by}: {reason}"),
            Self::Superseded { by } => format!("replaced by a newer deploy of {by}"),
        }
    }
    /// A person ended it, not a gate or trigger.
    pub fn is_personal(&self) -> bool {
        matches!(self, Self::Aborted { .. } | Self::Superseded { .. })
    }
}

/// What was known when a rollout went back: captured before anything of the canary is stopped.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FailureBundle {
    pub judgement: Option<Judgement>,
    pub canary: Outcomes,
    pub stable: Outcomes,
    pub canary_latency: Histogram,
    pub stable_latency: Histogram,
    /// Routes with failures first.
    pub routes: Vec<RouteRow>,
    /// The first failing requests.
    pub failures: Vec<Failure>,
    pub exits: Vec<ExitCapture>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteRow {
    pub route: String,
    pub canary: Outcomes,
    pub stable: Outcomes,
}

/// One instance of the canary as it was left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExitCapture {
    pub instance: String,
    pub pid: Option<u32>,
    pub state: String,
    pub exits: Vec<ExitRecord>,
    pub probe: Option<String>,
    pub memory_bytes: u64,
    /// The last lines it wrote, oldest first.
    pub log: Vec<String>,
}

/// The salt that decides which users a rollout picks.
pub(crate) fn salt(rollout: RolloutId) -> u64 {
    // SplitMix64's finalizer: neighbouring numbers give unrelated salts.
    let mut z = rollout.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
