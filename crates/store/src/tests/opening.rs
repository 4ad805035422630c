//! What is opened, what is refused, and who may read it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rusqlite::Connection;
use staunch_ports::{Journal, JournalError};

use super::{event, filled, place};
use crate::SqliteJournal;
use crate::migrations;

fn message(outcome: Result<SqliteJournal, JournalError>) -> String {
    outcome.err().expect("it is refused").to_string()
}

#[test]
fn a_newer_database_is_refused_and_left_untouched() {
    let place = place();
    filled(&place, 3);
    // A log that waits to be written back must stay as it is, too: keep a second connection open while copying.
    let newer = Connection::open(&place.path).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    let copies = || ["", "-wal"].map(|end| fs::read(format!("{}{end}", place.path.display())).unwrap());
    let before = copies();
    assert!(!before[1].is_empty());
    let refused = SqliteJournal::open(&place.path);
    assert!(matches!(refused, Err(JournalError::Newer { found: 99, .. })));
    let text = message(refused);
    assert!(text.contains("newer version") && text.contains("journal.db"), "{text}");
    assert!(matches!(SqliteJournal::open_read_only(&place.path), Err(JournalError::Newer { .. })));
    assert_eq!(copies(), before);
}

#[test]
fn a_file_that_is_no_database_is_named_and_left_untouched() {
    let place = place();
    filled(&place, 3);
    let mut bytes = fs::read(&place.path).unwrap();
    bytes[..16].fill(0x7f);
    fs::write(&place.path, &bytes).unwrap();
    let text = message(SqliteJournal::open(&place.path));
    assert!(text.contains("journal.db") && text.contains("first bytes are damaged"), "{text}");
    assert_eq!(fs::read(&place.path).unwrap(), bytes);
}

#[test]
fn the_database_of_another_program_is_refused() {
    let place = place();
    Connection::open(&place.path).unwrap().execute_batch("CREATE TABLE notes (text)").unwrap();
    let before = fs::read(&place.path).unwrap();
    assert!(message(SqliteJournal::open(&place.path)).contains("another program"));
    assert_eq!(fs::read(&place.path).unwrap(), before);
}

#[test]
fn an_empty_file_becomes_a_journal_and_a_folder_does_not() {
    let place = place();
    fs::write(&place.path, b"").unwrap();
    assert!(message(SqliteJournal::open_read_only(&place.path)).contains("has no journal"));
    assert_eq!(SqliteJournal::open(&place.path).unwrap().verify().unwrap(), 0);
    let folder = place.path.with_file_name("folder");
    fs::create_dir(&folder).unwrap();
    assert!(message(SqliteJournal::open(&folder)).contains("folder"));
    assert!(message(SqliteJournal::open(&folder.join("none/journal.db"))).contains("none/journal.db"));
}

#[test]
fn only_the_owner_reads_the_history() {
    let place = place();
    filled(&place, 1);
    fs::set_permissions(&place.path, fs::Permissions::from_mode(0o644)).unwrap();
    let mut journal = SqliteJournal::open(&place.path).unwrap();
    journal.append(1, vec![event(2)], &[]).unwrap();
    for end in ["", "-wal", "-shm"] {
        let file = format!("{}{end}", place.path.display());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
}

#[test]
fn the_auditor_reads_while_the_loop_writes_and_cannot_write() {
    let place = place();
    filled(&place, 2);
    let mut writer = SqliteJournal::open(&place.path).unwrap();
    let mut auditor = SqliteJournal::open_read_only(&place.path).unwrap();
    writer.append(2, vec![event(3)], &[]).unwrap();
    assert_eq!(auditor.verify().unwrap(), 3);
    assert!(auditor.append(3, vec![event(4)], &[]).is_err());
    assert!(auditor.save_checkpoint("k", b"v").is_err());
    assert_eq!(writer.verify().unwrap(), 3);
}

#[test]
fn appends_are_synced_in_full_even_after_a_checkpoint() {
    let place = place();
    let mut journal = SqliteJournal::open(&place.path).unwrap();
    let synchronous = |journal: &SqliteJournal| -> i64 {
        journal.connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap()
    };
    journal.save_checkpoint("evidence", b"x").unwrap();
    assert_eq!(synchronous(&journal), 1);
    journal.append(0, vec![event(1)], &[]).unwrap();
    assert_eq!(synchronous(&journal), 2);
    let mode: String = journal.connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    let version: i64 = journal.connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!((mode.as_str(), version), ("wal", migrations::known()));
}
