//! The walk along the whole chain. It reads only: what is damaged is named, never mended.

use rusqlite::{Connection, OptionalExtension};
use staunch_ports::{ChainFault, JournalError};

use crate::chain::Walk;
use crate::failure::is_corruption;
use crate::journal::{SqliteJournal, chain_end};
use crate::rows::{COLUMNS, Stored, unsigned};

pub(crate) const CUT_OFF: &str = "the entry is missing: the end of the journal was cut off";
pub(crate) const NO_END: &str = "the record of the journal's end was removed";
pub(crate) const OTHER_END: &str = "it is not the entry that was written last: it was replaced";

/// How many entries there are, or the first fault. One read transaction: appends meanwhile are not seen.
pub(crate) fn walk(journal: &SqliteJournal) -> Result<u64, JournalError> {
    let connection = &journal.connection;
    let snapshot = connection.unchecked_transaction().map_err(|error| journal.fail(&error))?;
    let walk = chain(journal, &snapshot)?;
    end(journal, &snapshot, &walk)?;
    pages(journal, &snapshot)?;
    Ok(walk.sequence)
}

fn chain(journal: &SqliteJournal, connection: &Connection) -> Result<Walk, JournalError> {
    let mut walk = Walk::default();
    let sql = format!("SELECT {COLUMNS} FROM journal ORDER BY sequence");
    let mut statement = connection.prepare(&sql).map_err(|error| unreadable(journal, &walk, &error))?;
    let mut rows = statement.query([]).map_err(|error| unreadable(journal, &walk, &error))?;
    while let Some(row) = rows.next().map_err(|error| unreadable(journal, &walk, &error))? {
        let stored = Stored::read(row).map_err(|error| unreadable(journal, &walk, &error))?;
        let (sequence, previous, hash) = (stored.sequence, stored.previous.clone(), stored.hash.clone());
        walk.step(sequence, &previous, &hash, || stored.canonical().hash())
            .map_err(|fault| JournalError::Damaged(moved(connection, fault, sequence, &previous)))?;
        stored
            .entry()
            .map_err(|what| JournalError::Damaged(ChainFault { sequence, what: what.to_owned() }))?;
    }
    Ok(walk)
}

/// An entry whose predecessor stands elsewhere was moved: saying so tells more than that the link is broken.
fn moved(connection: &Connection, fault: ChainFault, sequence: u64, previous: &str) -> ChainFault {
    if sequence != fault.sequence {
        return fault;
    }
    let home = connection
        .query_row("SELECT sequence FROM journal WHERE hash = ?1 LIMIT 1", [previous], |row| unsigned(row, 0))
        .optional();
    match home {
        Ok(Some(before)) if before + 1 != sequence => ChainFault {
            sequence,
            what: format!("it stands in the wrong order: it was written behind entry {before}"),
        },
        _ => fault,
    }
}

/// The recorded end tells what a chain cannot: that its last entries are gone, or were written anew.
fn end(journal: &SqliteJournal, connection: &Connection, walk: &Walk) -> Result<(), JournalError> {
    let fault =
        |sequence, what: &str| Err(JournalError::Damaged(ChainFault { sequence, what: what.to_owned() }));
    match chain_end(connection).map_err(|error| unreadable(journal, walk, &error))? {
        None if walk.sequence == 0 => Ok(()),
        None => fault(walk.sequence, NO_END),
        Some(end) if end.sequence > walk.sequence => fault(walk.sequence + 1, CUT_OFF),
        Some(end) if end.sequence < walk.sequence => {
            fault(end.sequence + 1, "it was added without Staunch: the recorded end is before it")
        }
        Some(end) if end.hash != walk.hash => fault(walk.sequence, OTHER_END),
        Some(_) => Ok(()),
    }
}

/// Damage outside the entries: indexes, lists, free pages. Sequence 0 is no entry.
fn pages(journal: &SqliteJournal, connection: &Connection) -> Result<(), JournalError> {
    let verdict: rusqlite::Result<String> =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
    let what = match verdict {
        Ok(verdict) if verdict == "ok" => return Ok(()),
        Ok(verdict) => verdict,
        Err(error) if is_corruption(&error) => error.to_string(),
        Err(error) => return Err(journal.fail(&error)),
    };
    let what = format!("all entries are whole, but the database around them is damaged: {what}");
    Err(JournalError::Damaged(ChainFault { sequence: 0, what }))
}

/// What SQLite cannot read lies behind the last entry that it could.
fn unreadable(journal: &SqliteJournal, walk: &Walk, error: &rusqlite::Error) -> JournalError {
    let wrong_form = matches!(
        error,
        rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..)
    );
    if is_corruption(error) || wrong_form {
        let what = format!("the database cannot be read there: {error}");
        return JournalError::Damaged(ChainFault { sequence: walk.sequence + 1, what });
    }
    journal.fail(error)
}
