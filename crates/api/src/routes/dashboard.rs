//! The page: one document for every address, with the answers of the API that it begins with inside, and its files.
//!
//! The files are built from `dashboard/` and committed there, so that building the binary needs Rust alone. Scripts and
//! styles come from files only: the document's policy allows nothing inline.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value};
use staunch_model::RolloutId;
use staunch_rollout::Report;

use super::pages::escape;
use super::{badge, pages, reports, rollouts, samples, services};
use crate::app::Shared;
use crate::codes::Code;
use crate::problem::{Answer, Problem, Refusal};
use crate::v1;

struct File {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

macro_rules! file {
    ($name:literal, $kind:literal) => {
        File {
            name: $name,
            kind: $kind,
            bytes: include_bytes!(concat!("../../../../dashboard/dist/", $name)),
        }
    };
}

const FILES: [File; 3] = [
    file!("app.js", "text/javascript; charset=utf-8"),
    file!("app.css", "text/css; charset=utf-8"),
    file!("icon.svg", "image/svg+xml"),
];

/// Pages beside services and rollouts. No service's name begins with `-`.
const SECTIONS: [&str; 4] = ["approvals", "budgets", "audit", "guards"];

const POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
form-action 'none'; frame-ancestors 'none'";

/// Changes whenever a file does: what is in a browser's cache under an older one is never asked for again.
static EDITION: LazyLock<String> = LazyLock::new(|| {
    let bytes = FILES.iter().flat_map(|file| file.bytes);
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
});

/// Rollouts that a list begins with.
const LISTED: usize = 50;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/", get(overview))
        .route("/-/{file}", get(file_or_section))
        .route("/{service}", get(service))
        .route("/{service}/badge.svg", get(badge::badge))
        .route("/{service}/{rollout}", get(reports::page))
}

async fn file_or_section(State(app): State<Shared>, Path(name): Path<String>) -> Answer<Response> {
    if let Some(file) = FILES.iter().find(|file| file.name == name) {
        let kept = "public, max-age=31536000, immutable";
        let headers = [(header::CONTENT_TYPE, file.kind), (header::CACHE_CONTROL, kept)];
        return Ok((headers, file.bytes).into_response());
    }
    if !SECTIONS.contains(&name.as_str()) {
        return Err(Refusal::new(Code::NotFound, format!("nothing is at /-/{name}")));
    }
    let snapshot = Snapshot::begin(&app).await?;
    Ok(snapshot.document(&name, &pages::overview(&app)))
}

async fn overview(State(app): State<Shared>) -> Answer<Response> {
    let mut snapshot = Snapshot::begin(&app).await?;
    snapshot.list(&app, None).await?;
    Ok(snapshot.document("Services", &pages::overview(&app)))
}

async fn service(
    State(app): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Answer<Response> {
    let mut snapshot = Snapshot::begin(&app).await?;
    if let Err(refusal) = app.view(&name) {
        // A person sees a page, a program the problem that every other address has.
        let nothing = || Refusal::new(Code::NotFound, format!("nothing is at /{name}"));
        return if wants_page(&headers) { Ok(snapshot.refused(refusal)) } else { Err(nothing()) };
    }
    snapshot.list(&app, Some(&name)).await?;
    Ok(snapshot.document(&name, &pages::overview(&app)))
}

/// What a person sees who asks for something that is not there.
pub(super) async fn refused(app: &Shared, refusal: Refusal) -> Answer<Response> {
    Ok(Snapshot::begin(app).await?.refused(refusal))
}

fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// The page of a rollout, with all that is known of it.
pub(super) async fn rollout(app: &Shared, report: &Report) -> Answer<Response> {
    let id = RolloutId(report.rollout);
    let mut snapshot = Snapshot::begin(app).await?;
    let at = format!("/api/v1/rollouts/{id}");
    snapshot.put(at.clone(), &rollouts::detail(app, id).await?.1);
    snapshot.put(format!("{at}/report"), &v1::Report::from(report));
    snapshot.put(format!("{at}/events"), &samples::recorded(app, id).await?);
    Ok(snapshot.document(&report.headline(), &pages::preformatted(&report.text())))
}

/// Answers of the API by their address: the page looks here before it asks.
struct Snapshot(Map<String, Value>);

impl Snapshot {
    /// The cursor is read before the state: what happens in between is seen twice rather than never.
    async fn begin(app: &Shared) -> Answer<Self> {
        let mut snapshot = Self(Map::new());
        snapshot.put("/api/v1/meta".to_owned(), &super::meta::describe(app).await?);
        snapshot.put("/api/v1/services".to_owned(), &services::listed(app));
        Ok(snapshot)
    }

    fn put(&mut self, address: String, answer: &impl Serialize) {
        // What cannot be written is asked for by the page itself.
        if let Ok(value) = serde_json::to_value(answer) {
            self.0.insert(address, value);
        }
    }

    async fn list(&mut self, app: &Shared, service: Option<&str>) -> Answer<()> {
        let name = service.map(|name| app.service(name)).transpose()?;
        let list = rollouts::listed(app, name, LISTED, None).await?;
        let filter = service.map(|name| format!("service={name}&")).unwrap_or_default();
        self.put(format!("/api/v1/rollouts?{filter}limit={LISTED}"), &list);
        Ok(())
    }

    fn refused(self, refusal: Refusal) -> Response {
        let problem = Problem::from(refusal);
        let plain = format!("<p>{}</p>", escape(&problem.detail));
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::NOT_FOUND);
        let mut response = self.document(&problem.title, &plain);
        *response.status_mut() = status;
        response
    }

    /// `plain` is markup for browsers without scripts.
    fn document(self, title: &str, plain: &str) -> Response {
        let edition = EDITION.as_str();
        // The only way out of the element is `</`, and JSON can do without `<`.
        let data = Value::Object(self.0).to_string().replace('<', "\\u003c");
        let title = escape(title);
        let page = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
<meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} · Staunch</title>\n\
<link rel=\"icon\" href=\"/-/icon.svg?{edition}\">\n<link rel=\"stylesheet\" href=\"/-/app.css?{edition}\">\n\
<script type=\"application/json\" id=\"snapshot\">{data}</script>\n\
<script type=\"module\" src=\"/-/app.js?{edition}\"></script>\n\
<body><div id=\"app\"></div><noscript>{plain}</noscript></body>\n</html>\n"
        );
        let mut response = ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response();
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        response
    }
}
