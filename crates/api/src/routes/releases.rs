//! Releases of several services.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::commands::to_the_end;
use crate::app::Shared;
use crate::codes::Code;
use crate::intake::{Asked, rollout_id};
use crate::problem::{Answer, Refusal};
use crate::v1::{Release, ReleaseAccepted, ReleaseRequest};
use crate::who::Who;

/// Starts the release that the server's own configuration describes under this name.
pub(super) async fn start(
    State(app): State<Shared>,
    Path(name): Path<String>,
    Who(by): Who,
    Asked(asked): Asked<ReleaseRequest>,
) -> Answer<Response> {
    let handle = app.handle.clone();
    let reason = asked.reason.unwrap_or_default();
    let release = to_the_end(async move { handle.release(&name, &by, &reason).await }).await?;
    Ok((StatusCode::ACCEPTED, Json(ReleaseAccepted { release })).into_response())
}

pub(super) async fn one(State(app): State<Shared>, Path(id): Path<String>) -> Answer<Json<Release>> {
    let id = rollout_id(&id)?;
    let view = app.journal(move |handle| handle.release_view(id)).await?;
    let unknown = || Refusal::new(Code::UnknownRelease, format!("{id} is not the number of a release"));
    view.as_ref().map(|view| Json(Release::from(view))).ok_or_else(unknown)
}

pub(super) async fn abort(
    State(app): State<Shared>,
    Path(id): Path<String>,
    Who(by): Who,
    Asked(asked): Asked<ReleaseRequest>,
) -> Answer<Json<ReleaseAccepted>> {
    let id = rollout_id(&id)?;
    let handle = app.handle.clone();
    let reason = asked.reason.unwrap_or_default();
    let release = to_the_end(async move { handle.abort_release(id, &by, &reason).await }).await?;
    Ok(Json(ReleaseAccepted { release }))
}
