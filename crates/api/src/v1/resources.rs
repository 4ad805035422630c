//! Lists over all services, and what one rollout is made of.

use serde::{Deserialize, Serialize};
use staunch_model::Revision as Known;
use utoipa::ToSchema;

use super::{Approval, Budget, Entry, Failure, Gate, InstanceEnd, Judgement, Route, Time};

/// Changes that wait for others to agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApprovalList {
    pub approvals: Vec<ServiceApproval>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceApproval {
    pub service: String,
    pub approval: Approval,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BudgetList {
    pub budgets: Vec<BudgetOf>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BudgetOf {
    pub service: String,
    pub budget: Budget,
}

/// What keeps changes from beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FreezeList {
    pub freezes: Vec<FreezeOf>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FreezeOf {
    pub service: String,
    /// `person`, or `budget`: too little of the error budget is left.
    pub kind: String,
    pub by: String,
    pub reason: String,
    /// Absent for a budget.
    pub since: Option<Time>,
    /// When it ends at the latest; absent: not by itself.
    pub until: Option<Time>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnvironmentList {
    /// The one that this server runs.
    pub current: Option<String>,
    pub environments: Vec<String>,
}

/// Entries of the journal, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    pub entries: Vec<Entry>,
    /// Absent at the end. A page may be short, or empty, and still have a next one: a filter is looked for a few
    /// thousand entries at a time.
    pub next_cursor: Option<String>,
}

/// What a deploy of this service would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PlanRequest {
    /// Left out: the only one.
    pub service: Option<String>,
}

/// What is to be said of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Validation {
    /// It would be accepted; warnings do not stand against it.
    pub valid: bool,
    pub findings: Vec<ConfigFinding>,
    /// The services that it describes, when it is valid.
    pub services: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigFinding {
    pub code: String,
    /// `error` or `warning`.
    pub severity: String,
    pub message: String,
    /// From 1.
    pub line: u32,
    pub column: u32,
    pub help: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Doctor {
    pub checks: Vec<DoctorCheck>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoctorCheck {
    /// Stable, such as `data.space`.
    pub id: String,
    /// `ok`, `warn` or `fail`.
    pub state: String,
    pub text: String,
    pub fix: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevisionList {
    pub service: String,
    /// The present one first, then those that one can go back to, latest first.
    pub revisions: Vec<Revision>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Revision {
    pub label: String,
    pub digest: String,
    /// `canary` (a rollout to it is under way), `stable` or `previous`.
    pub state: String,
    pub created_at: Time,
}

impl Revision {
    pub(crate) fn of(revision: &Known, state: &str) -> Self {
        Self {
            label: revision.label.clone(),
            digest: revision.digest.to_string(),
            state: state.to_owned(),
            created_at: revision.created.into(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Gates {
    pub rollout: u64,
    /// As they stand now, or stood at the end.
    pub gates: Vec<Gate>,
    /// Oldest first.
    pub changes: Vec<GateChange>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GateChange {
    pub at: Time,
    pub gate: String,
    pub outcome: String,
    pub because: String,
}

/// What a verdict rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    pub rollout: u64,
    pub judgement: Option<Judgement>,
    /// The gate that decided, when it went back.
    pub deciding: Option<Gate>,
    pub routes: Vec<Route>,
    /// Routes that stable served and the canary never saw.
    pub unknown: Vec<String>,
    /// The first failing requests.
    pub failures: Vec<Failure>,
    /// Instances of the new revision as they were left.
    pub instances: Vec<InstanceEnd>,
}
