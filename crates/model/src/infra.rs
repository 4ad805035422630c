//! A change around a version that is no instance of it: a queue, a table, a route of somebody else.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration_ms;

/// Commands from the file, as words. Each may be run again: after a crash nobody knows how far it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InfraSpec {
    /// Before the first instance of the version starts.
    pub apply: Vec<String>,
    /// After `apply`: whether it did what it should.
    pub verify: Option<Vec<String>>,
    /// When the version goes back.
    pub undo: Option<Vec<String>>,
    /// How long each may take.
    #[serde(with = "duration_ms")]
    pub timeout: Duration,
}
