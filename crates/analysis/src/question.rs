//! What a judge is asked: everything of a rollout that its verdicts depend on, and nothing else.

use serde::{Deserialize, Serialize};
use staunch_model::{EvidenceSpec, GateSpec, GaugeSpec, RolloutSpec, ServiceSpec, Step, Strategy, Weight};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    pub gates: Vec<GateSpec>,
    /// Gates on values that are read from time to time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gauges: Vec<GaugeSpec>,
    /// The weights that the canary goes through: each step is certified for the next.
    pub steps: Vec<Step>,
    pub evidence: EvidenceSpec,
    /// Share of failing requests at which everything plainly fails.
    pub catastrophic: f64,
    /// There is an old version to compare with.
    pub compares: bool,
    /// Users are kept on one side, so failures count per client and requests say nothing about the split.
    pub sticky: bool,
    /// The most of all requests that may be sent by name; `None` when none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_name: Option<Weight>,
}

impl Question {
    pub fn of(spec: &RolloutSpec, sticky: bool) -> Self {
        Self {
            gates: spec.gates.clone(),
            gauges: spec.gauges.clone(),
            steps: spec.strategy.steps.clone(),
            evidence: spec.evidence.clone(),
            catastrophic: spec.triggers.catastrophic,
            // Nobody sends a worker requests: there is nothing to compare.
            compares: spec.from.is_some() && spec.strategy.rolling.is_none(),
            sticky,
            by_name: by_name(&spec.strategy),
        }
    }

    /// What a rollout of the service to a newer version would be asked.
    pub fn of_service(spec: &ServiceSpec) -> Self {
        Self {
            gates: spec.gates.clone(),
            gauges: spec.gauges.clone(),
            steps: spec.strategy.steps.clone(),
            evidence: spec.evidence.clone(),
            catastrophic: spec.triggers.catastrophic,
            compares: !spec.is_worker(),
            sticky: spec.edge.sticky.is_some(),
            by_name: by_name(&spec.strategy),
        }
    }
}

fn by_name(strategy: &Strategy) -> Option<Weight> {
    strategy.who.as_ref().map(|who| who.most)
}
