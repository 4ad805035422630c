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
use crate::routes::live::{Live, Wanted};
use crate::stream::{Gone, Writer, respond};
use crate::v1;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamQuery {
    /// Begin behind this sequence; 0 is the whole history. Without it (and without `Last-Event-ID`) only what is
    /// recorded from now on.
    after: Option<u64>,
    service: Option<String>,
    /// Services as they change and samples once a second too, without ids: nothing of them is ever resumed.
    #[serde(default)]
    live: bool,
}

/// A reader that comes back from further behind begins anew: it would take minutes to catch up.
const RETAINED: u64 = 100_000;

/// Where a stream begins.
struct Start {
    after: u64,
    /// Why what the reader has seen is of no use.
    reset: Option<String>,
}

pub(super) async fn stream(
    State(app): State<Shared>,
    headers: HeaderMap,
    Params(query): Params<StreamQuery>,
) -> Answer<Response> {
    let service = query.service.map(|name| app.view(&name)).transpose()?.map(|(name, _)| name);
    let start = match last_event_id(&headers)? {
        Some(seen) => resume(app.head().await?, seen),
        None => Start { after: start(&app, query.after).await?, reset: None },
    };
    let follow = Follow::from(&app, start.after);
    let wanted = Wanted { service: service.clone(), points: usize::MAX, samples: true };
    let live = query.live.then(|| Live::new(&app, wanted));
    Ok(respond(&app, "text/event-stream", move |writer| send(follow, start, service, live, writer)))
}

/// What a reader that comes back has seen. It goes before `after`, which is the address it began with.
pub(super) fn last_event_id(headers: &HeaderMap) -> Answer<Option<u64>> {
    let Some(given) = headers.get("last-event-id").filter(|given| !given.is_empty()) else { return Ok(None) };
    let number = given.to_str().ok().and_then(|text| text.trim().parse().ok());
    let wrong = || Refusal::new(Code::BadRequest, "`Last-Event-ID` is the sequence of a journal entry");
    number.ok_or_else(wrong).map(Some)
}

/// A browser comes back by itself and cannot be told anything but by an event.
fn resume(head: u64, seen: u64) -> Start {
    let reset = if seen > head {
        Some(format!("the journal ends at {head}, and {seen} belongs to another one"))
    } else if head - seen > RETAINED {
        Some(format!("{seen} is more than {RETAINED} entries behind"))
    } else {
        None
    };
    let after = if reset.is_some() { head } else { seen };
    Start { after, reset }
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

async fn send(
    mut follow: Follow,
    start: Start,
    service: Option<ServiceName>,
    mut live: Option<Live>,
    mut writer: Writer,
) -> Result<(), Gone> {
    let ours =
        |entry: &&Arc<staunch_ports::Entry>| service.as_ref().is_none_or(|name| &entry.service == name);
    // The first bytes tell the reader that it is connected.
    writer.heartbeat().await?;
    if let Some(because) = start.reset {
        let reset = v1::Reset { sequence: start.after, because };
        writer.event(Some(start.after), "reset", &reset).await?;
    }
    loop {
        let quiet = writer.quiet_until();
        tokio::select! {
            batch = follow.next() => match batch {
                Ok(Some(batch)) => {
                    for entry in batch.iter().filter(ours) {
                        let shown = v1::Entry::from(entry.as_ref());
                        writer.event(Some(entry.sequence), &entry.kind, &shown).await?;
                    }
                }
                Ok(None) => return Ok(()),
                // The reader comes back with its last id once the journal can be read again.
                Err(refusal) => return writer.event(None, "problem", &Problem::from(refusal)).await,
            },
            () = changed(&mut live) => {
                if let Some(live) = &mut live {
                    live.send(&mut writer).await?;
                }
            }
            () = tokio::time::sleep_until(quiet) => writer.heartbeat().await?,
        }
    }
}

/// Never, for who asked for the journal alone.
async fn changed(live: &mut Option<Live>) {
    match live {
        Some(live) => live.changed().await,
        None => std::future::pending().await,
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
