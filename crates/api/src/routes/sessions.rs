//! Browsers that are signed in, and ending that.

use axum::Json;
use axum::extract::{Path, State};
use staunch_rollout::HouseEvent;

use super::commands::to_the_end;
use crate::app::Shared;
use crate::codes::Code;
use crate::intake::Asked;
use crate::problem::{Answer, Refusal};
use crate::v1::{BrowserSession, ReasonRequest, SessionList, SessionsEnded};
use crate::who::Who;

pub(super) async fn list(State(app): State<Shared>) -> Json<SessionList> {
    let sessions = app.access.sessions(app.handle.now());
    Json(SessionList { sessions: sessions.iter().map(BrowserSession::from).collect() })
}

/// All of one name: whoever lost a machine does not know which of them it was.
pub(super) async fn end(
    State(app): State<Shared>,
    Path(name): Path<String>,
    Who(by): Who,
    Asked(asked): Asked<ReasonRequest>,
) -> Answer<Json<SessionsEnded>> {
    let reason = asked.reason.unwrap_or_default();
    let of = name.clone();
    // Access is taken even when it cannot be recorded: that never makes anything less safe.
    let ended = to_the_end(async move {
        let count = app.access.end_sessions_of(&of).await?;
        if count == 0 {
            return Err(Refusal::new(Code::UnknownSession, format!("no browser is signed in as `{of}`")));
        }
        app.handle.note(HouseEvent::SessionsEnded { name: of, count, reason }, &by).await?;
        Ok(count)
    })
    .await?;
    Ok(Json(SessionsEnded { name, ended }))
}
