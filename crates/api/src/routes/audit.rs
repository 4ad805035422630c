//! The journal for auditors: whether it is intact, and all of it.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use staunch_control::Handle;
use staunch_model::ServiceName;
use staunch_ports::{Entry, JournalError};
use staunch_rollout::{Event, Service};

use crate::app::{PAGE, Shared};
use crate::cursor::List;
use crate::intake::Params;
use crate::problem::Answer;
use crate::stream::{Gone, Writer, respond};
use crate::v1::{self, AuditPage, ExportLine, Fault, Verified};

/// A damaged journal is an answer, not a failure to answer.
pub(super) async fn verify(State(app): State<Shared>) -> Answer<Json<Verified>> {
    let verified = match app.blocking(|handle| handle.verify()).await? {
        Ok(entries) => Verified { intact: true, entries, fault: None },
        Err(JournalError::Damaged(fault)) => Verified {
            intact: false,
            entries: fault.sequence.saturating_sub(1),
            fault: Some(Fault { sequence: fault.sequence, what: fault.what }),
        },
        Err(other) => return Err(other.into()),
    };
    Ok(Json(verified))
}

/// Entries that one request looks at: a filter that fits nothing must not read a whole long journal at once.
const LOOKED_AT: u64 = 5_000;
const LISTED: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    service: Option<String>,
    rollout: Option<u64>,
    actor: Option<String>,
    kind: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

impl ListQuery {
    fn fits(&self, entry: &Entry) -> bool {
        self.service.as_ref().is_none_or(|service| entry.service.as_str() == service)
            && self.rollout.is_none_or(|rollout| entry.rollout.is_some_and(|id| id.0 == rollout))
            && self.actor.as_ref().is_none_or(|actor| entry.actor.to_string() == *actor)
            && self.kind.as_ref().is_none_or(|kind| entry.kind == *kind)
    }
}

/// Newest first, filtered.
pub(super) async fn list(
    State(app): State<Shared>,
    Params(query): Params<ListQuery>,
) -> Answer<Json<AuditPage>> {
    let asked = serde_json::json!(["audit", query.service, query.rollout, query.actor, query.kind]);
    let list = List::of(&app, &asked.to_string()).await?;
    let limit = query.limit.unwrap_or(LISTED).clamp(1, PAGE);
    let before = match &query.cursor {
        Some(cursor) => list.position(cursor)?,
        None => app.head().await?.saturating_add(1),
    };
    let (entries, end) = app.journal(move |handle| newest(handle, &query, before, limit)).await?;
    let next_cursor = (end > 1).then(|| list.cursor(end));
    Ok(Json(AuditPage { entries: entries.iter().map(v1::Entry::from).collect(), next_cursor }))
}

/// At most `limit` entries that fit, and the sequence before which the next page begins. Sequences have no gaps.
fn newest(
    handle: &Handle,
    query: &ListQuery,
    before: u64,
    limit: usize,
) -> Result<(Vec<Entry>, u64), JournalError> {
    let (mut found, mut end) = (vec![], before);
    let floor = before.saturating_sub(LOOKED_AT);
    while end > floor.max(1) {
        let count = (end - 1).min(PAGE as u64);
        let page = handle.entries_after(end - 1 - count, count as usize)?;
        for entry in page.into_iter().rev() {
            let sequence = entry.sequence;
            if query.fits(&entry) {
                found.push(entry);
            }
            if found.len() == limit {
                return Ok((found, sequence));
            }
        }
        end -= count;
    }
    Ok((found, end))
}

/// Every entry as one line of JSON, in order, up to where the journal ended when it was asked for.
pub(super) async fn export(State(app): State<Shared>) -> Answer<Response> {
    let end = app.head().await?;
    let reading = app.clone();
    Ok(respond(&app, "application/x-ndjson", move |writer| send(reading, end, writer)))
}

async fn send(app: Shared, end: u64, mut writer: Writer) -> Result<(), Gone> {
    writer.must_finish();
    let mut fold = Fold::default();
    let mut after = 0;
    while after < end {
        let page = app.journal(move |handle| handle.entries_after(after, PAGE)).await.map_err(|_| Gone)?;
        let last = page.last().ok_or(Gone)?;
        after = last.sequence;
        for entry in page.iter().filter(|entry| entry.sequence <= end) {
            let line = ExportLine { audit_alias: fold.alias_after(entry), entry: entry.into() };
            writer.send(serde_json::to_string(&line).unwrap_or_default() + "\n").await?;
        }
    }
    writer.finish();
    Ok(())
}

/// The services as the entries so far tell them.
#[derive(Default)]
struct Fold(BTreeMap<ServiceName, Service>);

impl Fold {
    /// `None` for an entry that does not fold: the export shows what is there, `verify` judges it.
    fn alias_after(&mut self, entry: &Entry) -> Option<String> {
        let event: Event = serde_json::from_value(entry.body.clone()).ok()?;
        let service =
            self.0.entry(entry.service.clone()).or_insert_with(|| Service::new(entry.service.clone()));
        service.apply(entry.at, &event).ok()?;
        Some(service.rollout.as_ref()?.phase.audit_alias().to_owned())
    }
}
