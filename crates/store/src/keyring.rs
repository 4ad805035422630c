//! Tokens, sessions and kept answers in a database beside the journal: who has access is no history, and a secret's
//! hash has no place in what is exported for auditors.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use staunch_model::{SessionRecord, Timestamp, TokenRecord};
use staunch_ports::{JournalError, KeptAnswer, KeptRequest, Keyring};

use crate::failure::failure;
use crate::open;
use crate::rows::signed;

const PATIENCE: Duration = Duration::from_secs(5);
/// "STKY"
const APPLICATION_ID: i64 = 0x5354_4b59;
const VERSION: i64 = 1;

const SHAPE: &str = "
    CREATE TABLE tokens (id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE sessions (digest BLOB PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE requests (
        key          BLOB PRIMARY KEY,
        request      BLOB NOT NULL,
        boot         INTEGER NOT NULL,
        at           INTEGER NOT NULL,
        status       INTEGER,
        content_type TEXT,
        location     TEXT,
        body         BLOB
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX requests_by_age ON requests (at);
";

/// One file, mode 0600.
pub struct SqliteKeyring {
    connection: Connection,
    path: PathBuf,
}

impl SqliteKeyring {
    /// Opens the file, or creates it.
    ///
    /// # Errors
    /// `Newer` for a file of a newer version, `Broken` for one of another program or that cannot be opened, `Full`.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        open::own_file(path).map_err(|error| open::broken(path, &error))?;
        let fail = |error| failure(path, &error);
        let mut connection = Connection::open(path).map_err(fail)?;
        connection.busy_timeout(PATIENCE).map_err(fail)?;
        connection.pragma_update(None, "trusted_schema", false).map_err(fail)?;
        shape(&mut connection, path)?;
        open::configure(&connection).map_err(fail)?;
        Ok(Self { connection, path: path.to_owned() })
    }

    fn records<T: DeserializeOwned>(&self, sql: &str) -> Result<Vec<T>, JournalError> {
        let read = || -> rusqlite::Result<Vec<String>> {
            self.connection.prepare_cached(sql)?.query_map([], |row| row.get(0))?.collect()
        };
        let texts = read().map_err(|error| failure(&self.path, &error))?;
        let parse = |text: String| serde_json::from_str(&text).map_err(|error| self.unreadable(&error));
        texts.into_iter().map(parse).collect()
    }

    fn unreadable(&self, error: &serde_json::Error) -> JournalError {
        JournalError::Broken(format!("{}: a record cannot be read: {error}", self.path.display()))
    }

    fn execute(&self, sql: &str, values: impl rusqlite::Params) -> Result<usize, JournalError> {
        let run = || self.connection.prepare_cached(sql)?.execute(values);
        run().map_err(|error| failure(&self.path, &error))
    }
}

fn shape(connection: &mut Connection, path: &Path) -> Result<(), JournalError> {
    let fail = |error| failure(path, &error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fail)?;
    let number = |pragma| transaction.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (found, application) =
        (number("user_version").map_err(fail)?, number("application_id").map_err(fail)?);
    let shown = path.display().to_string();
    if found > VERSION {
        return Err(JournalError::Newer { path: shown, found, known: VERSION });
    }
    if found == VERSION && application != APPLICATION_ID {
        return Err(JournalError::Broken(format!("{shown} is the database of another program")));
    }
    if found == 0 {
        transaction.execute_batch(SHAPE).map_err(fail)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(fail)?;
        transaction.pragma_update(None, "user_version", VERSION).map_err(fail)?;
    }
    transaction.commit().map_err(fail)
}

fn text(record: &impl Serialize) -> String {
    serde_json::to_string(record).unwrap_or_default()
}

fn bytes(row: &Row<'_>, column: usize) -> rusqlite::Result<[u8; 32]> {
    row.get(column)
}

fn kept_request(row: &Row<'_>) -> rusqlite::Result<KeptRequest> {
    let status: Option<u16> = row.get(4)?;
    let (content_type, location, body) = (row.get(5)?, row.get(6)?, row.get(7)?);
    let answer = status.map(|status| KeptAnswer { status, content_type, location, body });
    Ok(KeptRequest {
        key: bytes(row, 0)?,
        request: bytes(row, 1)?,
        boot: row.get::<_, i64>(2)?.cast_unsigned(),
        at: Timestamp(row.get(3)?),
        answer,
    })
}

impl Keyring for SqliteKeyring {
    fn tokens(&self) -> Result<Vec<TokenRecord>, JournalError> {
        self.records("SELECT record FROM tokens ORDER BY id")
    }

    fn put_token(&mut self, token: &TokenRecord) -> Result<(), JournalError> {
        self.execute("INSERT OR REPLACE INTO tokens VALUES (?1, ?2)", params![token.id, text(token)])
            .map(drop)
    }

    fn sessions(&self) -> Result<Vec<SessionRecord>, JournalError> {
        self.records("SELECT record FROM sessions")
    }

    fn put_session(&mut self, session: &SessionRecord) -> Result<(), JournalError> {
        let values = params![session.digest, text(session)];
        self.execute("INSERT OR REPLACE INTO sessions VALUES (?1, ?2)", values).map(drop)
    }

    fn remove_session(&mut self, digest: &[u8; 32]) -> Result<(), JournalError> {
        self.execute("DELETE FROM sessions WHERE digest = ?1", params![digest]).map(drop)
    }

    fn take_key(&mut self, request: &KeptRequest) -> Result<Option<KeptRequest>, JournalError> {
        let KeptRequest { key, request, boot, at, .. } = request;
        let values = params![key, request, boot.cast_signed(), at.0];
        let sql = "INSERT OR IGNORE INTO requests (key, request, boot, at) VALUES (?1, ?2, ?3, ?4)";
        if self.execute(sql, values)? == 1 {
            return Ok(None);
        }
        let sql = "SELECT key, request, boot, at, status, content_type, location, body FROM requests WHERE key = ?1";
        let found = self
            .connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(params![key], kept_request).optional());
        found.map_err(|error| failure(&self.path, &error))
    }

    fn put_answer(&mut self, key: &[u8; 32], answer: &KeptAnswer) -> Result<(), JournalError> {
        let KeptAnswer { status, content_type, location, body } = answer;
        let sql =
            "UPDATE requests SET status = ?2, content_type = ?3, location = ?4, body = ?5 WHERE key = ?1";
        self.execute(sql, params![key, status, content_type, location, body]).map(drop)
    }

    fn free_key(&mut self, key: &[u8; 32]) -> Result<(), JournalError> {
        self.execute("DELETE FROM requests WHERE key = ?1", params![key]).map(drop)
    }

    fn forget_requests(&mut self, before: Timestamp, most: usize) -> Result<(), JournalError> {
        self.execute("DELETE FROM requests WHERE at < ?1", params![before.0])?;
        let sql = "DELETE FROM requests WHERE key IN
             (SELECT key FROM requests ORDER BY at DESC LIMIT -1 OFFSET ?1)";
        self.execute(sql, params![signed(most as u64)]).map(drop)
    }
}
