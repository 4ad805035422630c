//! Who has to agree, and what another environment has seen.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{RevisionDigest, ServiceName, Timestamp, duration_ms};

/// How many others have to agree to a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approvals {
    pub count: u32,
    /// Who may; empty is everyone but the author.
    pub from: Vec<String>,
    /// How long an unanswered request stands.
    #[serde(with = "duration_ms")]
    pub within: Duration,
}

/// One environment's word that a version has ended its bake there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attestation {
    pub environment: String,
    pub service: ServiceName,
    /// The identity of the files alone: environment variables differ between environments.
    pub artifact: String,
    pub digest: RevisionDigest,
    pub version: String,
    pub rollout: u64,
    pub at: Timestamp,
}
