//! Damage of every kind is named at its entry, survives being looked at, and is never mended.

use std::fs;

use rusqlite::Connection;
use staunch_ports::{ChainFault, Journal, JournalError};

use super::{Place, event, filled, place};
use crate::SqliteJournal;

const UNGUARD: &str = "DROP TRIGGER journal_never_changes; DROP TRIGGER journal_never_shrinks;
                       DROP TRIGGER journal_only_grows;";

/// Someone with other tools and the rights of the owner.
fn tamper(place: &Place, sql: &str) {
    Connection::open(&place.path).unwrap().execute_batch(&format!("{UNGUARD}{sql}")).unwrap();
}

fn fault(place: &Place) -> ChainFault {
    let journal = SqliteJournal::open(&place.path).unwrap();
    match journal.verify() {
        Err(JournalError::Damaged(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_damage_is_named_at_the_first_entry_it_touches() {
    let swap = "UPDATE journal SET sequence = 99 WHERE sequence = 3; UPDATE journal SET sequence = 3 WHERE sequence = 4;
                UPDATE journal SET sequence = 4 WHERE sequence = 99;";
    let cases = [
        ("DELETE FROM journal WHERE sequence = 4;", 4, "missing"),
        ("DELETE FROM journal WHERE sequence <= 2;", 1, "missing"),
        ("DELETE FROM journal WHERE sequence >= 5;", 5, "cut off"),
        ("UPDATE journal SET body = replace(body, '3', '4') WHERE sequence = 3;", 3, "content was changed"),
        ("UPDATE journal SET at = at + 1 WHERE sequence = 6;", 6, "content was changed"),
        ("UPDATE journal SET actor = 'staunch' WHERE sequence = 1;", 1, "content was changed"),
        ("UPDATE journal SET rollout = NULL WHERE sequence = 2;", 2, "content was changed"),
        ("UPDATE journal SET hash = replace(hash, 'a', 'b') WHERE sequence = 2;", 2, "content was changed"),
        ("UPDATE journal SET previous = hash WHERE sequence = 2;", 2, "wrong order"),
        (swap, 3, "wrong order"),
        ("DELETE FROM chain_end;", 6, "end was removed"),
        ("UPDATE chain_end SET hash = 'x';", 6, "replaced"),
        ("UPDATE chain_end SET sequence = 4;", 5, "added without"),
        ("DELETE FROM journal; DELETE FROM chain_end;", 0, ""),
    ];
    for (sql, sequence, what) in cases {
        let place = place();
        filled(&place, 6);
        tamper(&place, sql);
        if sequence == 0 {
            // The whole history gone is an empty journal: only a copy kept elsewhere can tell.
            assert_eq!(SqliteJournal::open(&place.path).unwrap().verify().unwrap(), 0);
            continue;
        }
        let found = fault(&place);
        assert_eq!(found.sequence, sequence, "{sql}: {}", found.what);
        assert!(found.what.contains(what), "{sql}: {}", found.what);
        assert_eq!(fault(&place), found, "looking changes nothing");
    }
}

/// The last entry written anew with a hash that fits its content.
#[test]
fn an_end_that_was_written_anew_is_found() {
    let place = place();
    let mut last = filled(&place, 3).remove(2);
    last.kind = "all-was-well".to_owned();
    let hash = crate::entry_hash(&last);
    tamper(&place, &format!("UPDATE journal SET kind = 'all-was-well', hash = '{hash}' WHERE sequence = 3;"));
    assert_eq!((fault(&place).sequence, fault(&place).what), (3, crate::verify::OTHER_END.to_owned()));
}

#[test]
fn nothing_is_appended_behind_a_damaged_end() {
    for (sql, sequence) in [
        ("DELETE FROM journal WHERE sequence >= 5;", 5),
        ("DELETE FROM chain_end;", 6),
        ("UPDATE chain_end SET hash = 'x';", 6),
    ] {
        let place = place();
        filled(&place, 6);
        tamper(&place, sql);
        let mut journal = SqliteJournal::open(&place.path).unwrap();
        match journal.append(journal.head(), vec![event(7)], &[]) {
            Err(JournalError::Damaged(found)) => assert_eq!(found.sequence, sequence, "{sql}"),
            other => panic!("{sql}: {other:?}"),
        }
    }
}

/// A history replaced under a running process: the same length, another end.
#[test]
fn a_running_journal_notices_that_its_past_was_exchanged() {
    let (mine, other) = (place(), place());
    filled(&mine, 3);
    let mut journal = SqliteJournal::open(&mine.path).unwrap();
    let mut foreign = SqliteJournal::open(&other.path).unwrap();
    foreign.append(0, vec![event(9), event(8), event(7)], &[]).unwrap();
    drop(foreign);
    tamper(
        &mine,
        &format!(
            "DELETE FROM journal; DELETE FROM chain_end; ATTACH '{}' AS other;
             INSERT INTO journal SELECT * FROM other.journal; INSERT INTO chain_end SELECT * FROM other.chain_end;",
            other.path.display()
        ),
    );
    assert_eq!(journal.verify().unwrap(), 3, "the foreign chain is whole in itself");
    let refused = journal.append(3, vec![event(4)], &[]);
    assert!(matches!(refused, Err(JournalError::Damaged(ChainFault { sequence: 3, .. }))), "{refused:?}");
}

/// Bytes flipped on the disk, one page after the other: never a panic, never "whole", unless the page carries
/// nothing of worth.
#[test]
fn flipped_bytes_in_any_page_are_found_or_harmless() {
    let place = place();
    let written = filled(&place, 200);
    let sound = fs::read(&place.path).unwrap();
    let page = 4_096;
    assert!(sound.len() / page > 10);
    let mut found = 0;
    for start in (0..sound.len()).step_by(page) {
        let mut bytes = sound.clone();
        for byte in &mut bytes[start + 100..(start + page).min(sound.len())] {
            *byte ^= 0x55;
        }
        fs::write(&place.path, &bytes).unwrap();
        let outcome = SqliteJournal::open(&place.path).and_then(|journal| {
            let count = journal.verify()?;
            assert_eq!(
                (count, journal.read(0, 1_000)?),
                (200, written.clone()),
                "called whole at page {start}"
            );
            Ok(count)
        });
        found += u32::from(outcome.is_err());
        assert_eq!(fs::read(&place.path).unwrap(), bytes, "verify wrote to page {start}");
    }
    assert!(found > 10, "{found}");
}

/// Whole entries behind an index that leads elsewhere: `of_rollout` would leave some out.
#[test]
fn damage_beside_the_entries_is_found_too() {
    let place = place();
    filled(&place, 50);
    let reader = Connection::open(&place.path).unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'journal_of_rollout'";
    let page = reader.query_row(root, [], |row| row.get::<_, u32>(0)).unwrap() as usize;
    drop(reader);
    let mut bytes = fs::read(&place.path).unwrap();
    bytes[page * 4_096 - 40..page * 4_096].fill(0);
    fs::write(&place.path, &bytes).unwrap();
    let found = fault(&place);
    assert!(found.sequence == 0 && found.what.contains("all entries are whole"), "{found:?}");
}

#[test]
fn the_first_entry_on_a_damaged_page_is_named() {
    let place = place();
    let written = filled(&place, 200);
    let mut bytes = fs::read(&place.path).unwrap();
    let victim = written[99].hash.as_bytes();
    // Entry 101 carries this hash too, as `previous`; SQLite fills a page from its end.
    let at = bytes.windows(victim.len()).rposition(|window| window == victim).unwrap();
    bytes[at] ^= 0x01;
    fs::write(&place.path, &bytes).unwrap();
    assert_eq!(fault(&place).sequence, 100);
}
