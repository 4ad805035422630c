//! A process that dies in the middle of an append: what it was told is recorded is there.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use staunch_ports::Journal;

use super::{event, place, row};
use crate::SqliteJournal;

const PATH: &str = "STAUNCH_TEST_JOURNAL";
const ROUNDS: u64 = 12;

/// The child: appends without end and says which entries were acknowledged.
#[test]
#[ignore = "runs as the child of the test below"]
fn child_appends_for_ever() {
    let path = std::env::var(PATH).expect("the parent names the journal");
    let mut journal = SqliteJournal::open(Path::new(&path)).unwrap();
    let mut out = std::io::stderr();
    loop {
        let head = journal.head();
        let entries = (1..=3).map(|more| event(head + more)).collect();
        journal.append(head, entries, &[row(head + 3, "progressing")]).unwrap();
        writeln!(out, "acknowledged {}", journal.head()).unwrap();
    }
}

fn start(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::kill::child_appends_for_ever", "--ignored", "--nocapture"])
        .env(PATH, path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills the child after `lines` acknowledgements and returns the last one it could give.
fn acknowledged_before_death(path: &Path, lines: u64) -> u64 {
    let mut child = start(path);
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let number = |line: String| line.strip_prefix("acknowledged ").and_then(|n| n.parse().ok());
    let mut last = 0;
    for _ in 0..lines {
        last = said.by_ref().find_map(number).expect("the child appends");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    said.filter_map(number).last().unwrap_or(last)
}

#[test]
fn a_killed_process_loses_nothing_it_was_told_is_recorded() {
    let place = place();
    let mut before = 0;
    for round in 1..=ROUNDS {
        let acknowledged = acknowledged_before_death(&place.path, round);
        assert!(acknowledged > before);
        let journal = SqliteJournal::open(&place.path).unwrap();
        let head = journal.head();
        assert!(head == acknowledged || head == acknowledged + 3, "{head} after {acknowledged}");
        assert_eq!(journal.verify().unwrap(), head);
        assert_eq!(journal.rollouts(None, 1).unwrap()[0].id.0, head, "rows and entries part");
        before = head;
    }
}
