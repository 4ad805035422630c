//! What control and the edge say to each other: one JSON value per line on a unix stream socket.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use staunch_model::{EdgeReport, RouteTable, SplitGeneration};

/// Control → edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum ToEdge {
    /// The whole table for all services. `version` rises with every table; control starts above the
    /// `table_version` it was greeted with.
    Table { version: u64, services: Vec<RouteTable> },
    /// Extends the canary leases of exactly these generations, by service name.
    Renew { leases: BTreeMap<String, SplitGeneration> },
    /// Stop accepting, finish what is open, exit. Idle connections are closed after `linger_ms`.
    Drain { linger_ms: u64 },
}

/// Edge → control.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum FromEdge {
    /// The first line on every connection.
    Hello { pid: u32, version: String, draining: bool, table_version: u64 },
    /// Ten times a second, also when nothing happened. Counts are deltas and are given to one client only: the
    /// newest that sent a table or a renewal. Others receive reports whose counts are empty.
    Report(EdgeReport),
    /// A table, or one service's part of it, was not taken; what served before goes on serving.
    Refused { version: u64, service: Option<String>, reason: String },
}

/// One value as its line, newline included.
///
/// # Errors
/// Only if the value cannot be written as JSON, which no value of this module can cause.
pub fn encode<T: Serialize>(value: &T) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}
