//! Where history is made: an append-only chain of entries.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use staunch_model::{Actor, RolloutId, ServiceName, Timestamp};

use crate::{CountChanges, KeptCounts};

/// What is to be recorded. The journal gives it its sequence and its hash.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    pub at: Timestamp,
    pub actor: Actor,
    pub service: ServiceName,
    pub rollout: Option<RolloutId>,
    /// The event's name, such as `rollback-started`: for filters and readers that do not know the body.
    pub kind: String,
    pub body: Value,
}

/// One recorded event. `hash` covers every other field and the hash of the entry before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub sequence: u64,
    pub at: Timestamp,
    pub actor: Actor,
    pub service: ServiceName,
    pub rollout: Option<RolloutId>,
    pub kind: String,
    pub body: Value,
    /// Lower-case hexadecimal SHA-256; `previous` of the first entry is 64 zeros.
    pub previous: String,
    pub hash: String,
}

/// A line of the list of rollouts: kept in the same transaction as the events it follows from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutRow {
    pub id: RolloutId,
    pub service: ServiceName,
    pub from: Option<String>,
    pub to: String,
    pub kind: String,
    pub phase: String,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    /// One sentence.
    pub outcome: Option<String>,
    /// Requests of users that broke an objective on the new revision, and their share of the error budget.
    #[serde(default)]
    pub spent_requests: Option<u64>,
    #[serde(default)]
    pub spent_ratio: Option<f64>,
}

/// The first place where the chain is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainFault {
    pub sequence: u64,
    pub what: String,
}

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("someone else wrote to the journal: expected its end at {expected}, found {found}")]
    Conflict { expected: u64, found: u64 },
    #[error("the disk is full: nothing was recorded and nothing was lost; free space under {place}")]
    Full { place: String },
    #[error(
        "{path} was written by a newer version of Staunch (schema {found}, this one knows {known}): use that version, or a data directory of its own"
    )]
    Newer { path: String, found: i64, known: i64 },
    #[error("the journal is damaged at entry {}: {}", .0.sequence, .0.what)]
    Damaged(ChainFault),
    #[error("the journal cannot be used: {0}")]
    Broken(String),
}

pub trait Journal: Send {
    /// The sequence of the last entry, 0 when empty.
    fn head(&self) -> u64;
    /// Records all entries or none, durably, behind `expected_head`; the rows are written in the same transaction.
    fn append(
        &mut self,
        expected_head: u64,
        entries: Vec<NewEntry>,
        rows: &[RolloutRow],
    ) -> Result<Vec<Entry>, JournalError>;
    /// Entries with a sequence above `after`, ascending, at most `limit`.
    fn read(&self, after: u64, limit: usize) -> Result<Vec<Entry>, JournalError>;
    /// The entries of one rollout, ascending.
    fn of_rollout(&self, rollout: RolloutId) -> Result<Vec<Entry>, JournalError>;
    /// Newest first.
    fn rollouts(&self, service: Option<&ServiceName>, limit: usize) -> Result<Vec<RolloutRow>, JournalError>;
    /// Those with a lower number, newest first.
    fn rollouts_before(
        &self,
        before: RolloutId,
        service: Option<&ServiceName>,
        limit: usize,
    ) -> Result<Vec<RolloutRow>, JournalError> {
        let rows = self.rollouts(service, usize::MAX)?;
        Ok(rows.into_iter().filter(|row| row.id < before).take(limit).collect())
    }
    /// A number never given before.
    fn next_rollout(&mut self) -> Result<RolloutId, JournalError>;
    /// Another view of the same journal, for looking at it beside this one; `None` when there is but one.
    fn another(&self) -> Result<Option<Box<dyn Journal>>, JournalError> {
        Ok(None)
    }
    /// Walks the whole chain: how many entries, or the first fault.
    fn verify(&self) -> Result<u64, JournalError>;
    /// State that can be lost without losing history, such as evidence while it grows.
    fn save_checkpoint(&mut self, key: &str, value: &[u8]) -> Result<(), JournalError>;
    fn checkpoint(&self, key: &str) -> Result<Option<Vec<u8>>, JournalError>;
    /// All changes or none; a crash of the process loses nothing of them, a crash of the machine may.
    fn save_counts(&mut self, changes: &[CountChanges]) -> Result<(), JournalError>;
    fn counts(&self, service: &ServiceName) -> Result<KeptCounts, JournalError>;
}
