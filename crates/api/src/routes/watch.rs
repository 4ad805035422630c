//! Services as they change: the latest value wins, at most ten a second.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use staunch_control::{ServiceView, Views};
use staunch_model::ServiceName;
use tokio::sync::watch::Receiver;

use crate::app::Shared;
use crate::intake::Params;
use crate::problem::Answer;
use crate::stream::{Gone, HEARTBEAT, Writer, respond};
use crate::v1::Service;

const SHORTEST: Duration = Duration::from_millis(100);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WatchQuery {
    service: Option<String>,
}

pub(super) async fn stream(State(app): State<Shared>, Params(query): Params<WatchQuery>) -> Answer<Response> {
    let service = query.service.map(|name| app.view(&name)).transpose()?.map(|(name, _)| name);
    let views = app.handle.watch();
    Ok(respond(&app, "text/event-stream", move |writer| send(views, service, writer)))
}

async fn send(
    mut views: Receiver<Views>,
    service: Option<ServiceName>,
    mut writer: Writer,
) -> Result<(), Gone> {
    let mut shown = BTreeMap::new();
    loop {
        let present = views.borrow_and_update().clone();
        for (name, view) in present.iter().filter(|(name, _)| service.as_ref().is_none_or(|s| s == *name)) {
            if is_news(shown.get(name), view) {
                writer.event(None, "service", &Service::from(view.as_ref())).await?;
                shown.insert(name.clone(), view.clone());
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

/// The time of the look alone is no change.
pub(super) fn is_news(shown: Option<&Arc<ServiceView>>, view: &Arc<ServiceView>) -> bool {
    let Some(shown) = shown else { return true };
    !Arc::ptr_eq(shown, view) && **shown != ServiceView { at: shown.at, ..view.as_ref().clone() }
}
