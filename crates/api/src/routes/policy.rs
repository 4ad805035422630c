//! Freezes and approvals. Whose word it is matters more than for other commands, so somebody whose name proves nothing may
//! freeze, which only ever makes things safer, but neither approve nor reject.

use axum::Json;
use axum::extract::{Path, State};

use super::commands::to_the_end;
use crate::app::Shared;
use crate::intake::Asked;
use crate::problem::Answer;
use crate::v1::{Accepted, Approval, FreezeRequest, Frozen, ReasonRequest, VoteRequest};
use crate::who::Who;

pub(super) async fn freeze(
    State(app): State<Shared>,
    Path(name): Path<String>,
    Who(by): Who,
    Asked(asked): Asked<FreezeRequest>,
) -> Answer<Json<Option<Frozen>>> {
    let name = app.service(&name)?;
    let handle = app.handle.clone();
    let (reason, until) = (asked.reason.unwrap_or_default(), asked.until.map(|until| until.0));
    let freeze = to_the_end(async move { handle.freeze(&name, &by, &reason, until).await }).await?;
    Ok(Json(freeze.as_ref().map(Frozen::from)))
}

pub(super) async fn unfreeze(
    State(app): State<Shared>,
    Path(name): Path<String>,
    Who(by): Who,
    Asked(asked): Asked<ReasonRequest>,
) -> Answer<Json<Accepted>> {
    let name = app.service(&name)?;
    let message = format!("{name} is not frozen any more");
    let handle = app.handle.clone();
    let reason = asked.reason.unwrap_or_default();
    to_the_end(async move { handle.unfreeze(&name, &by, &reason).await }).await?;
    Ok(Json(Accepted { message }))
}

pub(super) async fn approve(
    app: State<Shared>,
    name: Path<String>,
    who: Who,
    asked: Asked<VoteRequest>,
) -> Answer<Json<Approval>> {
    vote(app, name, who, asked, true).await
}

pub(super) async fn reject(
    app: State<Shared>,
    name: Path<String>,
    who: Who,
    asked: Asked<VoteRequest>,
) -> Answer<Json<Approval>> {
    vote(app, name, who, asked, false).await
}

async fn vote(
    State(app): State<Shared>,
    Path(name): Path<String>,
    Who(by): Who,
    Asked(asked): Asked<VoteRequest>,
    agrees: bool,
) -> Answer<Json<Approval>> {
    let name = app.service(&name)?;
    let handle = app.handle.clone();
    let VoteRequest { reason, expect } = asked;
    let reason = reason.unwrap_or_default();
    let voting = async move { handle.vote(&name, &by, agrees, &reason, expect.plan).await };
    let ask = to_the_end(voting).await?;
    Ok(Json(Approval::from(&ask)))
}
