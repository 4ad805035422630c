//! SQLite's errors in the words of the journal.

use std::path::Path;

use rusqlite::{Error, ErrorCode, ffi};
use staunch_ports::JournalError;

/// Tells a full disk from everything else; `path` is the database.
pub(crate) fn failure(path: &Path, error: &Error) -> JournalError {
    if is_full(error) {
        let place = path.parent().unwrap_or(path).display().to_string();
        return JournalError::Full { place };
    }
    let shown = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => JournalError::Broken(format!(
            "{shown} is not a database, or its first bytes are damaged; restore it from a copy, or move it away to \
             begin a new journal"
        )),
        Some(ErrorCode::DatabaseCorrupt) => JournalError::Broken(format!(
            "{shown} is damaged: {error}; run `staunch audit verify` to see how far it can be read"
        )),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            JournalError::Broken(format!("{shown} is in use by another process"))
        }
        _ => JournalError::Broken(format!("{shown}: {error}")),
    }
}

/// A full disk shows in several ways: no room for pages, for the shared index of the log, or a quota.
fn is_full(error: &Error) -> bool {
    let Error::SqliteFailure(inner, _) = error else { return false };
    inner.code == ErrorCode::DiskFull || inner.extended_code == ffi::SQLITE_IOERR_SHMSIZE
}

/// What SQLite says when it cannot read a row.
pub(crate) fn is_corruption(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}
