//! Rollouts: the list, and one of them, now or as soon as something happens to it.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use staunch_model::{RolloutId, ServiceName, Timestamp};
use tokio::time::Instant;

use crate::app::{App, Shared};
use crate::codes::Code;
use crate::cursor::List;
use crate::etag;
use crate::follow::Follow;
use crate::intake::{Params, rollout_id, span};
use crate::problem::{Answer, Refusal};
use crate::v1::{Rollout, RolloutDetail, RolloutList, RolloutRow};

const LISTED: usize = 20;
const MOST_LISTED: usize = 1_000;
/// The loop turns at least this often.
const TURN: Duration = Duration::from_secs(1);
/// Longest wait of a long poll.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    service: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

pub(super) async fn list(
    State(app): State<Shared>,
    Params(query): Params<ListQuery>,
) -> Answer<Json<RolloutList>> {
    let service = query.service.map(|name| app.view(&name)).transpose()?.map(|(name, _)| name);
    let limit = query.limit.unwrap_or(LISTED).min(MOST_LISTED);
    listed(&app, service, limit, query.cursor).await.map(Json)
}

/// A page of rollouts, newest first.
pub(super) async fn listed(
    app: &Shared,
    service: Option<ServiceName>,
    limit: usize,
    cursor: Option<String>,
) -> Answer<RolloutList> {
    let asked = format!("rollouts {}", service.as_ref().map(ServiceName::as_str).unwrap_or_default());
    let list = List::of(app, &asked).await?;
    let before = cursor.map(|cursor| list.position(&cursor)).transpose()?.unwrap_or(u64::MAX);
    let before = RolloutId(before);
    // One more tells whether there is a next page.
    let mut rows =
        app.journal(move |handle| handle.rollouts_before(before, service.as_ref(), limit + 1)).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|last| list.cursor(last.id.0));
    Ok(RolloutList { rollouts: rows.iter().map(RolloutRow::from).collect(), next_cursor })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OneQuery {
    /// Wait this long for an event of the rollout …
    wait: Option<String>,
    /// … with a sequence above this; without it, above the journal's present end.
    after: Option<u64>,
}

pub(super) async fn one(
    State(app): State<Shared>,
    Path(id): Path<String>,
    Params(query): Params<OneQuery>,
) -> Answer<Response> {
    let id = rollout_id(&id)?;
    let wait = query.wait.as_deref().map(span).transpose()?.unwrap_or_default();
    if !wait.is_zero() {
        // Before any waiting: a rollout that does not exist will not come.
        detail(&app, id).await?;
        let after = match query.after {
            Some(after) => after,
            None => app.head().await?,
        };
        if let Some(at) = something_happens(&app, id, after, wait.min(LONGEST_WAIT)).await? {
            shown(&app, at).await;
        }
    }
    let (tag, detail) = detail(&app, id).await?;
    Ok(etag::with(&tag, Json(detail)))
}

/// When the last of the new events was recorded; `None` when there was none in time.
async fn something_happens(
    app: &Shared,
    id: RolloutId,
    after: u64,
    wait: Duration,
) -> Answer<Option<Timestamp>> {
    let mut follow = Follow::from(app, after);
    let mut stop = app.stop.clone();
    let until = Instant::now() + wait;
    loop {
        let batch = tokio::select! {
            batch = follow.next() => batch?,
            () = tokio::time::sleep_until(until) => None,
            _ = stop.wait_for(|stop| *stop) => None,
        };
        let Some(batch) = batch else { return Ok(None) };
        if let Some(last) = batch.iter().rev().find(|entry| entry.rollout == Some(id)) {
            return Ok(Some(last.at));
        }
    }
}

/// An event is recorded before its turn ends and is shown: who was woken by it shall see what it changed.
async fn shown(app: &App, at: Timestamp) {
    let mut views = app.handle.watch();
    let turned = views.wait_for(|views| views.values().any(|view| view.at > at));
    // Without a turn the row still tells the phase.
    drop(tokio::time::timeout(TURN, turned).await);
}

/// With its tag.
pub(super) async fn detail(app: &App, id: RolloutId) -> Answer<(String, RolloutDetail)> {
    // The cursor is read before the state: an event in between is seen twice rather than never.
    let sequence = app.head().await?;
    let (row, live) = app.rollout(id).await?;
    let tag = etag::of_rollout(&row, live.as_ref());
    Ok((tag, RolloutDetail { row: (&row).into(), live: live.as_ref().map(Rollout::from), sequence }))
}

pub(crate) fn unknown(id: RolloutId) -> Refusal {
    Refusal::new(Code::UnknownRollout, format!("there is no rollout {id}"))
}
