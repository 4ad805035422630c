//! Who one talks to, and whether it works.

use std::time::Duration;

use axum::Json;
use axum::extract::State;

use crate::app::Shared;
use crate::codes::Code;
use crate::problem::{Answer, Refusal};
use crate::v1::{Document, Meta};

/// The loop turns at least once a second: three are enough to say that it does not.
const TURN_PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn meta(State(app): State<Shared>) -> Answer<Json<Meta>> {
    describe(&app).await.map(Json)
}

pub(super) async fn describe(app: &Shared) -> Answer<Meta> {
    Ok(Meta {
        api: "v1".to_owned(),
        version: app.version.clone(),
        pid: std::process::id(),
        data_dir: app.data_dir.display().to_string(),
        uptime_ms: u64::try_from(app.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        tcp: app.tcp.to_string(),
        journal_sequence: app.head().await?,
    })
}

/// What this very server takes and answers.
pub(super) async fn openapi() -> Json<Document> {
    Json(Document(crate::openapi::openapi()))
}

/// The process answers.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The loop turns and can record what it decides.
pub(super) async fn readyz(State(app): State<Shared>) -> Answer<&'static str> {
    let not = |detail: String| Refusal::new(Code::NotReady, detail);
    let mut views = app.handle.watch();
    views.mark_unchanged();
    match tokio::time::timeout(TURN_PATIENCE, views.changed()).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) => return Err(not("the loop has ended".to_owned())),
        Err(_) => return Err(not("the loop has not turned for 3 s".to_owned())),
    }
    match app.handle.views().values().find_map(|view| view.trouble.clone()) {
        Some(trouble) => Err(not(trouble)),
        None => Ok("ready\n"),
    }
}
