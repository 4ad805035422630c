//! A full disk loses nothing that was recorded, and is over when there is space again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use staunch_ports::{Journal, JournalError, NewEntry};

use super::{event, place};
use crate::SqliteJournal;

fn large(number: u64) -> NewEntry {
    NewEntry { body: json!({ "log": "x".repeat(20_000) }), ..event(number) }
}

/// Appends until the disk is full and returns how many entries were recorded.
fn fill(journal: &mut SqliteJournal) -> u64 {
    for number in journal.head()..10_000 {
        match journal.append(number, vec![large(number + 1)], &[]) {
            Ok(_) => {}
            Err(full @ JournalError::Full { .. }) => {
                assert!(
                    full.to_string().contains("the disk is full: nothing was recorded and nothing was lost")
                );
                return number;
            }
            Err(other) => panic!("{other}"),
        }
    }
    panic!("the disk never filled");
}

#[test]
fn a_database_at_its_limit_keeps_what_it_has_and_goes_on_later() {
    let place = place();
    let mut journal = SqliteJournal::open(&place.path).unwrap();
    journal.connection.pragma_update(None, "max_page_count", 60).unwrap();
    let kept = fill(&mut journal);
    assert!(kept > 2);
    assert_eq!((journal.head(), journal.verify().unwrap()), (kept, kept));
    journal.connection.pragma_update(None, "max_page_count", 100_000).unwrap();
    journal.append(kept, vec![large(kept + 1)], &[]).unwrap();
    assert_eq!(journal.verify().unwrap(), kept + 1);
}

/// A real file system of one megabyte; only root can make one.
struct Tiny(PathBuf);

impl Tiny {
    fn mount(at: &Path) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.0).status();
        assert!(std::thread::panicking() || unmounted.is_ok_and(|status| status.success()));
    }
}

#[test]
fn a_full_file_system_keeps_what_it_has_and_goes_on_later() {
    let dir = tempfile::tempdir().unwrap();
    let Some(tiny) = Tiny::mount(dir.path()) else {
        assert!(
            !rustix::process::geteuid().is_root() || in_container(),
            "root could not mount a file system"
        );
        return;
    };
    let filler = tiny.0.join("filler");
    fs::write(&filler, vec![1; 300_000]).unwrap();
    let path = tiny.0.join("journal.db");
    let mut journal = SqliteJournal::open(&path).unwrap();
    let kept = fill(&mut journal);
    assert!(kept > 2);
    assert_eq!((journal.head(), journal.verify().unwrap()), (kept, kept));
    assert!(matches!(journal.append(kept, vec![large(kept + 1)], &[]), Err(JournalError::Full { .. })));
    fs::remove_file(&filler).unwrap();
    journal.append(kept, vec![large(kept + 1)], &[]).unwrap();
    drop(journal);
    let journal = SqliteJournal::open(&path).unwrap();
    assert_eq!((journal.head(), journal.verify().unwrap()), (kept + 1, kept + 1));
    drop(journal);
}

/// Containers often have a root that may not mount; the test above this one then stands alone.
fn in_container() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| !has_admin(&status))
}

fn has_admin(status: &str) -> bool {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap_or("0").trim();
    u64::from_str_radix(line, 16).is_ok_and(|bits| bits & (1 << 21) != 0)
}

#[test]
fn a_journal_that_cannot_begin_for_lack_of_space_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let Some(tiny) = Tiny::mount(dir.path()) else { return };
    let free = |size| fs::write(tiny.0.join("filler"), vec![1; size]);
    let mut size = 1 << 20;
    while free(size).is_err() {
        size -= 4_096;
    }
    match SqliteJournal::open(&tiny.0.join("journal.db")).err() {
        Some(JournalError::Full { place }) => assert_eq!(place, tiny.0.display().to_string()),
        other => panic!("{other:?}"),
    }
}
