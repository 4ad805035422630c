//! Error budgets: how they stand, and what rollouts took of them.

use axum::Json;
use axum::extract::{Path, State};

use crate::app::Shared;
use crate::problem::Answer;
use crate::v1::{Budget, BudgetPoint, RolloutRow, ServiceBudget};

/// Rollouts that are shown with their cost.
const ROLLOUTS: usize = 20;

pub(super) async fn one(State(app): State<Shared>, Path(name): Path<String>) -> Answer<Json<ServiceBudget>> {
    let (service, view) = app.view(&name)?;
    let rows = app.journal(move |handle| handle.rollouts(Some(&service), ROLLOUTS)).await?;
    let down = view.budget.iter().flat_map(|budget| budget.down.iter());
    Ok(Json(ServiceBudget {
        service: view.name.clone(),
        budget: view.budget.as_ref().map(Budget::from),
        rollouts: rows.iter().map(RolloutRow::from).collect(),
        burn_down: down.map(BudgetPoint::from).collect(),
    }))
}
