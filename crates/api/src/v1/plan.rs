//! What a deploy would do, on the wire.

use serde::{Deserialize, Serialize};
use staunch_control::{PlanView, PlannedStep};
use utoipa::ToSchema;

use super::{Budget, PolicyFinding, Vetting};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    pub service: String,
    pub from: Option<String>,
    pub to: String,
    pub digest: String,
    /// It has no requests: a step's share is one of instances.
    #[serde(default)]
    pub worker: bool,
    /// Nothing to do: this content runs.
    pub unchanged: bool,
    pub changed: Vec<String>,
    pub requests_per_second: f64,
    pub steps: Vec<PlanStep>,
    pub bake_ms: u64,
    /// Until all traffic is on the new revision; absent when a gate cannot be decided at today's traffic.
    pub total_ms: Option<u64>,
    /// The same if every step took its longest.
    pub total_high_ms: Option<u64>,
    /// What happens beside the steps, in its order.
    #[serde(default)]
    pub path: Vec<String>,
    pub notes: Vec<String>,
    #[serde(default)]
    pub vetting: Vetting,
    /// Absent without `[slo]`.
    #[serde(default)]
    pub budget: Option<Budget>,
    /// What speaks against it, the gravest first; a deploy is refused by its errors.
    #[serde(default)]
    pub findings: Vec<PolicyFinding>,
    /// The digest of all that approvers agree to.
    #[serde(default)]
    pub plan: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanStep {
    pub weight_ratio: f64,
    pub hold_ms: u64,
    pub canary_requests_per_second: f64,
    pub slowest_gate: Option<String>,
    /// Half the time fewer; nine times in ten between the other two.
    pub needs_requests: Option<u64>,
    pub needs_low_requests: Option<u64>,
    pub needs_high_requests: Option<u64>,
    /// The same as time, warm-up and hold included.
    pub expected_ms: Option<u64>,
    pub low_ms: Option<u64>,
    pub high_ms: Option<u64>,
    pub pause: bool,
}

impl From<&PlanView> for Plan {
    fn from(view: &PlanView) -> Self {
        let view = view.clone();
        let vetting = Vetting::of(&view.vetting, &view.objections);
        Self {
            service: view.service,
            from: view.from,
            to: view.to,
            digest: view.digest,
            worker: view.worker,
            unchanged: view.unchanged,
            changed: view.changed,
            requests_per_second: view.requests_per_second,
            steps: view.steps.iter().map(PlanStep::from).collect(),
            bake_ms: view.bake_ms,
            total_ms: view.total_ms,
            total_high_ms: view.total_high_ms,
            path: view.path,
            notes: view.notes,
            vetting,
            budget: view.budget.as_ref().map(Budget::from),
            findings: view.findings.iter().map(PolicyFinding::from).collect(),
            plan: view.plan,
        }
    }
}

impl From<&PlannedStep> for PlanStep {
    fn from(step: &PlannedStep) -> Self {
        Self {
            weight_ratio: step.weight.ratio(),
            hold_ms: step.hold_ms,
            canary_requests_per_second: step.canary_per_second,
            slowest_gate: step.slowest_gate.clone(),
            needs_requests: step.needs.map(|needs| needs.median),
            needs_low_requests: step.needs.map(|needs| needs.low),
            needs_high_requests: step.needs.and_then(|needs| needs.high),
            expected_ms: step.expected_ms,
            low_ms: step.low_ms,
            high_ms: step.high_ms,
            pause: step.pause,
        }
    }
}
