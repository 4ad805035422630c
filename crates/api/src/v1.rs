//! The wire types of the API's first version. They convert from the rooms' own types, so that those may change.
//!
//! Keys are `snake_case` with their unit last (`_ms`, `_ratio`, `_bytes`); moments are RFC 3339 in UTC.

mod access;
mod budget;
mod cohort;
mod config;
mod entry;
mod judgement;
mod plan;
mod policy;
mod release;
mod report;
mod request;
mod resources;
mod rollout;
mod samples;
mod service;
mod shadow;
mod time;
mod trigger;
mod vetting;

pub use access::{
    BrowserSession, LoginLink, Session, SessionList, SessionsEnded, Token, TokenCreated, TokenList,
    TokenRequest,
};
pub use budget::{Budget, BudgetPoint, BurnRate, Objective, ServiceBudget, Spend};
pub use cohort::Cohort;
pub use config::{ServiceConfig, Setting};
pub use entry::{Entries, Entry, ExportLine, Reset};
pub use judgement::{Band, Bounds, Finding, Gate, Judgement, Source};
pub use plan::{Plan, PlanStep};
pub use policy::{Approval, FreezeRequest, Frozen, PolicyFinding, ReasonRequest, VoteRequest};
pub use release::{Member, Release, ReleaseAccepted, ReleaseRequest};
pub use report::{
    BudgetCost, Cost, Failure, FreezePass, InfraRun, InstanceEnd, Outcomes, Report, Route, TimelineRow,
};
pub use request::{CommandRequest, DeployRequest, Expect, ExpectPlan, RollbackRequest, UpgradeRequest};
pub use resources::{
    ApprovalList, AuditPage, BudgetList, BudgetOf, ConfigFinding, Doctor, DoctorCheck, EnvironmentList,
    Evidence, FreezeList, FreezeOf, GateChange, Gates, PlanRequest, Revision, RevisionList, ServiceApproval,
    Validation,
};
pub use rollout::{
    Commanded, Deployed, Eta, Pause, Rollout, RolloutDetail, RolloutList, RolloutRow, Waiting, WhyBack,
};
pub use samples::{SampleGate, SamplePoint, SampleSide, Samples};
pub use service::{Exit, Instance, InstanceLog, Logs, Point, Service, ServiceList, ServiceSample, Traffic};
pub use shadow::{Shadow, ShadowCounts, ShadowDifference, ShadowExample, ShadowTest};
pub use time::Time;
pub use trigger::Trigger;
pub use vetting::{Check, Confidence, Factor, Objection, Reliability, ReliabilityRow, Vetting};

pub(crate) use rollout::command_key;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who one talks to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Meta {
    /// Always `v1`.
    pub api: String,
    pub version: String,
    pub pid: u32,
    pub data_dir: String,
    pub uptime_ms: u64,
    /// The address of the pages.
    pub tcp: String,
    /// Sequence of the journal's last entry.
    pub journal_sequence: u64,
}

/// The result of walking the journal's whole chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verified {
    pub intact: bool,
    /// Entries up to the end, or up to the fault.
    pub entries: u64,
    pub fault: Option<Fault>,
}

/// The first entry that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fault {
    pub sequence: u64,
    pub what: String,
}

/// An order that was taken and is being carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Accepted {
    pub message: String,
}

/// A document that describes itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub struct Document(pub serde_json::Value);

/// The kebab-case name that an enum without fields has on the wire.
pub(crate) fn wire_name(value: impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
