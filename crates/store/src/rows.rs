//! Between rows and values.

use rusqlite::{Row, types::Type};
use serde_json::Value;
use staunch_model::{RolloutId, ServiceName, Timestamp};
use staunch_ports::{Entry, RolloutRow};

use crate::chain::{Canonical, parse_actor, parse_service};

/// The columns of [`Stored`], in its order.
pub(crate) const COLUMNS: &str = "sequence, at, actor, service, rollout, kind, body, previous, hash";

/// A row of the journal as it is stored, before anything in it is believed.
pub(crate) struct Stored {
    pub(crate) sequence: u64,
    at: Timestamp,
    actor: String,
    service: String,
    rollout: Option<RolloutId>,
    kind: String,
    body: String,
    pub(crate) previous: String,
    pub(crate) hash: String,
}

impl Stored {
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            sequence: unsigned(row, 0)?,
            at: Timestamp(row.get(1)?),
            actor: row.get(2)?,
            service: row.get(3)?,
            rollout: row.get::<_, Option<i64>>(4)?.map(|id| RolloutId(id.cast_unsigned())),
            kind: row.get(5)?,
            body: row.get(6)?,
            previous: row.get(7)?,
            hash: row.get(8)?,
        })
    }
    pub(crate) fn canonical(&self) -> Canonical<'_> {
        Canonical {
            previous: &self.previous,
            sequence: self.sequence,
            at: self.at,
            actor: &self.actor,
            service: &self.service,
            rollout: self.rollout,
            kind: &self.kind,
            body: &self.body,
        }
    }
    /// The entry, or which part of the row is no such thing.
    pub(crate) fn entry(self) -> Result<Entry, &'static str> {
        Ok(Entry {
            sequence: self.sequence,
            at: self.at,
            actor: parse_actor(&self.actor).ok_or("its actor cannot be read")?,
            service: parse_service(self.service).ok_or("its service cannot be read")?,
            rollout: self.rollout,
            kind: self.kind,
            body: serde_json::from_str::<Value>(&self.body).map_err(|_| "its body is not JSON")?,
            previous: self.previous,
            hash: self.hash,
        })
    }
}

/// The columns of a line of the list, in the order of [`rollout_row`].
pub(crate) const ROLLOUT_COLUMNS: &str = "id, service, from_revision, to_revision, kind, phase, started, ended, outcome, spent_requests, spent_ratio";

pub(crate) fn rollout_row(row: &Row<'_>) -> rusqlite::Result<RolloutRow> {
    Ok(RolloutRow {
        id: RolloutId(unsigned(row, 0)?),
        service: service(row, 1)?,
        from: row.get(2)?,
        to: row.get(3)?,
        kind: row.get(4)?,
        phase: row.get(5)?,
        started: Timestamp(row.get(6)?),
        ended: row.get::<_, Option<i64>>(7)?.map(Timestamp),
        outcome: row.get(8)?,
        spent_requests: row.get::<_, Option<i64>>(9)?.map(i64::cast_unsigned),
        spent_ratio: row.get(10)?,
    })
}

/// Ids and sequences count from 1 in 64 bits; SQLite's integers have a sign.
pub(crate) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// The way back; a sequence beyond 63 bits cannot have been counted up to.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn service(row: &Row<'_>, column: usize) -> rusqlite::Result<ServiceName> {
    let text: String = row.get(column)?;
    ServiceName::try_from(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}
