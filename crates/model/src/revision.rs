use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{HealthSpec, InfraSpec, RevisionDigest, ServiceName, StopSpec, Timestamp};

/// What runs, unchangeable: named by the digest of its command, files and environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    pub digest: RevisionDigest,
    pub service: ServiceName,
    /// What people call it: the given version, else `v1`, `v2`, … in the order of first deploy.
    pub label: String,
    pub run: RunSpec,
    pub files: Vec<FileHash>,
    pub created: Timestamp,
}

/// How an instance of a revision is started. Paths are absolute; `command[0]` is looked up in `PATH` when it has
/// no slash. `${PORT}` and other variables of the instance's environment are replaced in each word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSpec {
    pub command: Vec<String>,
    /// The working directory: a snapshot of the project in which the revision's files are copies.
    pub dir: String,
    pub env: BTreeMap<String, String>,
    /// How this revision tells that it is ready, and how it is stopped: a new file may change both.
    pub health: HealthSpec,
    pub stop: StopSpec,
    /// Commands around it.
    #[serde(default)]
    pub infra: Option<InfraSpec>,
}

/// A file that is part of a revision: its path inside the project and the SHA-256 of its content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileHash {
    pub path: String,
    pub sha256: String,
}
