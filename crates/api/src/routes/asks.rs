//! Questions that need more than what is known already: what would be, whether a file is right, how the machine is.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde::Deserialize;

use crate::app::Shared;
use crate::codes::Code;
use crate::intake::{Asked, Params};
use crate::problem::{Answer, Refusal};
use crate::v1::{Doctor, Plan, PlanRequest, Validation};
use crate::who::Who;

/// What a deploy would do now. It keeps a copy of the content, so it is no GET; nothing is started.
pub(super) async fn plan(
    State(app): State<Shared>,
    Who(by): Who,
    Asked(asked): Asked<PlanRequest>,
) -> Answer<Json<Plan>> {
    let name = match asked.service {
        Some(name) => app.service(&name)?,
        None => only(&app)?,
    };
    let plan = app.handle.plan(&name, &by).await?;
    Ok(Json(Plan::from(&plan)))
}

fn only(app: &Shared) -> Answer<staunch_model::ServiceName> {
    let views = app.handle.views();
    let mut names = views.keys();
    match (names.next(), names.next()) {
        (Some(name), None) => Ok(name.clone()),
        (None, _) | (Some(_), Some(_)) => {
            Err(Refusal::new(Code::BadRequest, "`service` says which of several services is meant"))
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ValidateQuery {
    environment: Option<String>,
}

/// The body is the text of a `staunch.toml`. It is read and judged, and nothing in it is run or called.
pub(super) async fn validate(
    State(app): State<Shared>,
    Params(query): Params<ValidateQuery>,
    body: Bytes,
) -> Answer<Json<Validation>> {
    let text = String::from_utf8(body.to_vec())
        .map_err(|error| Refusal::new(Code::BadRequest, format!("the file is not UTF-8: {error}")))?;
    let desk = app.desk.clone();
    let said = app.blocking(move |_| desk.validate(&text, query.environment.as_deref())).await?;
    Ok(Json(said))
}

pub(super) async fn doctor(State(app): State<Shared>) -> Answer<Json<Doctor>> {
    let desk = app.desk.clone();
    Ok(Json(Doctor { checks: app.blocking(move |_| desk.doctor()).await? }))
}
