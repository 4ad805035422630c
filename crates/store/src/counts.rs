//! The counts of error budgets: a table of its own, bounded by the buckets that whoever counts keeps.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use staunch_model::{ServiceName, Timestamp};
use staunch_ports::{CountChanges, CountRow, KeptCounts};

use crate::rows::{signed, unsigned};

pub(crate) fn write(transaction: &Transaction<'_>, changes: &[CountChanges]) -> rusqlite::Result<()> {
    for change in changes {
        let service = change.service.as_str();
        transaction
            .prepare_cached(
                "INSERT INTO counted VALUES (?1, ?2)
                 ON CONFLICT (service) DO UPDATE SET since = excluded.since",
            )?
            .execute(params![service, change.since.0])?;
        let mut remove =
            transaction.prepare_cached("DELETE FROM counts WHERE service = ?1 AND start = ?2")?;
        for start in &change.gone {
            remove.execute(params![service, start.0])?;
        }
        let mut put =
            transaction.prepare_cached("INSERT OR REPLACE INTO counts VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        for row in &change.rows {
            let [total, failed, timed, slow] = [row.total, row.failed, row.timed, row.slow].map(signed);
            put.execute(params![service, row.start.0, total, failed, timed, slow])?;
        }
    }
    Ok(())
}

pub(crate) fn read(connection: &Connection, service: &ServiceName) -> rusqlite::Result<KeptCounts> {
    let since = connection
        .prepare_cached("SELECT since FROM counted WHERE service = ?1")?
        .query_row([service.as_str()], |row| row.get(0).map(Timestamp))
        .optional()?;
    let rows = connection
        .prepare_cached(
            "SELECT start, total, failed, timed, slow FROM counts WHERE service = ?1 ORDER BY start",
        )?
        .query_map([service.as_str()], count_row)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(KeptCounts { since, rows })
}

fn count_row(row: &Row<'_>) -> rusqlite::Result<CountRow> {
    Ok(CountRow {
        start: Timestamp(row.get(0)?),
        total: unsigned(row, 1)?,
        failed: unsigned(row, 2)?,
        timed: unsigned(row, 3)?,
        slow: unsigned(row, 4)?,
    })
}
