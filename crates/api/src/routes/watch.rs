//! Services as they change: the latest value wins, at most ten a second.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use staunch_control::Views;
use staunch_model::ServiceName;
use tokio::sync::watch::Receiver;

use crate::app::Shared;
use crate::intake::Params;
use crate::problem::Answer;
use crate::stream::{Gone, HEARTBEAT, Writer, respond};

const SHORTEST: Duration = Duration::from_millis(100);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WatchQuery {
    service: Option<String>,
}

pub(super) async fn stream(State(app): State<Shared>, Params(query): Params<WatchQuery>) -> Answer<Response> {
    let service = query.service.map(|name| app.view(&name)).transpose()?.map(|(name, _)| name);
    let (reading, views) = (app.clone(), app.handle.watch());
    Ok(respond(&app, "text/event-stream", |writer| send(reading, views, service, writer)))
}

async fn send(
    app: Shared,
    mut views: Receiver<Views>,
    service: Option<ServiceName>,
    mut writer: Writer,
) -> Result<(), Gone> {
    let mut shown = BTreeMap::new();
    loop {
        let present = views.borrow_and_update().clone();
        for (name, view) in present.iter().filter(|(name, _)| service.as_ref().is_none_or(|s| s == *name)) {
            let frame = app.frames.of(name, view, usize::MAX);
            if shown.insert(name.clone(), frame.number) != Some(frame.number) {
                writer.send(frame.text).await?;
            }
        }
        tokio::time::sleep(SHORTEST).await;
        match tokio::time::timeout(HEARTBEAT, views.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Ok(()),
            Err(_) => writer.heartbeat().await?,
        }
    }
}
