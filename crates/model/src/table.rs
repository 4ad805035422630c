//! What the edge is told: one immutable table for all services, swapped whole.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{EdgeSpec, InstanceId, RevisionDigest, ServiceName, SplitGeneration, TlsSpec, Upstream, Weight};

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
    pub stable: Option<Backend>,
    pub canary: Option<CanaryRoute>,
}

/// The ready instances of a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backend {
    pub revision: RevisionDigest,
    pub instances: Vec<(InstanceId, SocketAddr)>,
}

/// The canary's weight is a lease: without renewal of this very generation it lapses to stable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryRoute {
    pub backend: Backend,
    pub weight: Weight,
}
