//! Everything that changes, as one stream: a browser has few connections to give to one server.
//!
//! Entries of the journal carry their sequence as id, so that a reader resumes exactly; services are samples, of which
//! the latest wins, and carry none.

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::events::last_event_id;
use super::live::{Live, Wanted};
use crate::app::Shared;
use crate::follow::Follow;
use crate::intake::Params;
use crate::problem::{Answer, Problem};
use crate::stream::{Gone, HEARTBEAT, Writer, respond};
use crate::v1::Entry;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangesQuery {
    /// Begin behind this sequence; without it (and without `Last-Event-ID`) only what is recorded from now on.
    after: Option<u64>,
    /// At most this many points of each service's series, the newest; without it all.
    points: Option<usize>,
}

/// The reader's cursor belongs to another journal: what it knows is not of here.
#[derive(Debug, Serialize)]
struct Reset {
    sequence: u64,
}

pub(super) async fn stream(
    State(app): State<Shared>,
    headers: HeaderMap,
    Params(query): Params<ChangesQuery>,
) -> Answer<Response> {
    let head = app.head().await?;
    let asked = last_event_id(&headers)?.or(query.after).unwrap_or(head);
    let reset = (asked > head).then_some(Reset { sequence: head });
    let follow = Follow::from(&app, asked.min(head));
    let wanted = Wanted { service: None, points: query.points.unwrap_or(usize::MAX), samples: false };
    let live = Live::new(&app, wanted);
    Ok(respond(&app, "text/event-stream", move |writer| send(reset, follow, live, writer)))
}

async fn send(
    reset: Option<Reset>,
    mut follow: Follow,
    mut live: Live,
    mut writer: Writer,
) -> Result<(), Gone> {
    // The first bytes tell the reader that it is connected.
    writer.heartbeat().await?;
    if let Some(reset) = reset {
        writer.event(None, "reset", &reset).await?;
    }
    live.send(&mut writer).await?;
    loop {
        tokio::select! {
            batch = follow.next() => match batch {
                Ok(Some(batch)) => for entry in batch {
                    writer.event(Some(entry.sequence), "entry", &Entry::from(entry.as_ref())).await?;
                },
                Ok(None) => return Ok(()),
                // The reader comes back with its last id once the journal can be read again.
                Err(refusal) => return writer.event(None, "problem", &Problem::from(refusal)).await,
            },
            () = live.changed() => live.send(&mut writer).await?,
            () = tokio::time::sleep(HEARTBEAT) => writer.heartbeat().await?,
        }
    }
}
