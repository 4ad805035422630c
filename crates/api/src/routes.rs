//! Every address, in one table.

mod audit;
mod badge;
mod budget;
mod changes;
mod commands;
mod dashboard;
mod events;
mod film;
mod meta;
mod pages;
mod policy;
mod releases;
mod reports;
mod rollouts;
mod services;
mod watch;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use staunch_rollout::Command;

use crate::app::Shared;
use crate::codes::Code;
use crate::guard::guard;
use crate::intake::BODY_LIMIT;
use crate::problem::Refusal;
use crate::v1::command_key;

pub(crate) fn router(app: Shared) -> Router {
    Router::new()
        .nest("/api/v1", api())
        .merge(dashboard::routes())
        .route("/errors/{code}", get(pages::error))
        .route("/healthz", get(meta::healthz))
        .route("/readyz", get(meta::readyz))
        .fallback(nothing_here)
        .method_not_allowed_fallback(other_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(axum::middleware::from_fn_with_state(app.clone(), guard))
        .with_state(app)
}

fn api() -> Router<Shared> {
    let looking = Router::new()
        .route("/meta", get(meta::meta))
        .route("/healthz", get(meta::healthz))
        .route("/readyz", get(meta::readyz))
        .route("/services", get(services::list))
        .route("/services/{name}", get(services::one))
        .route("/services/{name}/budget", get(budget::one))
        .route("/services/{name}/logs", get(services::logs))
        .route("/services/{name}/instances/{id}/logs", get(services::instance_logs))
        .route("/rollouts", get(rollouts::list))
        .route("/rollouts/{id}", get(rollouts::one))
        .route("/rollouts/{id}/report", get(reports::report))
        .route("/rollouts/{id}/film", get(film::film))
        .route("/rollouts/{id}/events", get(film::events))
        .route("/changes", get(changes::stream))
        .route("/releases/{id}", get(releases::one))
        .route("/events", get(events::stream))
        .route("/events.json", get(events::page))
        .route("/watch", get(watch::stream))
        .route("/audit/verify", get(audit::verify))
        .route("/audit/export", get(audit::export));
    let acting = looking
        .route("/services/{name}/rollouts", post(commands::deploy))
        .route("/services/{name}/plan", post(commands::plan))
        .route("/services/{name}/rollback", post(commands::rollback))
        .route("/releases/{id}", post(releases::start))
        .route("/releases/{id}/abort", post(releases::abort))
        .route("/services/{name}/freeze", post(policy::freeze))
        .route("/services/{name}/unfreeze", post(policy::unfreeze))
        .route("/services/{name}/approve", post(policy::approve))
        .route("/services/{name}/reject", post(policy::reject))
        .route("/shutdown", post(commands::shutdown))
        .route("/upgrade", post(commands::upgrade));
    Command::ALL.into_iter().fold(acting, with_command)
}

/// The same command to a rollout by its number, and to whatever rollout a service has.
fn with_command(router: Router<Shared>, command: Command) -> Router<Shared> {
    let key = command_key(command.name());
    let to_rollout = move |app, id, who, asked| commands::to_rollout(app, command, id, who, asked);
    let to_service = move |app, name, who, asked| commands::to_service(app, command, name, who, asked);
    router
        .route(&format!("/rollouts/{{id}}/{key}"), post(to_rollout))
        .route(&format!("/services/{{name}}/{key}"), post(to_service))
}

async fn nothing_here(uri: http::Uri) -> Refusal {
    Refusal::new(Code::NotFound, format!("nothing is at {}", uri.path()))
}

async fn other_method(method: http::Method, uri: http::Uri) -> Refusal {
    Refusal::new(Code::MethodNotAllowed, format!("{} does not take {method}", uri.path()))
}
