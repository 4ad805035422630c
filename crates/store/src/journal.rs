//! The journal over one SQLite connection.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Params, Transaction, TransactionBehavior, params};
use staunch_model::{RolloutId, ServiceName};
use staunch_ports::{
    ChainFault, CountChanges, Entry, Journal, JournalError, KeptCounts, NewEntry, RolloutRow,
};

use crate::chain::{FIRST_PREVIOUS, canonical_actor, canonical_json};
use crate::failure::{failure, is_corruption};
use crate::rows::{COLUMNS, ROLLOUT_COLUMNS, Stored, rollout_row, signed, unsigned};
use crate::{counts, open, verify};

/// Where the chain ends: the last entry's sequence and hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChainEnd {
    pub(crate) sequence: u64,
    pub(crate) hash: String,
}

impl ChainEnd {
    fn nowhere() -> Self {
        Self { sequence: 0, hash: FIRST_PREVIOUS.to_owned() }
    }
}

/// A journal in a file. It is opened even when entries are damaged, as long as SQLite can read the file: what can
/// be shown is shown, and [`Journal::verify`] names the damage.
pub struct SqliteJournal {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
    /// What this process last read or wrote; the file is compared with it before each append.
    end: ChainEnd,
}

impl SqliteJournal {
    /// Opens the journal, creates it when there is none, and brings an older one up to date.
    ///
    /// # Errors
    /// `Newer` for a file of a newer version, which is left untouched; `Full`; `Broken` for a file that is no
    /// database, is another program's, or cannot be opened.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        Self::over(open::writable(path)?, path)
    }

    /// Opens a journal that exists, for looking only; every change is refused.
    ///
    /// # Errors
    /// As [`Self::open`], and `Broken` when there is no such file or it has an older shape.
    pub fn open_read_only(path: &Path) -> Result<Self, JournalError> {
        Self::over(open::readable(path)?, path)
    }

    fn over(connection: Connection, path: &Path) -> Result<Self, JournalError> {
        let end = chain_end(&connection).map_err(|error| failure(path, &error))?;
        let end = match end {
            Some(end) => end,
            None => last_entry(&connection).map_err(|error| failure(path, &error))?,
        };
        Ok(Self { connection, path: path.to_owned(), end })
    }

    pub(crate) fn fail(&self, error: &rusqlite::Error) -> JournalError {
        failure(&self.path, error)
    }

    /// A transaction that no one else can come before: what it reads is still true when it writes.
    fn transaction(&mut self, sync: &str) -> Result<Transaction<'_>, JournalError> {
        let Self { connection, path, .. } = self;
        connection.pragma_update(None, "synchronous", sync).map_err(|error| failure(path, &error))?;
        connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| failure(path, &error))
    }

    /// Entries for a query over [`COLUMNS`]; the first that cannot be read is named.
    fn entries(&self, condition: &str, values: impl Params) -> Result<Vec<Entry>, JournalError> {
        let sql = format!("SELECT {COLUMNS} FROM journal WHERE {condition}");
        let mut statement = self.connection.prepare_cached(&sql).map_err(|error| self.fail(&error))?;
        let rows = statement.query_map(values, Stored::read).map_err(|error| self.fail(&error))?;
        let mut entries: Vec<Entry> = Vec::new();
        for row in rows {
            let next = entries.last().map_or(1, |last| last.sequence + 1);
            let stored = row.map_err(|error| self.unreadable(next, &error))?;
            let sequence = stored.sequence;
            entries.push(stored.entry().map_err(|what| damaged(sequence, what))?);
        }
        Ok(entries)
    }

    fn unreadable(&self, sequence: u64, error: &rusqlite::Error) -> JournalError {
        match is_corruption(error) {
            true => damaged(sequence, &format!("the database is damaged there or behind: {error}")),
            false => self.fail(error),
        }
    }
}

fn damaged(sequence: u64, what: &str) -> JournalError {
    JournalError::Damaged(ChainFault { sequence, what: what.to_owned() })
}

/// The recorded end; `None` in a new journal, and in one whose record was removed.
pub(crate) fn chain_end(connection: &Connection) -> rusqlite::Result<Option<ChainEnd>> {
    connection
        .query_row("SELECT sequence, hash FROM chain_end", [], |row| {
            Ok(ChainEnd { sequence: unsigned(row, 0)?, hash: row.get(1)? })
        })
        .optional()
}

fn last_entry(connection: &Connection) -> rusqlite::Result<ChainEnd> {
    connection
        .query_row("SELECT sequence, hash FROM journal ORDER BY sequence DESC LIMIT 1", [], |row| {
            Ok(ChainEnd { sequence: unsigned(row, 0)?, hash: row.get(1)? })
        })
        .optional()
        .map(|end| end.unwrap_or_else(ChainEnd::nowhere))
}

impl Journal for SqliteJournal {
    fn head(&self) -> u64 {
        self.end.sequence
    }

    fn append(
        &mut self,
        expected_head: u64,
        entries: Vec<NewEntry>,
        rows: &[RolloutRow],
    ) -> Result<Vec<Entry>, JournalError> {
        let (known, path) = (self.end.clone(), self.path.clone());
        let fail = |error: &rusqlite::Error| failure(&path, error);
        let transaction = self.transaction("FULL")?;
        let end = agreed_end(&transaction, &path, expected_head, &known)?;
        let written = chained(end, entries);
        for entry in &written {
            insert_entry(&transaction, entry).map_err(|error| fail(&error))?;
        }
        for row in rows {
            upsert_rollout(&transaction, row).map_err(|error| fail(&error))?;
        }
        if let Some(last) = written.last() {
            set_chain_end(&transaction, last).map_err(|error| fail(&error))?;
        }
        transaction.commit().map_err(|error| fail(&error))?;
        if let Some(last) = written.last() {
            self.end = ChainEnd { sequence: last.sequence, hash: last.hash.clone() };
        }
        Ok(written)
    }

    fn read(&self, after: u64, limit: usize) -> Result<Vec<Entry>, JournalError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.entries("sequence > ?1 ORDER BY sequence LIMIT ?2", params![signed(after), limit])
    }

    fn of_rollout(&self, rollout: RolloutId) -> Result<Vec<Entry>, JournalError> {
        self.entries("rollout = ?1 ORDER BY sequence", params![signed(rollout.0)])
    }

    fn rollouts(&self, service: Option<&ServiceName>, limit: usize) -> Result<Vec<RolloutRow>, JournalError> {
        self.rollouts_before(RolloutId(u64::MAX), service, limit)
    }

    fn rollouts_before(
        &self,
        before: RolloutId,
        service: Option<&ServiceName>,
        limit: usize,
    ) -> Result<Vec<RolloutRow>, JournalError> {
        let condition = if service.is_some() { "service = ?1" } else { "?1 IS NULL" };
        let sql = format!(
            "SELECT {ROLLOUT_COLUMNS} FROM rollouts WHERE {condition} AND id < ?3 ORDER BY id DESC LIMIT ?2"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let read = || -> rusqlite::Result<Vec<RolloutRow>> {
            let mut statement = self.connection.prepare_cached(&sql)?;
            let values = params![service.map(ServiceName::as_str), limit, signed(before.0)];
            statement.query_map(values, rollout_row)?.collect()
        };
        read().map_err(|error| self.fail(&error))
    }

    fn next_rollout(&mut self) -> Result<RolloutId, JournalError> {
        let path = self.path.clone();
        let transaction = self.transaction("FULL")?;
        let given = take_number(&transaction).map_err(|error| failure(&path, &error))?;
        transaction.commit().map_err(|error| failure(&path, &error))?;
        Ok(RolloutId(given))
    }

    fn another(&self) -> Result<Option<Box<dyn Journal>>, JournalError> {
        Ok(Some(Box::new(Self::open_read_only(&self.path)?)))
    }

    fn verify(&self) -> Result<u64, JournalError> {
        verify::walk(self)
    }

    fn save_checkpoint(&mut self, key: &str, value: &[u8]) -> Result<(), JournalError> {
        let path = self.path.clone();
        // Evidence that is lost with the machine's power is gathered again; the loop should not wait for the disk.
        let transaction = self.transaction("NORMAL")?;
        transaction
            .prepare_cached(
                "INSERT INTO checkpoints VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            )
            .and_then(|mut statement| statement.execute(params![key, value]))
            .map_err(|error| failure(&path, &error))?;
        transaction.commit().map_err(|error| failure(&path, &error))
    }

    fn checkpoint(&self, key: &str) -> Result<Option<Vec<u8>>, JournalError> {
        self.connection
            .prepare_cached("SELECT value FROM checkpoints WHERE key = ?1")
            .and_then(|mut statement| statement.query_row([key], |row| row.get(0)).optional())
            .map_err(|error| self.fail(&error))
    }

    fn save_counts(&mut self, changes: &[CountChanges]) -> Result<(), JournalError> {
        let path = self.path.clone();
        // As with checkpoints: the log survives the process, and a budget needs no more.
        let transaction = self.transaction("NORMAL")?;
        counts::write(&transaction, changes).map_err(|error| failure(&path, &error))?;
        transaction.commit().map_err(|error| failure(&path, &error))
    }

    fn counts(&self, service: &ServiceName) -> Result<KeptCounts, JournalError> {
        counts::read(&self.connection, service).map_err(|error| self.fail(&error))
    }
}

/// The end that the caller, this process and the file agree on.
fn agreed_end(
    transaction: &Transaction<'_>,
    path: &Path,
    expected: u64,
    known: &ChainEnd,
) -> Result<ChainEnd, JournalError> {
    let recorded = chain_end(transaction).map_err(|error| failure(path, &error))?;
    let last = last_entry(transaction).map_err(|error| failure(path, &error))?;
    let end = match recorded {
        Some(end) => end,
        None if last.sequence == 0 => ChainEnd::nowhere(),
        None => return Err(damaged(last.sequence, verify::NO_END)),
    };
    if end.sequence != expected {
        return Err(JournalError::Conflict { expected, found: end.sequence });
    }
    if last.sequence < end.sequence {
        return Err(damaged(last.sequence + 1, verify::CUT_OFF));
    }
    if end != last || (end.sequence == known.sequence && end.hash != known.hash) {
        return Err(damaged(end.sequence, verify::OTHER_END));
    }
    Ok(end)
}

/// Gives each entry its place behind the one before.
fn chained(mut end: ChainEnd, entries: Vec<NewEntry>) -> Vec<Entry> {
    let mut written = Vec::with_capacity(entries.len());
    for new in entries {
        let entry = link(&end, new);
        end = ChainEnd { sequence: entry.sequence, hash: entry.hash.clone() };
        written.push(entry);
    }
    written
}

fn link(end: &ChainEnd, new: NewEntry) -> Entry {
    let mut entry = Entry {
        sequence: end.sequence + 1,
        at: new.at,
        actor: new.actor,
        service: new.service,
        rollout: new.rollout,
        kind: new.kind,
        body: new.body,
        previous: end.hash.clone(),
        hash: String::new(),
    };
    entry.hash = crate::entry_hash(&entry);
    entry
}

fn insert_entry(transaction: &Transaction<'_>, entry: &Entry) -> rusqlite::Result<()> {
    let sql = format!("INSERT INTO journal ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
    let values = params![
        signed(entry.sequence),
        entry.at.0,
        canonical_actor(&entry.actor),
        entry.service.as_str(),
        entry.rollout.map(|id| signed(id.0)),
        entry.kind,
        canonical_json(&entry.body),
        entry.previous,
        entry.hash,
    ];
    transaction.prepare_cached(&sql)?.execute(values).map(drop)
}

fn upsert_rollout(transaction: &Transaction<'_>, row: &RolloutRow) -> rusqlite::Result<()> {
    let sql = format!(
        "INSERT INTO rollouts ({ROLLOUT_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (id) DO UPDATE SET service = excluded.service, from_revision = excluded.from_revision,
             to_revision = excluded.to_revision, kind = excluded.kind, phase = excluded.phase,
             started = excluded.started, ended = excluded.ended, outcome = excluded.outcome,
             spent_requests = excluded.spent_requests, spent_ratio = excluded.spent_ratio"
    );
    let values = params![
        signed(row.id.0),
        row.service.as_str(),
        row.from,
        row.to,
        row.kind,
        row.phase,
        row.started.0,
        row.ended.map(|at| at.0),
        row.outcome,
        row.spent_requests.map(signed),
        row.spent_ratio,
    ];
    transaction.prepare_cached(&sql)?.execute(values).map(drop)
}

fn set_chain_end(transaction: &Transaction<'_>, last: &Entry) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO chain_end VALUES (1, ?1, ?2)
             ON CONFLICT (one) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash",
        )?
        .execute(params![signed(last.sequence), last.hash])
        .map(drop)
}

/// Above every number given and every number used, whatever became of the counter. The condition lets the index answer.
fn take_number(transaction: &Transaction<'_>) -> rusqlite::Result<u64> {
    transaction.query_row(
        "UPDATE rollout_numbers SET last = 1 + max(last,
             (SELECT coalesce(max(id), 0) FROM rollouts), (SELECT coalesce(max(rollout), 0) FROM journal WHERE rollout IS NOT NULL))
         RETURNING last",
        [],
        |row| unsigned(row, 0),
    )
}
