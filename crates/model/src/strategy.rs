//! How a service goes from one revision to another: data that the pure rooms read.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    GaugeSpec, Revision, RollingSpec, RolloutId, ServiceName, ShadowSpec, SmokeSpec, TriggerSpec, Weight,
    WhoSpec, duration_ms,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Strategy {
    #[serde(default)]
    pub kind: StrategyKind,
    /// How many instances of the new revision are started before its first user.
    #[serde(default)]
    pub capacity: Capacity,
    /// Run in this order when the new instances are ready; one that fails takes the rollout back.
    #[serde(default)]
    pub smoke: Vec<SmokeSpec>,
    /// A step passes when its hold is over; gates are not asked. Harm still takes the rollout back.
    #[serde(default)]
    pub by_time: bool,
    /// Rising weights below 100 %; going to 100 % is the promotion that follows the last. A first step of no weight is
    /// for those of `who` alone.
    pub steps: Vec<Step>,
    /// How long the old revision stays at full capacity after the promotion.
    #[serde(with = "duration_ms")]
    pub bake: Duration,
    /// The share of the traffic that stays on the old revision meanwhile, so that the comparison goes on.
    #[serde(default)]
    pub holdback: Weight,
    /// From the first start of the canary to its being ready.
    #[serde(with = "duration_ms")]
    pub prepare_deadline: Duration,
    /// From entering a step to passing it.
    #[serde(with = "duration_ms")]
    pub step_deadline: Duration,
    /// How long a pause may last before the rollout takes itself back.
    #[serde(with = "duration_ms")]
    pub pause_deadline: Duration,
    /// Before the steps: copies of requests to the new revision, whose answers nobody gets.
    #[serde(default)]
    pub shadow: Option<ShadowSpec>,
    /// Who gets the new revision by name; `None`: chance alone decides.
    #[serde(default)]
    pub who: Option<WhoSpec>,
    /// Instances are replaced one by one, and a step's share is one of instances: the way of a service without
    /// requests.
    #[serde(default)]
    pub rolling: Option<RollingSpec>,
}

impl Strategy {
    /// The largest share of the traffic that the new revision may get at this weight.
    pub fn reach(&self, weight: Weight) -> Weight {
        self.who.as_ref().map_or(weight, |who| who.reach(weight))
    }

    /// The same path for users whom chance alone assigns.
    #[must_use]
    pub fn by_chance(mut self) -> Self {
        self.who = None;
        self.steps.retain(|step| !step.weight.is_zero());
        self
    }
}

impl Default for Strategy {
    /// All at once, without a bake.
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            kind: StrategyKind::Canary,
            capacity: Capacity::Share,
            smoke: vec![],
            by_time: false,
            steps: vec![],
            bake: Duration::ZERO,
            holdback: Weight::ZERO,
            prepare_deadline: minutes(2),
            step_deadline: minutes(60),
            pause_deadline: minutes(60 * 24),
            shadow: None,
            who: None,
            rolling: None,
        }
    }
}

/// What people call the path. It decides nothing by itself: the other fields do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StrategyKind {
    #[default]
    Canary,
    BlueGreen,
    Rolling,
}

impl StrategyKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::BlueGreen => "blue-green",
            Self::Rolling => "rolling",
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capacity {
    /// As many instances as the share of the traffic needs, rounded up.
    #[default]
    Share,
    /// All of them from the start.
    Full,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub weight: Weight,
    /// The least time spent at this weight, whatever the evidence says.
    #[serde(with = "duration_ms")]
    pub hold: Duration,
    /// Stop here until a person promotes.
    pub pause: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    ErrorRate,
    LatencyP50,
    LatencyP95,
    LatencyP99,
}

impl Metric {
    pub const ALL: [Self; 4] = [Self::ErrorRate, Self::LatencyP50, Self::LatencyP95, Self::LatencyP99];

    pub fn name(self) -> &'static str {
        match self {
            Self::ErrorRate => "error-rate",
            Self::LatencyP50 => "latency-p50",
            Self::LatencyP95 => "latency-p95",
            Self::LatencyP99 => "latency-p99",
        }
    }
    /// The quantile of a latency metric.
    pub fn quantile(self) -> Option<f64> {
        match self {
            Self::ErrorRate => None,
            Self::LatencyP50 => Some(0.50),
            Self::LatencyP95 => Some(0.95),
            Self::LatencyP99 => Some(0.99),
        }
    }
}

/// A question asked at every step: only its "pass" opens the next one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateSpec {
    pub metric: Metric,
    pub limit: GateLimit,
    pub no_data: NoData,
}

impl GateSpec {
    /// `error-rate`, for a comparison `error-rate vs stable`, or `blast-radius`: unique within a service.
    pub fn name(&self) -> String {
        match self.limit {
            GateLimit::MaxRatio { .. } | GateLimit::MaxMicros { .. } => self.metric.name().to_owned(),
            GateLimit::VsStableRatio { .. } | GateLimit::VsStablePoints { .. } => {
                format!("{} vs stable", self.metric.name())
            }
            GateLimit::BlastRadius { .. } => "blast-radius".to_owned(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateLimit {
    /// At most this share of requests fails.
    MaxRatio { max: f64 },
    /// The quantile is at most this many microseconds.
    MaxMicros { max: u64 },
    /// Latency: at most this much slower than stable, 0.10 = 10 %.
    VsStableRatio { margin: f64 },
    /// Error rate: at most this much above stable's, in absolute share, 0.005 = 0.5 percentage points.
    VsStablePoints { margin: f64 },
    /// Error rate: at the next weight, at most this share of all requests fails for the canary's sake.
    BlastRadius { share: f64 },
}

/// What silence means at a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoData {
    Hold,
    Abort,
    Continue,
}

/// How sure the gates must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvidenceSpec {
    /// The chance that a version no worse than allowed is rolled back, over the whole rollout.
    pub false_rollback: f64,
    /// The chance that a version worse than the margin passes a gate.
    pub false_promotion: f64,
    /// Requests of an instance younger than this are left out of comparisons …
    #[serde(with = "duration_ms")]
    pub warm_up: Duration,
    /// … unless it was given this many first attempts.
    pub warm_up_requests: u64,
    /// The canary is compared with twins of stable that are started with it, instead of with stable as it runs.
    #[serde(default)]
    pub fresh_baseline: bool,
    /// What each kind of evidence weighs when harm is decided.
    #[serde(default)]
    pub weights: EvidenceWeights,
}

impl Default for EvidenceSpec {
    fn default() -> Self {
        Self {
            false_rollback: 0.01,
            false_promotion: 0.05,
            warm_up: Duration::from_secs(30),
            warm_up_requests: 10_000,
            fresh_baseline: false,
            weights: EvidenceWeights::default(),
        }
    }
}

/// Weights of the average that decides about harm; only their ratios matter. A kind without a test gives its weight
/// to the others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EvidenceWeights {
    /// Error rate against stable.
    pub errors: f64,
    /// Latency against stable, shared by its gates.
    pub latency: f64,
    /// Absolute limits, shared by their gates.
    pub limits: f64,
    /// The guard against gross failure.
    pub guard: f64,
}

impl Default for EvidenceWeights {
    fn default() -> Self {
        Self { errors: 0.72, latency: 0.20, limits: 0.05, guard: 0.03 }
    }
}

/// Why a rollout exists; the shape of its path follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutKind {
    /// The service had no revision.
    First,
    Canary,
    /// A person goes back to a revision that served before: all at once when it is ready.
    Rollback,
}

/// Everything a rollout needs to know, fixed when it is admitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutSpec {
    pub id: RolloutId,
    pub service: ServiceName,
    pub kind: RolloutKind,
    pub from: Option<Revision>,
    pub to: Revision,
    pub replicas: u32,
    pub strategy: Strategy,
    pub gates: Vec<GateSpec>,
    #[serde(default)]
    pub gauges: Vec<GaugeSpec>,
    pub triggers: TriggerSpec,
    pub evidence: EvidenceSpec,
}
