//! The vocabulary of Staunch. Every noun that two rooms share lives here, valid by construction.

mod access;
mod actor;
mod allow_list;
mod checks;
mod confidence;
mod gauge;
mod ids;
mod infra;
mod latency;
mod oidc;
mod policy;
mod release;
mod revision;
mod sample;
mod service;
mod setting;
mod shadow;
mod slo;
mod smoke;
mod strategy;
mod table;
mod time;
mod trigger;
mod weight;
mod who;
mod worker;

pub use access::{Deed, Role, SessionRecord, TokenRecord};
pub use actor::Actor;
pub use allow_list::{ALLOW_LIST_BYTES, ALLOW_LIST_LINES, AllowFlaw, allow_list};
pub use checks::{CheckKind, CheckLimit, CheckResult, CheckSpec, CheckStatus, ChecksSpec, Freshness};
pub use confidence::{ConfidenceSpec, ConfidenceWeights};
pub use gauge::{GaugeLimit, GaugeReading, GaugeSource, GaugeSpec};
pub use ids::{IdError, InstanceId, RevisionDigest, RolloutId, ServiceName};
pub use infra::InfraSpec;
pub use latency::{Histogram, LATENCY_BUCKETS, UNTIMED_MICROS, bucket_bounds_micros, bucket_of_micros};
pub use oidc::OidcSpec;
pub use policy::{
    Approvals, Attestation, CivilDate, Day, Effect, Limit, Lines, Naming, PolicySpec, Schema, VersionEntry,
    VersionFlaw, VersionMatch, VersionName, Window, Zone, ZoneError, semantic,
};
pub use release::{ReleaseMember, ReleaseSpec};
pub use revision::{FileHash, Revision, RunSpec};
pub use sample::{EdgeReport, Failure, FailureKind, InstanceTraffic, Outcomes, Sample};
pub use service::{
    EdgeSpec, HealthSpec, Limits, ProbeSpec, ProbeTarget, ServiceSpec, ShieldSpec, StickyKey, StopSpec,
    TlsSpec, Upstream,
};
pub use setting::{Given, Setting};
pub use shadow::{
    MirrorRoute, MirrorSpec, ShadowCounts, ShadowDifference, ShadowExample, ShadowSample, ShadowSpec,
    ShadowThen,
};
pub use slo::{BudgetLevels, LatencyObjective, SloSpec};
pub use smoke::{SmokeKey, SmokeScope, SmokeSpec};
pub use strategy::{
    Capacity, EvidenceSpec, EvidenceWeights, GateLimit, GateSpec, Metric, NoData, RolloutKind, RolloutSpec,
    Step, Strategy, StrategyKind,
};
pub use table::{Backend, CanaryRoute, RouteTable, WarmUp};
pub use time::{Timestamp, duration_ms, human_duration};
pub use trigger::{
    DependencyLook, DependencySpec, DependencyTarget, SharedFault, Signal, TriggerCode, TriggerRule,
    TriggerSpec,
};
pub use weight::{SplitGeneration, Weight, WeightError};
pub use who::{AllowSpec, KeptList, RequestPart, WhoRule, WhoSpec};
pub use worker::{RollingSpec, StopSignal};
