//! Opening the file: who may read it, whose it is, how it is written.

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use staunch_ports::JournalError;

use crate::failure::failure;
use crate::migrations;

/// Only its owner reads the history: bodies hold commands and environments.
const MODE: u32 = 0o600;
/// Longer than any transaction of ours; a reader of the audit never makes the loop wait longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The log is cut back to this after a checkpoint, so that one burst does not keep the space for ever.
const LOG_BYTES: i64 = 4 << 20;

/// For the loop: creates what is missing, brings an older database up to date.
pub(crate) fn writable(path: &Path) -> Result<Connection, JournalError> {
    if path.exists() {
        drop(look(path)?);
    }
    own_file(path).map_err(|error| broken(path, &error))?;
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    configure(&connection).map_err(|error| failure(path, &error))?;
    migrations::migrate(&mut connection, path)?;
    Ok(connection)
}

/// For the audit.
pub(crate) fn readable(path: &Path) -> Result<Connection, JournalError> {
    let (connection, found) = look(path)?;
    if found < migrations::known() {
        let what = "has no journal, or one of an older version that `staunch up` brings up to date";
        return Err(JournalError::Broken(format!("{} {what}", path.display())));
    }
    Ok(connection)
}

/// A first look that leaves a database of a newer version, or of another program, as it is.
fn look(path: &Path) -> Result<(Connection, i64), JournalError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let found = migrations::admit(&connection, path)?;
    Ok((connection, found))
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection, JournalError> {
    let fail = |error| failure(path, &error);
    let connection =
        Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(fail)?;
    connection.busy_timeout(PATIENCE).map_err(fail)?;
    // Damage shows as an error instead of as wrong rows; a manipulated schema runs no functions.
    connection.pragma_update(None, "cell_size_check", true).map_err(fail)?;
    connection.pragma_update(None, "trusted_schema", false).map_err(fail)?;
    Ok(connection)
}

/// The file exists with narrow rights before SQLite writes to it; its log and index inherit them, or had wider ones
/// from before.
pub(crate) fn own_file(path: &Path) -> io::Result<()> {
    drop(OpenOptions::new().create(true).truncate(false).write(true).mode(MODE).open(path)?);
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        narrow(Path::new(&name))?;
    }
    Ok(())
}

fn narrow(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.permissions().mode() & 0o777 != MODE => {
            fs::set_permissions(path, Permissions::from_mode(MODE))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

pub(crate) fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES)
}

pub(crate) fn broken(path: &Path, error: &io::Error) -> JournalError {
    if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        return JournalError::Full { place: path.parent().unwrap_or(path).display().to_string() };
    }
    JournalError::Broken(format!("{}: {error}", path.display()))
}
