//! `ETag` and `If-Match`: a command for what one has seen, refused when it is not so any more.
//!
//! A tag names the state that decisions are about (revisions, phase, step, generation, freeze, votes), not the bytes:
//! rates and times change every second and would refuse every command.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, header};
use staunch_control::{RolloutView, ServiceView};
use staunch_model::RolloutId;
use staunch_ports::RolloutRow;

use crate::access::{digest, hex};
use crate::app::{App, Shared};
use crate::codes::Code;
use crate::problem::{Answer, Refusal};
use crate::routes::unknown_rollout;

/// What a caller who named a tag has seen: the loop compares it once more, in the turn that acts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) rollout: Option<u64>,
    pub(crate) step: Option<usize>,
}

impl Seen {
    fn of(rollout: Option<&RolloutView>) -> Self {
        let step = rollout.and_then(|rollout| rollout.phase.step());
        Self { rollout: rollout.map(|rollout| rollout.id), step }
    }
}

pub(crate) fn of_service(view: &ServiceView) -> String {
    let rollout = view.rollout.as_ref().map(state);
    let level = view.budget.as_ref().map(|budget| budget.level);
    let about = serde_json::json!([
        view.name,
        view.stable_digest,
        view.replicas,
        view.generation,
        view.freeze,
        view.asking,
        level,
        rollout
    ]);
    tag(&about)
}

fn state(rollout: &RolloutView) -> serde_json::Value {
    serde_json::json!([rollout.id, rollout.phase])
}

pub(crate) fn of_rollout(row: &RolloutRow, live: Option<&RolloutView>) -> String {
    match live {
        Some(live) => tag(&state(live)),
        None => tag(&serde_json::json!([row.id, row.phase])),
    }
}

fn tag(about: &serde_json::Value) -> String {
    format!("\"{}\"", hex(&digest(&about.to_string())[..8]))
}

pub(crate) fn with(tag: &str, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.headers_mut().extend(HeaderValue::try_from(tag).map(|tag| (header::ETAG, tag)));
    response
}

/// For commands to a service or a rollout.
pub(crate) async fn precondition(State(app): State<Shared>, mut request: Request, next: Next) -> Response {
    let asks = *request.method() == Method::POST && request.headers().contains_key(header::IF_MATCH);
    if !asks {
        return next.run(request).await;
    }
    match check(&app, request.uri().path(), request.headers()).await {
        Ok(seen) => {
            request.extensions_mut().insert(seen);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn check(app: &App, path: &str, headers: &HeaderMap) -> Answer<Seen> {
    let mut parts = path.trim_start_matches("/api/v1/").split('/');
    let (kind, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (now, seen) = match kind {
        "services" => {
            let (_, view) = app.view(name)?;
            (of_service(&view), Seen::of(view.rollout.as_ref()))
        }
        "rollouts" => {
            let id = crate::intake::rollout_id(name)?;
            let (row, live) = app.rollout(id).await?;
            (of_rollout(&row, live.as_ref()), Seen::of(live.as_ref()))
        }
        _ => {
            return Err(Refusal::new(
                Code::BadRequest,
                "`If-Match` is for commands to services and rollouts",
            ));
        }
    };
    let given = headers.get_all(header::IF_MATCH).iter().filter_map(|list| list.to_str().ok());
    let fits = given
        .flat_map(|list| list.split(','))
        .any(|given| matches!(given.trim(), "*") || given.trim() == now);
    if fits {
        return Ok(seen);
    }
    Err(Refusal::new(
        Code::PreconditionFailed,
        format!("{kind} {name} is not as it was: its tag is {now} now"),
    ))
}

impl App {
    /// The row, and the live view while it is its service's present or last rollout.
    pub(crate) async fn rollout(&self, id: RolloutId) -> Answer<(RolloutRow, Option<RolloutView>)> {
        let before = RolloutId(id.0.saturating_add(1));
        let rows = self.journal(move |handle| handle.rollouts_before(before, None, 1)).await?;
        let row = rows.into_iter().find(|row| row.id == id);
        let row = row.ok_or_else(|| unknown_rollout(id))?;
        let view = self.handle.view(&row.service);
        let live = view.and_then(|view| view.rollout.clone().filter(|live| live.id == id.0));
        Ok((row, live))
    }
}
