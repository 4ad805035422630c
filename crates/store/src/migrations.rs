//! The shape of the database. `PRAGMA user_version` counts the steps that were taken; a step never changes once it
//! was released, a new one follows.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};
use staunch_ports::JournalError;

use crate::failure::failure;

/// Marks the file as ours: "STNC".
pub(crate) const APPLICATION_ID: i64 = 0x5354_4e43;

const STEPS: &[&str] = &[
    // The triggers make a slip in our own code fail loudly. Who edits the file with other tools is found by the
    // chain, and who cuts its end by `chain_end`.
    "CREATE TABLE journal (
        sequence INTEGER PRIMARY KEY,
        at       INTEGER NOT NULL,
        actor    TEXT NOT NULL,
        service  TEXT NOT NULL,
        rollout  INTEGER,
        kind     TEXT NOT NULL,
        body     TEXT NOT NULL,
        previous TEXT NOT NULL,
        hash     TEXT NOT NULL
    ) STRICT;
    CREATE INDEX journal_of_rollout ON journal (rollout) WHERE rollout IS NOT NULL;
    CREATE TRIGGER journal_never_changes BEFORE UPDATE ON journal
        BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
    CREATE TRIGGER journal_never_shrinks BEFORE DELETE ON journal
        BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
    CREATE TRIGGER journal_only_grows BEFORE INSERT ON journal
        WHEN EXISTS (SELECT 1 FROM journal WHERE sequence >= NEW.sequence)
        BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

    CREATE TABLE chain_end (
        one      INTEGER PRIMARY KEY CHECK (one = 1),
        sequence INTEGER NOT NULL,
        hash     TEXT NOT NULL
    ) STRICT;

    CREATE TABLE rollouts (
        id            INTEGER PRIMARY KEY,
        service       TEXT NOT NULL,
        from_revision TEXT,
        to_revision   TEXT NOT NULL,
        kind          TEXT NOT NULL,
        phase         TEXT NOT NULL,
        started       INTEGER NOT NULL,
        ended         INTEGER,
        outcome       TEXT
    ) STRICT;
    CREATE INDEX rollouts_of_service ON rollouts (service, id);

    CREATE TABLE rollout_numbers (
        one  INTEGER PRIMARY KEY CHECK (one = 1),
        last INTEGER NOT NULL
    ) STRICT;
    INSERT INTO rollout_numbers VALUES (1, 0);

    CREATE TABLE checkpoints (
        key   TEXT PRIMARY KEY,
        value BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;",
    // What users got, for error budgets; and what each rollout took of them.
    "CREATE TABLE counts (
        service TEXT NOT NULL,
        start   INTEGER NOT NULL,
        total   INTEGER NOT NULL,
        failed  INTEGER NOT NULL,
        timed   INTEGER NOT NULL,
        slow    INTEGER NOT NULL,
        PRIMARY KEY (service, start)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE counted (
        service TEXT PRIMARY KEY,
        since   INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    ALTER TABLE rollouts ADD COLUMN spent_requests INTEGER;
    ALTER TABLE rollouts ADD COLUMN spent_ratio REAL;",
];

/// The version this build writes.
pub(crate) fn known() -> i64 {
    STEPS.len() as i64
}

/// Refuses what is not ours to write: a newer database, or one of another program.
pub(crate) fn admit(connection: &Connection, path: &Path) -> Result<i64, JournalError> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let fail = |error| failure(path, &error);
    let found = number("user_version").map_err(fail)?;
    let application = number("application_id").map_err(fail)?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(fail)?;
    let shown = path.display().to_string();
    if application != APPLICATION_ID && (found != 0 || tables != 0) {
        return Err(JournalError::Broken(format!("{shown} is the database of another program")));
    }
    if found > known() {
        return Err(JournalError::Newer { path: shown, found, known: known() });
    }
    Ok(found)
}

/// Takes the missing steps, each in a transaction of its own together with its number.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), JournalError> {
    while take_step(connection, path)? {}
    Ok(())
}

fn take_step(connection: &mut Connection, path: &Path) -> Result<bool, JournalError> {
    let fail = |error| failure(path, &error);
    if admit(connection, path)? == known() {
        return Ok(false);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fail)?;
    // Asked again under the lock: another process may have taken the step meanwhile.
    let found = admit(&transaction, path)?;
    if let Some(step) = usize::try_from(found).ok().and_then(|done| STEPS.get(done)) {
        transaction.execute_batch(step).map_err(fail)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(fail)?;
        transaction.pragma_update(None, "user_version", found + 1).map_err(fail)?;
    }
    transaction.commit().map_err(fail)?;
    Ok(true)
}
