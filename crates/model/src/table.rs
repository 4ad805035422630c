//! What the edge is told: one immutable table for all services, swapped whole.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    EdgeSpec, InstanceId, MirrorRoute, RevisionDigest, ServiceName, SplitGeneration, Timestamp, TlsSpec,
    Upstream, Weight, WhoSpec, duration_ms,
};

/// One service's part of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteTable {
    pub service: ServiceName,
    pub listen: SocketAddr,
    pub tls: Option<TlsSpec>,
    pub upstream: Upstream,
    pub edge: EdgeSpec,
    pub generation: SplitGeneration,
    /// Salt of the assignment: one per rollout, so that a new rollout picks other users.
    pub salt: u64,
    #[serde(default)]
    pub warm_up: WarmUp,
    pub stable: Option<Backend>,
    pub canary: Option<CanaryRoute>,
    #[serde(default)]
    pub mirror: Option<MirrorRoute>,
}

/// The ready instances of a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backend {
    pub revision: RevisionDigest,
    pub instances: Vec<(InstanceId, SocketAddr)>,
    /// Since when each of them serves, by the wall clock. One that is not named has nothing to warm up.
    #[serde(default)]
    pub since: BTreeMap<InstanceId, Timestamp>,
}

/// How long an instance warms up: while it has served for less than `lasts` and was given fewer than `requests`
/// first attempts. Zero of either is no warm-up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmUp {
    #[serde(with = "duration_ms")]
    pub lasts: Duration,
    pub requests: u64,
}

/// The canary's weight is a lease: without renewal of this very generation it lapses to stable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryRoute {
    pub backend: Backend,
    pub weight: Weight,
    /// Beside it [`Weight::of_twins`] of the traffic goes to stable's twins ([`InstanceId::is_twin`]).
    #[serde(default)]
    pub twins: bool,
    /// Who gets the canary by name.
    #[serde(default)]
    pub who: Option<WhoSpec>,
}
