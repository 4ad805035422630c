//! Every address, in one table.

mod asks;
mod audit;
mod badge;
mod budget;
mod changes;
mod commands;
mod config;
mod dashboard;
mod events;
mod lists;
mod live;
mod login;
mod meta;
mod metrics;
mod oidc;
pub(crate) mod pages;
mod parts;
mod policy;
mod releases;
mod reports;
mod rollouts;
mod samples;
mod services;
mod sessions;
mod tokens;
mod watch;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use staunch_rollout::Command;

use crate::app::Shared;
use crate::codes::Code;
use crate::etag::precondition;
use crate::guard::guard;
use crate::idempotency::idempotent;
use crate::intake::BODY_LIMIT;
use crate::openapi::{Kind, Operation, Table, op};
use crate::permit::permit;
use crate::problem::Refusal;
use crate::v1::{self, Document, command_key};
use crate::who::identify;

pub(crate) use metrics::Metrics;
pub(crate) use oidc::{BACK as OIDC_BACK, BEGIN as OIDC_BEGIN};
pub(crate) use parts::READERS as RECORDING_READERS;
pub(crate) use rollouts::unknown as unknown_rollout;

pub(crate) fn router(app: Shared) -> Router {
    table()
        .into_router()
        .merge(dashboard::routes())
        .route("/errors/{code}", get(pages::error))
        .route("/login", get(login::form).post(login::enter))
        .route("/login.js", get(login::script))
        .route(oidc::BEGIN, get(oidc::begin).post(oidc::enter))
        .route(oidc::BACK, get(oidc::back))
        .route_layer(axum::middleware::from_fn_with_state(app.clone(), precondition))
        .route_layer(axum::middleware::from_fn_with_state(app.clone(), idempotent))
        .route_layer(axum::middleware::from_fn_with_state(app.clone(), permit))
        .fallback(nothing_here)
        .method_not_allowed_fallback(other_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(axum::middleware::from_fn_with_state(app.clone(), identify))
        .layer(axum::middleware::from_fn_with_state(app.clone(), guard))
        .with_state(app)
}

/// Everything that programs may rely on.
pub(crate) fn table() -> Table {
    let table = commanding(access(rollouts(services(house(Table::new())))));
    Command::ALL.into_iter().fold(table, with_command)
}

fn house(table: Table) -> Table {
    table
        .get("/healthz", meta::healthz, op("The process answers").text(200, PLAIN))
        .get("/readyz", meta::readyz, op("The loop turns and can record what it decides").text(200, PLAIN))
        .get("/metrics", metrics::page, op("Metrics for Prometheus").text(200, metrics::KIND))
        .get("/api/v1/healthz", meta::healthz, op("The process answers").text(200, PLAIN))
        .get("/api/v1/readyz", meta::readyz, op("The loop turns and can record").text(200, PLAIN))
        .get("/api/v1/openapi.json", meta::openapi, op("This document").answers::<Document>(200))
        .get("/api/v1/meta", meta::meta, op("Who one talks to").answers::<v1::Meta>(200))
        .get(
            "/api/v1/doctor",
            asks::doctor,
            op("What keeps the machine from working well").answers::<v1::Doctor>(200),
        )
        .get(
            "/api/v1/environments",
            lists::environments,
            op("The environments of the file").answers::<v1::EnvironmentList>(200),
        )
        .get("/api/v1/audit", audit::list, audit_list())
        .get(
            "/api/v1/audit/verify",
            audit::verify,
            op("Walks the journal's whole chain").answers::<v1::Verified>(200),
        )
        .get(
            "/api/v1/audit/export",
            audit::export,
            op("Every entry as a line of JSON").text(200, "application/x-ndjson"),
        )
        .get("/api/v1/events", events::stream, event_stream())
        .get("/api/v1/events.json", events::page, event_page())
        .get(
            "/api/v1/watch",
            watch::stream,
            op("Services as they change: the latest value wins")
                .query("service", Kind::Text, ONLY)
                .text(200, STREAM),
        )
        .get(
            "/api/v1/changes",
            changes::stream,
            op("Entries and services as they change, as one stream")
                .query("after", Kind::Count, "Begin behind this sequence.")
                .query("points", Kind::Count, "At most this many points of each service's series.")
                .text(200, STREAM),
        )
}

const PLAIN: &str = "text/plain";
const STREAM: &str = "text/event-stream";
const ONLY: &str = "Only this service.";
const LIMIT: &str = "How many at most.";
const CURSOR: &str = "`next_cursor` of the page before.";

fn audit_list() -> Operation {
    op("Entries of the journal, newest first")
        .query("service", Kind::Text, ONLY)
        .query("rollout", Kind::Count, "Only this rollout.")
        .query("actor", Kind::Text, "Only what this person or token did.")
        .query("kind", Kind::Text, "Only this kind of event.")
        .query("limit", Kind::Count, LIMIT)
        .query("cursor", Kind::Text, CURSOR)
        .answers::<v1::AuditPage>(200)
}

fn event_stream() -> Operation {
    op("The journal as it grows; ids are sequences, and Last-Event-ID resumes exactly")
        .query("after", Kind::Count, "Begin behind this sequence; 0 is the whole history.")
        .query("service", Kind::Text, ONLY)
        .query("live", Kind::Flag, "Services as they change and samples too, without ids.")
        .text(200, STREAM)
}

fn event_page() -> Operation {
    op("A page of the journal, oldest first")
        .query("after", Kind::Count, "Begin behind this sequence.")
        .query("limit", Kind::Count, LIMIT)
        .query("service", Kind::Text, ONLY)
        .answers::<v1::Entries>(200)
}

fn services(table: Table) -> Table {
    let logs = || op("The last lines of instances").query("lines", Kind::Count, "How many of each instance.");
    let revision = "A label, `canary`, `stable`, a digest or its beginning.";
    table
        .get("/api/v1/services", services::list, op("All services").answers::<v1::ServiceList>(200))
        .get("/api/v1/services/{name}", services::one, op("One service").answers::<v1::Service>(200))
        .get(
            "/api/v1/services/{name}/budget",
            budget::one,
            op("Its error budget, and what rollouts took of it").answers::<v1::ServiceBudget>(200),
        )
        .get(
            "/api/v1/services/{name}/config",
            config::one,
            op("What is in force, where each value came from, and what the file says otherwise by now")
                .answers::<v1::ServiceConfig>(200),
        )
        .get(
            "/api/v1/services/{name}/revisions",
            lists::revisions,
            op("What it runs and can go back to").answers::<v1::RevisionList>(200),
        )
        .get(
            "/api/v1/services/{name}/logs",
            services::logs,
            logs().query("revision", Kind::Text, revision).answers::<v1::Logs>(200),
        )
        .get(
            "/api/v1/services/{name}/instances/{id}/logs",
            services::instance_logs,
            logs().query("revision", Kind::Text, revision).answers::<v1::Logs>(200),
        )
        .get(
            "/api/v1/approvals",
            lists::approvals,
            op("What waits for others").answers::<v1::ApprovalList>(200),
        )
        .get("/api/v1/budgets", lists::budgets, op("All error budgets").answers::<v1::BudgetList>(200))
        .get(
            "/api/v1/freezes",
            lists::freezes,
            op("What keeps changes from beginning").answers::<v1::FreezeList>(200),
        )
}

fn rollouts(table: Table) -> Table {
    let list = op("Rollouts, newest first")
        .query("service", Kind::Text, ONLY)
        .query("limit", Kind::Count, LIMIT)
        .query("cursor", Kind::Text, CURSOR)
        .answers::<v1::RolloutList>(200);
    let one = op("One rollout, now or as soon as something happens to it")
        .query("wait", Kind::Span, "Wait so long for an event: 30s.")
        .query("after", Kind::Count, "The event's sequence is above this.")
        .answers::<v1::RolloutDetail>(200);
    let forms = &["json", "text", "md", "html"];
    let report = op("Why it went as it did")
        .query("format", Kind::Choice(forms), "Goes before `Accept`.")
        .answers::<v1::Report>(200)
        .text(200, PLAIN)
        .text(200, "text/markdown")
        .text(200, "text/html");
    table
        .get("/api/v1/rollouts", rollouts::list, list)
        .get("/api/v1/rollouts/{id}", rollouts::one, one)
        .get("/api/v1/rollouts/{id}/report", reports::report, report)
        .get(
            "/api/v1/rollouts/{id}/events",
            samples::events,
            op("Everything that was recorded of it").answers::<v1::Entries>(200),
        )
        .get(
            "/api/v1/rollouts/{id}/samples",
            samples::samples,
            op("Both sides and all gates over time, at most 600 points").answers::<v1::Samples>(200),
        )
        .get(
            "/api/v1/rollouts/{id}/gates",
            parts::gates,
            op("Its gates and how they changed").answers::<v1::Gates>(200),
        )
        .get(
            "/api/v1/rollouts/{id}/evidence",
            parts::evidence,
            op("What its verdict rests on").answers::<v1::Evidence>(200),
        )
        .get(
            "/api/v1/releases/{id}",
            releases::one,
            op("A release of several services").answers::<v1::Release>(200),
        )
}

fn access(table: Table) -> Table {
    table
        .get(
            "/api/v1/session",
            login::session,
            op("Who the server takes the caller for").answers::<v1::Session>(200),
        )
        .post(
            "/api/v1/logins",
            login::link,
            op("A link that signs a browser in").answers::<v1::LoginLink>(200),
        )
        .post("/api/v1/logout", login::leave, op("Ends the browser's session").answers::<v1::Accepted>(200))
        .get(
            "/api/v1/sessions",
            sessions::list,
            op("Browsers that are signed in").answers::<v1::SessionList>(200),
        )
        .post(
            "/api/v1/sessions/{name}/end",
            sessions::end,
            op("Signs out every browser of this name")
                .takes::<v1::ReasonRequest>()
                .answers::<v1::SessionsEnded>(200),
        )
        .get("/api/v1/tokens", tokens::list, op("All tokens, without secrets").answers::<v1::TokenList>(200))
        .post(
            "/api/v1/tokens",
            tokens::create,
            op("Makes a token; its secret is shown this once")
                .takes::<v1::TokenRequest>()
                .answers::<v1::TokenCreated>(201),
        )
        .get("/api/v1/tokens/{id}", tokens::one, op("One token").answers::<v1::Token>(200))
        .post(
            "/api/v1/tokens/{id}/revoke",
            tokens::revoke,
            op("Ends a token at once").takes::<v1::ReasonRequest>().answers::<v1::Token>(200),
        )
}

fn commanding(table: Table) -> Table {
    let vote = |summary| op(summary).takes::<v1::VoteRequest>().answers::<v1::Approval>(200);
    let started = |operation: Operation| operation.answers::<v1::Deployed>(200).answers::<v1::Deployed>(202);
    table
        .post(
            "/api/v1/services/{name}/rollouts",
            commands::deploy,
            started(op("Starts a rollout to what the server's file describes").takes::<v1::DeployRequest>()),
        )
        .post(
            "/api/v1/services/{name}/plan",
            commands::plan,
            op("What a deploy would do now").answers::<v1::Plan>(200),
        )
        .post(
            "/api/v1/plans",
            asks::plan,
            op("What a deploy would do now").takes::<v1::PlanRequest>().answers::<v1::Plan>(200),
        )
        .post(
            "/api/v1/validate",
            asks::validate,
            op("The findings of a configuration; nothing of it is run")
                .query("environment", Kind::Text, "As it is in this environment.")
                .takes_text("text/plain")
                .answers::<v1::Validation>(200),
        )
        .post(
            "/api/v1/services/{name}/rollback",
            commands::rollback,
            started(op("Goes back to the revision before, or a named one").takes::<v1::RollbackRequest>()),
        )
        .post(
            "/api/v1/releases/{id}",
            releases::start,
            op("Starts the release that the server's file describes under this name")
                .takes::<v1::ReleaseRequest>()
                .answers::<v1::ReleaseAccepted>(202),
        )
        .post(
            "/api/v1/releases/{id}/abort",
            releases::abort,
            op("Takes a release back").takes::<v1::ReleaseRequest>().answers::<v1::ReleaseAccepted>(200),
        )
        .post(
            "/api/v1/services/{name}/freeze",
            policy::freeze,
            op("Lets no change begin").takes::<v1::FreezeRequest>().may_answer::<v1::Frozen>(200),
        )
        .post(
            "/api/v1/services/{name}/unfreeze",
            policy::unfreeze,
            op("Lets changes begin again").takes::<v1::ReasonRequest>().answers::<v1::Accepted>(200),
        )
        .post("/api/v1/services/{name}/approve", policy::approve, vote("Agrees to what is asked for"))
        .post("/api/v1/services/{name}/reject", policy::reject, vote("Says no to what is asked for"))
        .post(
            "/api/v1/shutdown",
            commands::shutdown,
            op("Stops control; through the unix socket only").answers::<v1::Accepted>(202),
        )
        .post(
            "/api/v1/upgrade",
            commands::upgrade,
            op("Replaces the running binary; through the unix socket only")
                .takes::<v1::UpgradeRequest>()
                .answers::<v1::Accepted>(200),
        )
}

/// The same command to a rollout by its number, and to whatever rollout a service has.
fn with_command(table: Table, command: Command) -> Table {
    let key = command_key(command.name());
    let to_rollout =
        move |app, id, who, seen, asked| commands::to_rollout(app, command, id, who, seen, asked);
    let to_service =
        move |app, name, who, seen, asked| commands::to_service(app, command, name, who, seen, asked);
    let said = || op("Says this command").takes::<v1::CommandRequest>().answers::<v1::Commanded>(200);
    table.post(&format!("/api/v1/rollouts/{{id}}/{key}"), to_rollout, said()).post(
        &format!("/api/v1/services/{{name}}/{key}"),
        to_service,
        said(),
    )
}

async fn nothing_here(uri: http::Uri) -> Refusal {
    Refusal::new(Code::NotFound, format!("nothing is at {}", uri.path()))
}

async fn other_method(method: http::Method, uri: http::Uri) -> Refusal {
    Refusal::new(Code::MethodNotAllowed, format!("{} does not take {method}", uri.path()))
}
