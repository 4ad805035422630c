use staunch_model::{RolloutId, Timestamp};
use staunch_ports::{Journal, JournalError, RolloutRow};

use super::{event, filled, place, row, service};
use crate::{FIRST_PREVIOUS, SqliteJournal, entry_hash, verify_entries};

#[test]
fn what_was_appended_is_read_back_to_the_last_digit() {
    let place = place();
    let written = filled(&place, 7);
    assert_eq!(written[0].previous, FIRST_PREVIOUS);
    let journal = SqliteJournal::open(&place.path).unwrap();
    assert_eq!(journal.head(), 7);
    assert_eq!(journal.read(0, 100).unwrap(), written);
    assert_eq!(journal.read(2, 3).unwrap(), written[2..5]);
    let ones: Vec<_> = written.iter().filter(|entry| entry.rollout == Some(RolloutId(1))).cloned().collect();
    assert_eq!(journal.of_rollout(RolloutId(1)).unwrap(), ones);
    assert_eq!(journal.verify().unwrap(), 7);
    assert_eq!(verify_entries(&written), Ok(7));
    assert!(written.iter().all(|entry| entry.hash == entry_hash(entry)));
}

#[test]
fn an_export_with_one_changed_byte_is_found() {
    let mut entries = filled(&place(), 4);
    entries[2].kind.push('x');
    assert_eq!(verify_entries(&entries).unwrap_err().sequence, 3);
    entries.remove(1);
    assert_eq!(verify_entries(&entries).unwrap_err().sequence, 2);
}

#[test]
fn who_expects_another_end_is_refused_and_nothing_is_written() {
    let place = place();
    filled(&place, 2);
    let mut one = SqliteJournal::open(&place.path).unwrap();
    let mut two = SqliteJournal::open(&place.path).unwrap();
    one.append(2, vec![event(3)], &[]).unwrap();
    let refused = two.append(2, vec![event(4)], &[row(9, "lost")]);
    assert!(matches!(refused, Err(JournalError::Conflict { expected: 2, found: 3 })), "{refused:?}");
    assert_eq!(two.verify().unwrap(), 3);
    assert!(two.rollouts(None, 10).unwrap().is_empty());
    two.append(3, vec![event(4)], &[]).unwrap();
    assert_eq!((two.head(), two.verify().unwrap()), (4, 4));
}

#[test]
fn entries_and_rows_are_recorded_together_or_not_at_all() {
    let place = place();
    let mut journal = SqliteJournal::open(&place.path).unwrap();
    journal.append(0, vec![event(1), event(2)], &[row(1, "preparing"), row(2, "preparing")]).unwrap();
    journal
        .connection
        .execute_batch("CREATE TRIGGER no BEFORE UPDATE ON rollouts BEGIN SELECT RAISE(ABORT, 'no'); END;")
        .unwrap();
    assert!(journal.append(2, vec![event(3)], &[row(1, "succeeded")]).is_err());
    assert_eq!((journal.head(), journal.verify().unwrap()), (2, 2));
    journal.connection.execute_batch("DROP TRIGGER no;").unwrap();
    let ended =
        RolloutRow { ended: Some(Timestamp(9)), outcome: Some("promoted".to_owned()), ..row(1, "succeeded") };
    journal.append(2, vec![event(3)], std::slice::from_ref(&ended)).unwrap();
    assert_eq!(journal.rollouts(None, 10).unwrap(), [row(2, "preparing"), ended.clone()]);
    assert_eq!(journal.rollouts(Some(&service("web")), 10).unwrap(), [ended]);
    assert_eq!(journal.rollouts(None, 1).unwrap().len(), 1);
}

#[test]
fn a_rollout_number_is_never_given_twice() {
    let place = place();
    let mut journal = SqliteJournal::open(&place.path).unwrap();
    assert_eq!(journal.next_rollout().unwrap(), RolloutId(1));
    drop(journal);
    let mut journal = SqliteJournal::open(&place.path).unwrap();
    assert_eq!(journal.next_rollout().unwrap(), RolloutId(2));
    journal.append(0, vec![], &[row(10, "preparing")]).unwrap();
    assert_eq!(journal.next_rollout().unwrap(), RolloutId(11));
}

#[test]
fn checkpoints_keep_the_last_value() {
    let place = place();
    let mut journal = SqliteJournal::open(&place.path).unwrap();
    assert_eq!(journal.checkpoint("evidence/1").unwrap(), None);
    journal.save_checkpoint("evidence/1", b"one").unwrap();
    journal.save_checkpoint("evidence/1", &[0, 255]).unwrap();
    drop(journal);
    let journal = SqliteJournal::open_read_only(&place.path).unwrap();
    assert_eq!(journal.checkpoint("evidence/1").unwrap(), Some(vec![0, 255]));
}

#[test]
fn history_cannot_be_changed_through_sql() {
    let place = place();
    filled(&place, 3);
    let journal = SqliteJournal::open(&place.path).unwrap();
    for sql in [
        "UPDATE journal SET kind = 'x' WHERE sequence = 2",
        "DELETE FROM journal WHERE sequence = 3",
        "INSERT OR REPLACE INTO journal SELECT * FROM journal WHERE sequence = 3",
        "INSERT INTO journal SELECT 0, at, actor, service, rollout, kind, body, previous, hash FROM journal LIMIT 1",
    ] {
        let refused = journal.connection.execute_batch(sql).unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{sql}: {refused}");
    }
    assert_eq!(journal.verify().unwrap(), 3);
}
