use staunch_model::Timestamp;
use staunch_ports::{CountChanges, CountRow, Journal, KeptCounts};

use super::{place, row, service};
use crate::SqliteJournal;

fn count(start: i64, total: u64) -> CountRow {
    CountRow { start: Timestamp(start), total, failed: total / 2, timed: 3, slow: 1 }
}

fn changes(name: &str, gone: &[i64], rows: &[CountRow]) -> CountChanges {
    CountChanges {
        service: service(name),
        since: Timestamp(7),
        gone: gone.iter().map(|start| Timestamp(*start)).collect(),
        rows: rows.to_vec(),
    }
}

#[test]
fn counts_are_replaced_removed_and_read_back_by_service() {
    let place = place();
    let mut journal = SqliteJournal::open(&place.path).unwrap();
    assert_eq!(journal.counts(&service("shop")).unwrap(), KeptCounts::default());
    let first = [count(10, 1), count(20, 2)];
    journal.save_counts(&[changes("shop", &[], &first), changes("web", &[], &[count(10, 9)])]).unwrap();
    let again = changes("shop", &[10], &[count(20, 1_000_000_000_000), count(30, 3)]);
    journal.save_counts(std::slice::from_ref(&again)).unwrap();
    journal.save_counts(&[again]).unwrap();
    drop(journal);
    let kept = SqliteJournal::open(&place.path).unwrap().counts(&service("shop")).unwrap();
    let rows = vec![count(20, 1_000_000_000_000), count(30, 3)];
    assert_eq!(kept, KeptCounts { since: Some(Timestamp(7)), rows });
}

#[test]
fn changes_are_written_together_or_not_at_all() {
    let place = place();
    let mut journal = SqliteJournal::open(&place.path).unwrap();
    journal.save_counts(&[changes("shop", &[], &[count(10, 1)])]).unwrap();
    let no =
        "CREATE TRIGGER no BEFORE INSERT ON counts WHEN NEW.start = 99 BEGIN SELECT RAISE(ABORT, 'no'); END;";
    journal.connection.execute_batch(no).unwrap();
    assert!(journal.save_counts(&[changes("shop", &[10], &[count(20, 1), count(99, 1)])]).is_err());
    assert_eq!(journal.counts(&service("shop")).unwrap().rows, [count(10, 1)]);
}

#[test]
fn the_cost_of_a_rollout_is_kept_in_the_list() {
    let place = place();
    let mut journal = SqliteJournal::open(&place.path).unwrap();
    let mut spent = row(1, "succeeded");
    (spent.spent_requests, spent.spent_ratio) = (Some(6), Some(0.25));
    journal.append(0, vec![super::event(1)], &[row(1, "preparing")]).unwrap();
    journal.append(1, vec![super::event(2)], std::slice::from_ref(&spent)).unwrap();
    assert_eq!(journal.rollouts(None, 1).unwrap(), [spent]);
}

/// Readers of the audit never change it, and a journal of the version before gets its new tables.
#[test]
fn an_older_journal_is_brought_up_to_date_and_keeps_its_entries() {
    let place = place();
    let mut journal = SqliteJournal::open(&place.path).unwrap();
    journal.append(0, vec![super::event(1)], &[row(1, "preparing")]).unwrap();
    journal
        .connection
        .execute_batch(
            "DROP TABLE counts; DROP TABLE counted; ALTER TABLE rollouts DROP COLUMN spent_requests;
             ALTER TABLE rollouts DROP COLUMN spent_ratio; PRAGMA user_version = 1;",
        )
        .unwrap();
    drop(journal);
    assert!(SqliteJournal::open_read_only(&place.path).is_err());
    let mut journal = SqliteJournal::open(&place.path).unwrap();
    journal.save_counts(&[changes("shop", &[], &[count(10, 1)])]).unwrap();
    assert_eq!((journal.head(), journal.rollouts(None, 9).unwrap()), (1, vec![row(1, "preparing")]));
}
