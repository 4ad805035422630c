//! Everything that changes, as one stream: a browser has few connections to give to one server.
//!
//! Entries of the journal carry their sequence as id, so that a reader resumes exactly; services are samples, of which
//! the latest wins, and carry none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use staunch_control::{ServiceView, Views};
use staunch_model::ServiceName;
use tokio::sync::watch::Receiver;
use tokio::time::Instant;

use super::events::last_event_id;
use super::watch::is_news;
use crate::app::Shared;
use crate::follow::Follow;
use crate::intake::Params;
use crate::problem::{Answer, Problem};
use crate::stream::{Gone, HEARTBEAT, Writer, respond};
use crate::v1::{Entry, Service};

/// Between two looks at the services.
const SHORTEST: Duration = Duration::from_millis(100);

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
    let changes = Changes {
        follow: Follow::from(&app, asked.min(head)),
        views: app.handle.watch(),
        shown: BTreeMap::new(),
        points: query.points.unwrap_or(usize::MAX),
    };
    Ok(respond(&app, "text/event-stream", move |writer| changes.send(reset, writer)))
}

struct Changes {
    follow: Follow,
    views: Receiver<Views>,
    shown: BTreeMap<ServiceName, Arc<ServiceView>>,
    points: usize,
}

impl Changes {
    async fn send(mut self, reset: Option<Reset>, mut writer: Writer) -> Result<(), Gone> {
        // The first bytes tell the reader that it is connected.
        writer.heartbeat().await?;
        if let Some(reset) = reset {
            writer.event(None, "reset", &reset).await?;
        }
        self.services(&mut writer).await?;
        let mut looked = Instant::now();
        loop {
            let next_look = looked + SHORTEST;
            let news = async {
                tokio::time::sleep_until(next_look).await;
                self.views.changed().await
            };
            tokio::select! {
                batch = self.follow.next() => match batch {
                    Ok(Some(batch)) => for entry in batch {
                        writer.event(Some(entry.sequence), "entry", &Entry::from(entry.as_ref())).await?;
                    },
                    Ok(None) => return Ok(()),
                    // The reader comes back with its last id once the journal can be read again.
                    Err(refusal) => return writer.event(None, "problem", &Problem::from(refusal)).await,
                },
                changed = news => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    looked = Instant::now();
                    self.services(&mut writer).await?;
                }
                () = tokio::time::sleep(HEARTBEAT) => writer.heartbeat().await?,
            }
        }
    }

    async fn services(&mut self, writer: &mut Writer) -> Result<(), Gone> {
        let present = self.views.borrow_and_update().clone();
        for (name, view) in present.iter() {
            if is_news(self.shown.get(name), view) {
                let mut service = Service::from(view.as_ref());
                service.series.drain(..service.series.len().saturating_sub(self.points));
                writer.event(None, "service", &service).await?;
                self.shown.insert(name.clone(), view.clone());
            }
        }
        Ok(())
    }
}
