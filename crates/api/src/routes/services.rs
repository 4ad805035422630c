//! Services and what their instances write.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use staunch_control::ServiceView;
use staunch_model::InstanceId;
use staunch_rollout::InstanceStatus;

use crate::app::{App, Shared};
use crate::codes::Code;
use crate::etag;
use crate::intake::Params;
use crate::problem::{Answer, Refusal};
use crate::v1::{InstanceLog, Logs, Service, ServiceList};

const LINES: usize = 100;
/// Lines of one instance in one answer.
const MOST_LINES: usize = 10_000;

pub(super) async fn list(State(app): State<Shared>) -> Json<ServiceList> {
    Json(listed(&app))
}

pub(super) fn listed(app: &App) -> ServiceList {
    let services = app.handle.views().values().map(|view| Service::from(view.as_ref())).collect();
    ServiceList { services }
}

pub(super) async fn one(State(app): State<Shared>, Path(name): Path<String>) -> Answer<Response> {
    let (_, view) = app.view(&name)?;
    Ok(etag::with(&etag::of_service(&view), Json(Service::from(view.as_ref()))))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogQuery {
    lines: Option<usize>,
    /// A label, `canary`, `stable`, a digest or its beginning.
    revision: Option<String>,
}

impl LogQuery {
    fn lines(&self) -> usize {
        self.lines.unwrap_or(LINES).min(MOST_LINES)
    }
}

pub(super) async fn logs(
    State(app): State<Shared>,
    Path(name): Path<String>,
    Params(query): Params<LogQuery>,
) -> Answer<Json<Logs>> {
    let (_, view) = app.view(&name)?;
    let wanted = query.revision.as_deref().map(|revision| prefix(&view, revision)).transpose()?;
    let ours = |status: &&InstanceStatus| {
        wanted.as_ref().is_none_or(|wanted| status.revision.as_str().starts_with(wanted))
    };
    let instances: Vec<_> = view.instances.iter().filter(ours).cloned().collect();
    read(&app, instances, query.lines()).await.map(Json)
}

pub(super) async fn instance_logs(
    State(app): State<Shared>,
    Path((name, id)): Path<(String, String)>,
    Params(query): Params<LogQuery>,
) -> Answer<Json<Logs>> {
    let (_, view) = app.view(&name)?;
    let found = view.instances.iter().find(|status| status.id == InstanceId(id.clone())).cloned();
    let unknown = || Refusal::new(Code::UnknownInstance, format!("{name} has no instance `{id}` now"));
    read(&app, vec![found.ok_or_else(unknown)?], query.lines()).await.map(Json)
}

/// The digest, or its beginning, that a revision's name stands for.
fn prefix(view: &ServiceView, name: &str) -> Answer<String> {
    let rollout = view.rollout.as_ref().filter(|rollout| rollout.active);
    let stable = view.stable.as_deref();
    if let Some(digest) = view.stable_digest.as_ref().filter(|_| name == "stable" || Some(name) == stable) {
        return Ok(digest.clone());
    }
    if let Some(rollout) = rollout.filter(|rollout| name == "canary" || name == rollout.to) {
        return Ok(rollout.digest.to_string());
    }
    let hex = name.strip_prefix("sha256:").unwrap_or(name);
    if hex.len() >= 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(format!("sha256:{hex}"));
    }
    let detail = format!("no instance of {} belongs to a revision `{name}` now", view.name);
    Err(Refusal::new(Code::UnknownRevision, detail))
}

async fn read(app: &Shared, instances: Vec<InstanceStatus>, lines: usize) -> Answer<Logs> {
    app.blocking(move |handle| {
        let log = |status: InstanceStatus| InstanceLog {
            lines: handle.logs(&status.id, lines),
            instance: status.id.to_string(),
            revision: status.revision.to_string(),
        };
        Logs { logs: instances.into_iter().map(log).collect() }
    })
    .await
}
