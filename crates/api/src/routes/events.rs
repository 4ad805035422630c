//! The journal as a stream, resumed exactly, and in pages.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use serde::Deserialize;
use staunch_model::ServiceName;

use crate::app::{App, PAGE, Shared};
use crate::codes::Code;
use crate::follow::Follow;
use crate::intake::Params;
use crate::problem::{Answer, Problem, Refusal};
use crate::stream::{Gone, HEARTBEAT, Writer, respond};
use crate::v1;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamQuery {
    /// Begin behind this sequence; 0 is the whole history. Without it (and without `Last-Event-ID`) only what is
    /// recorded from now on.
    after: Option<u64>,
    service: Option<String>,
}

pub(super) async fn stream(
    State(app): State<Shared>,
    headers: HeaderMap,
    Params(query): Params<StreamQuery>,
) -> Answer<Response> {
    let service = query.service.map(|name| app.view(&name)).transpose()?.map(|(name, _)| name);
    let after = start(&app, last_event_id(&headers)?.or(query.after)).await?;
    let follow = Follow::from(&app, after);
    Ok(respond(&app, "text/event-stream", move |writer| send(follow, service, writer)))
}

/// What a reader that comes back has seen. It goes before `after`, which is the address it began with.
pub(super) fn last_event_id(headers: &HeaderMap) -> Answer<Option<u64>> {
    let Some(given) = headers.get("last-event-id").filter(|given| !given.is_empty()) else { return Ok(None) };
    let number = given.to_str().ok().and_then(|text| text.trim().parse().ok());
    let wrong = || Refusal::new(Code::BadRequest, "`Last-Event-ID` is the sequence of a journal entry");
    number.ok_or_else(wrong).map(Some)
}

async fn start(app: &App, after: Option<u64>) -> Answer<u64> {
    let head = app.head().await?;
    match after {
        Some(after) if after > head => {
            let detail = format!("the journal ends at {head}: {after} belongs to another data directory");
            Err(Refusal::new(Code::BadRequest, detail))
        }
        Some(after) => Ok(after),
        None => Ok(head),
    }
}

async fn send(mut follow: Follow, service: Option<ServiceName>, mut writer: Writer) -> Result<(), Gone> {
    let ours =
        |entry: &&Arc<staunch_ports::Entry>| service.as_ref().is_none_or(|name| &entry.service == name);
    // The first bytes tell the reader that it is connected.
    writer.heartbeat().await?;
    loop {
        match tokio::time::timeout(HEARTBEAT, follow.next()).await {
            Err(_) => writer.heartbeat().await?,
            Ok(Ok(Some(batch))) => {
                for entry in batch.iter().filter(ours) {
                    writer.event(Some(entry.sequence), &entry.kind, &v1::Entry::from(entry.as_ref())).await?;
                }
            }
            Ok(Ok(None)) => return Ok(()),
            // The reader comes back with its last id once the journal can be read again.
            Ok(Err(refusal)) => return writer.event(None, "problem", &Problem::from(refusal)).await,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageQuery {
    #[serde(default)]
    after: u64,
    limit: Option<usize>,
    service: Option<String>,
}

pub(super) async fn page(
    State(app): State<Shared>,
    Params(query): Params<PageQuery>,
) -> Answer<Json<v1::Entries>> {
    let service = query.service.map(|name| app.view(&name)).transpose()?.map(|(name, _)| name);
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let after = query.after;
    let read = app.journal(move |handle| handle.entries_after(after, limit)).await?;
    let next_after = read.last().map_or(after, |end| end.sequence);
    let ours = |entry: &&staunch_ports::Entry| service.as_ref().is_none_or(|name| &entry.service == name);
    let entries = read.iter().filter(ours).map(v1::Entry::from).collect();
    Ok(Json(v1::Entries { entries, next_after }))
}
