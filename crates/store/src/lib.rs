//! The journal and its lists in one SQLite file: chained by hashes, durable before it answers, never repaired in
//! silence.

mod attestations;
mod chain;
mod counts;
mod failure;
mod journal;
mod keyring;
mod migrations;
mod open;
mod recording;
mod rows;
mod verify;

#[cfg(test)]
mod tests;

pub use attestations::FileAttestor;
pub use chain::{FIRST_PREVIOUS, entry_hash, verify_entries};
pub use journal::SqliteJournal;
pub use keyring::SqliteKeyring;
pub use recording::{FileRecorder, Lines, RecordingError, read_recording, recordings};
