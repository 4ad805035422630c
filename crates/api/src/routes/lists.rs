//! What is true of all services, one list each.

use axum::Json;
use axum::extract::{Path, State};
use staunch_analysis::budget::Level;
use staunch_control::{Refused, ServiceView};

use crate::app::Shared;
use crate::problem::Answer;
use crate::v1::{
    ApprovalList, Budget, BudgetList, BudgetOf, EnvironmentList, FreezeList, FreezeOf, Revision,
    RevisionList, ServiceApproval, Time,
};

pub(super) async fn approvals(State(app): State<Shared>) -> Json<ApprovalList> {
    let views = app.handle.views();
    let asked = views.values().filter_map(|view| Some((view.name.clone(), view.asking.as_ref()?.into())));
    Json(ApprovalList {
        approvals: asked.map(|(service, approval)| ServiceApproval { service, approval }).collect(),
    })
}

pub(super) async fn budgets(State(app): State<Shared>) -> Json<BudgetList> {
    let views = app.handle.views();
    let known = views.values().filter_map(|view| Some((view.name.clone(), view.budget.as_ref()?)));
    let of = |(service, budget)| BudgetOf { service, budget: Budget::from(budget) };
    Json(BudgetList { budgets: known.map(of).collect() })
}

pub(super) async fn freezes(State(app): State<Shared>) -> Json<FreezeList> {
    let views = app.handle.views();
    let freezes = views.values().flat_map(|view| by_person(view).into_iter().chain(by_budget(view)));
    Json(FreezeList { freezes: freezes.collect() })
}

fn by_person(view: &ServiceView) -> Option<FreezeOf> {
    let freeze = view.freeze.as_ref()?;
    Some(FreezeOf {
        service: view.name.clone(),
        kind: "person".to_owned(),
        by: freeze.by.clone(),
        reason: freeze.reason.clone(),
        since: Some(freeze.since.into()),
        until: freeze.until.map(Time),
    })
}

fn by_budget(view: &ServiceView) -> Option<FreezeOf> {
    let budget =
        view.budget.as_ref().filter(|budget| matches!(budget.level, Level::Frozen | Level::Critical))?;
    let budget = Budget::from(budget);
    Some(FreezeOf {
        service: view.name.clone(),
        kind: "budget".to_owned(),
        by: "staunch".to_owned(),
        reason: format!("{:.1} % of the error budget is left", budget.left_ratio * 100.0),
        since: None,
        until: budget.thaw_at,
    })
}

pub(super) async fn environments(State(app): State<Shared>) -> Answer<Json<EnvironmentList>> {
    let desk = app.desk.clone();
    let environments = app.blocking(move |_| desk.environments()).await?.map_err(Refused::Config)?;
    Ok(Json(EnvironmentList { current: app.access.environment.clone(), environments }))
}

pub(super) async fn revisions(
    State(app): State<Shared>,
    Path(name): Path<String>,
) -> Answer<Json<RevisionList>> {
    let (name, _) = app.view(&name)?;
    let service = name.to_string();
    let told = match app.handle.told(&name).await {
        Ok(told) => told,
        // It is in the file and has never run.
        Err(Refused::UnknownService(_)) => return Ok(Json(RevisionList { service, revisions: vec![] })),
        Err(other) => return Err(other.into()),
    };
    let canary = told.active().map(|rollout| Revision::of(&rollout.spec.to, "canary"));
    let stable = told.stable.as_ref().map(|revision| Revision::of(revision, "stable"));
    let previous = told.previous.iter().rev().map(|revision| Revision::of(revision, "previous"));
    let revisions = stable.into_iter().chain(canary).chain(previous).collect();
    Ok(Json(RevisionList { service, revisions }))
}
