//! What must stay true of the journal, whatever happens to the process, the disk and the file.

mod append;
mod counts;
mod damage;
mod disk;
mod keyring;
mod kill;
mod opening;

use std::path::PathBuf;

use serde_json::json;
use staunch_model::{Actor, RolloutId, ServiceName, Timestamp};
use staunch_ports::{Entry, Journal, NewEntry, RolloutRow};
use tempfile::TempDir;

use crate::SqliteJournal;

pub(crate) struct Place {
    _dir: TempDir,
    pub(crate) path: PathBuf,
}

pub(crate) fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    Place { _dir: dir, path }
}

pub(crate) fn service(name: &str) -> ServiceName {
    ServiceName::try_from(name.to_owned()).unwrap()
}

pub(crate) fn event(number: u64) -> NewEntry {
    NewEntry {
        at: Timestamp(1_700_000_000_000 + number.cast_signed()),
        actor: if number.is_multiple_of(2) { Actor::Staunch } else { Actor::Person("ada".to_owned()) },
        service: service("shop"),
        rollout: Some(RolloutId(number % 3)),
        kind: "step-entered".to_owned(),
        body: json!({ "weight": number, "ratio": 0.1 + number as f64, "text": "ü \"quoted\"", "a": [null, true] }),
    }
}

pub(crate) fn row(id: u64, phase: &str) -> RolloutRow {
    RolloutRow {
        id: RolloutId(id),
        service: service(if id.is_multiple_of(2) { "shop" } else { "web" }),
        from: (id > 1).then(|| "v1".to_owned()),
        to: "v2".to_owned(),
        kind: "canary".to_owned(),
        phase: phase.to_owned(),
        started: Timestamp(5),
        ended: None,
        outcome: None,
        spent_requests: None,
        spent_ratio: None,
    }
}

/// A closed journal with entries 1 to `count`.
pub(crate) fn filled(place: &Place, count: u64) -> Vec<Entry> {
    let mut journal = SqliteJournal::open(&place.path).unwrap();
    let mut written = Vec::new();
    for number in 1..=count {
        written.extend(journal.append(number - 1, vec![event(number)], &[]).unwrap());
    }
    written
}
