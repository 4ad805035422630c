//! What a rollout's charts and its whole timeline are made of.

use axum::Json;
use axum::extract::{Path, State};
use staunch_model::RolloutId;

use super::rollouts::unknown;
use crate::app::Shared;
use crate::intake::rollout_id;
use crate::problem::Answer;
use crate::v1::{Entries, Entry, Samples};

pub(super) async fn samples(State(app): State<Shared>, Path(id): Path<String>) -> Answer<Json<Samples>> {
    let id = rollout_id(&id)?;
    app.rollout(id).await?;
    let _turn = app.recordings.acquire().await;
    let film = app.blocking(move |handle| handle.film(id)).await?;
    Ok(Json(Samples::of(id.0, film.as_ref())))
}

/// Everything that was recorded of one rollout. `next_after` is the cursor of the stream that goes on from there.
pub(super) async fn events(State(app): State<Shared>, Path(id): Path<String>) -> Answer<Json<Entries>> {
    recorded(&app, rollout_id(&id)?).await.map(Json)
}

pub(super) async fn recorded(app: &Shared, id: RolloutId) -> Answer<Entries> {
    // The cursor is read before the entries: one in between is seen twice rather than never.
    let next_after = app.head().await?;
    let entries = app.journal(move |handle| handle.recorded_of(id)).await?;
    if entries.is_empty() {
        return Err(unknown(id));
    }
    Ok(Entries { entries: entries.iter().map(Entry::from).collect(), next_after })
}
