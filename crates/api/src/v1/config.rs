//! The configuration of a service on the wire: what holds, and where each value comes from.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;

/// What holds for a service, key by key. Values of `env` never leave the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceConfig {
    pub service: String,
    /// The file on the server.
    pub file: String,
    /// The environment that the server runs.
    pub environment: Option<String>,
    /// The rollout with which it came into force: the one under way, else the one that brought what runs. Absent when
    /// none was recorded with its words; then it is the file as control read it when it started.
    pub rollout: Option<u64>,
    pub since: Option<Time>,
    /// How many settings the file has otherwise by now.
    pub changed: u64,
    /// Why the file cannot be read now; nothing is known of changes then, nor of defaults.
    pub file_trouble: Option<String>,
    /// In the order of the alphabet.
    pub settings: Vec<Setting>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Setting {
    /// Within the service (`canary.bake`), or within the file for what holds for all (`policy.max-share`).
    pub key: String,
    /// TOML, as it was written; the default when the file did not give it. Absent when there is neither.
    pub value: Option<String>,
    /// `file`, `environment`, `default` or `none`.
    pub origin: String,
    /// The line that it had, from 1.
    pub line: Option<u32>,
    /// The environment in whose table it stood.
    pub environment: Option<String>,
    pub default: Option<String>,
    /// What the key means.
    pub about: String,
    /// The file says something else by now: a deploy brings it.
    pub changed: bool,
    /// What the file says now, when that is something else; absent when it says nothing.
    pub in_file: Option<String>,
    pub in_file_line: Option<u32>,
}
