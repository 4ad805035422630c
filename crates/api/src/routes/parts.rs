//! What one rollout is made of: its numbers over time, its gates, its evidence.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use staunch_analysis::Judgement as Judged;
use staunch_control::RolloutView;
use staunch_model::RolloutId;
use staunch_rollout::{Event, Report};

use super::rollouts::unknown;
use crate::app::{App, Shared};
use crate::intake::rollout_id;
use crate::problem::Answer;
use crate::v1::{Evidence, Gate, GateChange, Gates, Judgement, wire_name};

/// Recordings that are read at the same time; a long one takes a second of a core.
pub(crate) const READERS: usize = 1;

struct Found {
    report: Report,
    judgement: Option<Judged>,
}

/// The report as history tells it, and the present judgement, or the last that was captured.
async fn found(app: &App, id: RolloutId) -> Answer<Found> {
    let report = app.journal(move |handle| handle.report(id)).await?.ok_or_else(|| unknown(id))?;
    let live = live(app, id).and_then(|view| view.judgement);
    let judgement = live.or_else(|| report.judgement.clone());
    Ok(Found { report, judgement })
}

fn live(app: &App, id: RolloutId) -> Option<RolloutView> {
    let views = app.handle.views();
    views.values().find_map(|view| view.rollout.clone().filter(|rollout| rollout.id == id.0))
}

fn gates_of(judgement: Option<&Judged>) -> Vec<Gate> {
    judgement.map(|judgement| judgement.gates.iter().map(Gate::from).collect()).unwrap_or_default()
}

pub(super) async fn gates(State(app): State<Shared>, Path(id): Path<String>) -> Answer<Json<Gates>> {
    let id = rollout_id(&id)?;
    let found = found(&app, id).await?;
    let entries = app.journal(move |handle| handle.entries_of(id)).await?;
    let changes = entries.into_iter().map(Arc::new).filter_map(|entry| change(&entry)).collect();
    Ok(Json(Gates { rollout: id.0, gates: gates_of(found.judgement.as_ref()), changes }))
}

fn change(entry: &staunch_ports::Entry) -> Option<GateChange> {
    let event: Event = serde_json::from_value(entry.body.clone()).ok()?;
    let Event::GateChanged { gate, outcome, because } = event else { return None };
    Some(GateChange { at: entry.at.into(), gate, outcome: wire_name(outcome), because })
}

pub(super) async fn evidence(State(app): State<Shared>, Path(id): Path<String>) -> Answer<Json<Evidence>> {
    let id = rollout_id(&id)?;
    let found = found(&app, id).await?;
    let judgement = found.judgement.as_ref().map(Judgement::from);
    let crate::v1::Report { deciding, routes, unknown, failures, instances, .. } = (&found.report).into();
    Ok(Json(Evidence { rollout: id.0, judgement, deciding, routes, unknown, failures, instances }))
}
