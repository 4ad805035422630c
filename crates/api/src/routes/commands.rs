//! What changes something. A command that was taken is carried out even if its caller hangs up.

use std::future::Future;
use std::path::PathBuf;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use staunch_control::{DeployOptions, Expect, PassRequest};
use staunch_model::{RolloutId, ServiceName};
use staunch_rollout::{Command, HouseEvent};

use super::rollouts::unknown;
use crate::app::{App, Shared};
use crate::codes::Code;
use crate::etag::Seen;
use crate::intake::{Asked, rollout_id};
use crate::problem::{Answer, Refusal};
use crate::v1::{
    Accepted, CommandRequest, Commanded, DeployRequest, Deployed, Plan, RollbackRequest, UpgradeRequest,
    command_key,
};
use crate::who::Who;

/// What runs, and with which command, comes from the server's own configuration file alone.
pub(super) async fn deploy(
    State(app): State<Shared>,
    Path(name): Path<String>,
    Who(by): Who,
    Asked(asked): Asked<DeployRequest>,
) -> Answer<Response> {
    let name = app.service(&name)?;
    let handle = app.handle.clone();
    let DeployRequest { reason, replace, critical_fix, approved_by, emergency, expect } = asked;
    let pass = PassRequest { critical_fix, approved_by };
    let options = DeployOptions { reason, replace, emergency, pass, plan: expect.plan };
    let deployed = to_the_end(async move { handle.deploy(&name, &by, options).await }).await?;
    Ok(answer_deployed(deployed.into()))
}

/// What a deploy would do now. It keeps a copy of the content, so it is no GET; nothing is started.
pub(super) async fn plan(
    State(app): State<Shared>,
    Path(name): Path<String>,
    Who(by): Who,
) -> Answer<Json<Plan>> {
    let name = app.service(&name)?;
    let plan = app.handle.plan(&name, &by).await?;
    Ok(Json(Plan::from(&plan)))
}

pub(super) async fn rollback(
    State(app): State<Shared>,
    Path(name): Path<String>,
    Who(by): Who,
    Asked(asked): Asked<RollbackRequest>,
) -> Answer<Response> {
    let name = app.service(&name)?;
    let handle = app.handle.clone();
    let RollbackRequest { to, reason } = asked;
    let reason = reason.unwrap_or_default();
    let deployed = to_the_end(async move { handle.rollback(&name, to, &by, &reason).await }).await?;
    Ok(answer_deployed(deployed.into()))
}

/// 202 with the rollout's address when something was started, else 200.
fn answer_deployed(deployed: Deployed) -> Response {
    let mut headers = HeaderMap::new();
    let status = match &deployed {
        Deployed::Started { rollout, .. } => {
            let place = HeaderValue::try_from(format!("/api/v1/rollouts/{rollout}"));
            headers.extend(place.map(|place| (header::LOCATION, place)));
            StatusCode::ACCEPTED
        }
        Deployed::Unchanged { .. } | Deployed::Scaled { .. } | Deployed::AlreadyRunning { .. } => {
            StatusCode::OK
        }
    };
    (status, headers, Json(deployed)).into_response()
}

pub(super) async fn to_rollout(
    State(app): State<Shared>,
    command: Command,
    Path(id): Path<String>,
    Who(by): Who,
    seen: Option<Extension<Seen>>,
    Asked(asked): Asked<CommandRequest>,
) -> Answer<Json<Commanded>> {
    let id = rollout_id(&id)?;
    let service = service_of(&app, id).await?;
    if asked.expect.rollout.is_some_and(|expected| expected != id.0) {
        let detail = format!("the address names rollout {id}, `expect` another");
        return Err(Refusal::new(Code::BadRequest, detail));
    }
    let seen = seen.map(|Extension(seen)| seen).unwrap_or_default();
    let expect = Expect { rollout: Some(id.0), step: asked.expect.step.or(seen.step) };
    say(&app, service, command, by, asked.reason, expect).await
}

pub(super) async fn to_service(
    State(app): State<Shared>,
    command: Command,
    Path(name): Path<String>,
    Who(by): Who,
    seen: Option<Extension<Seen>>,
    Asked(asked): Asked<CommandRequest>,
) -> Answer<Json<Commanded>> {
    let service = app.service(&name)?;
    let seen = seen.map(|Extension(seen)| seen).unwrap_or_default();
    let expect =
        Expect { rollout: asked.expect.rollout.or(seen.rollout), step: asked.expect.step.or(seen.step) };
    say(&app, service, command, by, asked.reason, expect).await
}

async fn say(
    app: &App,
    service: ServiceName,
    command: Command,
    by: String,
    reason: Option<String>,
    expect: Expect,
) -> Answer<Json<Commanded>> {
    let handle = app.handle.clone();
    let reason = reason.unwrap_or_default();
    let saying = async move { handle.command(&service, command, &by, &reason, expect).await };
    let rollout = to_the_end(saying).await?;
    Ok(Json(Commanded { rollout, command: command_key(command.name()) }))
}

/// Whose rollout it is: usually that of a service's present or last one, else by its history.
async fn service_of(app: &App, id: RolloutId) -> Answer<ServiceName> {
    let views = app.handle.views();
    let shown =
        views.iter().find(|(_, view)| view.rollout.as_ref().is_some_and(|rollout| rollout.id == id.0));
    if let Some((name, _)) = shown {
        return Ok(name.clone());
    }
    let report = app.journal(move |handle| handle.report(id)).await?.ok_or_else(|| unknown(id))?;
    app.service(&report.service)
}

pub(super) async fn to_the_end<T, E>(work: impl Future<Output = Result<T, E>> + Send + 'static) -> Answer<T>
where
    T: Send + 'static,
    E: Into<Refusal> + Send + 'static,
{
    let done = tokio::spawn(work).await;
    done.map_err(|error| Refusal::new(Code::Internal, error.to_string()))?.map_err(Into::into)
}

/// Who stopped it is worth an entry, but a full disk must not keep it running.
pub(super) async fn shutdown(State(app): State<Shared>, Who(by): Who) -> Answer<Response> {
    drop(app.handle.note(HouseEvent::StopAsked, &by).await);
    app.admin.shutdown();
    let message = "control stops; instances and traffic stay as they are".to_owned();
    Ok((StatusCode::ACCEPTED, Json(Accepted { message })).into_response())
}

pub(super) async fn upgrade(
    State(app): State<Shared>,
    Who(by): Who,
    Asked(asked): Asked<UpgradeRequest>,
) -> Answer<Json<Accepted>> {
    let event = HouseEvent::UpgradeAsked { binary: asked.binary.clone() };
    let binary = asked.binary.map(absolute).transpose()?;
    drop(app.handle.note(event, &by).await);
    let admin = app.admin.clone();
    let done = tokio::task::spawn_blocking(move || admin.upgrade(binary)).await;
    let done = done.map_err(|error| Refusal::new(Code::Internal, error.to_string()))?;
    let message = done.map_err(|why| Refusal::new(Code::UpgradeFailed, why))?;
    Ok(Json(Accepted { message }))
}

/// The server's working directory is not the caller's.
fn absolute(path: String) -> Answer<PathBuf> {
    let path = PathBuf::from(path);
    let wrong = || Refusal::new(Code::BadRequest, format!("`{}` is not an absolute path", path.display()));
    if path.is_absolute() { Ok(path) } else { Err(wrong()) }
}
