//! Rollouts: the list, and one of them, now or as soon as something happens to it.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use staunch_model::{RolloutId, Timestamp};
use tokio::time::Instant;

use crate::app::{App, Shared};
use crate::codes::Code;
use crate::follow::Follow;
use crate::intake::{Params, rollout_id, span};
use crate::problem::{Answer, Refusal};
use crate::v1::{Rollout, RolloutDetail, RolloutList, RolloutRow};

const LISTED: usize = 20;
const MOST_LISTED: usize = 1_000;
/// Far more rollouts than one data directory sees: the list is searched by number.
const ALL: usize = 1_000_000;
/// The loop turns at least this often.
const TURN: Duration = Duration::from_secs(1);
/// Longest wait of a long poll.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    service: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn list(
    State(app): State<Shared>,
    Params(query): Params<ListQuery>,
) -> Answer<Json<RolloutList>> {
    let service = query.service.map(|name| app.view(&name)).transpose()?.map(|(name, _)| name);
    let limit = query.limit.unwrap_or(LISTED).min(MOST_LISTED);
    let rows = app.journal(move |handle| handle.rollouts(service.as_ref(), limit)).await?;
    Ok(Json(RolloutList { rollouts: rows.iter().map(RolloutRow::from).collect() }))
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
) -> Answer<Json<RolloutDetail>> {
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
    detail(&app, id).await.map(Json)
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

pub(super) async fn detail(app: &App, id: RolloutId) -> Answer<RolloutDetail> {
    // The cursor is read before the state: an event in between is seen twice rather than never.
    let sequence = app.head().await?;
    let rows = app.journal(|handle| handle.rollouts(None, ALL)).await?;
    let row = rows.iter().find(|row| row.id == id).ok_or_else(|| unknown(id))?;
    let view = app.handle.view(&row.service);
    let live = view.and_then(|view| view.rollout.as_ref().filter(|live| live.id == id.0).map(Rollout::from));
    Ok(RolloutDetail { row: row.into(), live, sequence })
}

pub(super) fn unknown(id: RolloutId) -> Refusal {
    Refusal::new(Code::UnknownRollout, format!("there is no rollout {id}"))
}
