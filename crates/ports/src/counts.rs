//! What users of a service got, in time buckets: kept beside the journal, since it is no history.

use staunch_model::{ServiceName, Timestamp};

/// One bucket, with absolute counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountRow {
    pub start: Timestamp,
    pub total: u64,
    pub failed: u64,
    pub timed: u64,
    pub slow: u64,
}

/// All that is kept of one service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptCounts {
    /// When counting began; `None` when it never did.
    pub since: Option<Timestamp>,
    /// Ascending by start.
    pub rows: Vec<CountRow>,
}

/// What changed of one service. Written twice it does what written once does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountChanges {
    pub service: ServiceName,
    pub since: Timestamp,
    pub gone: Vec<Timestamp>,
    pub rows: Vec<CountRow>,
}
