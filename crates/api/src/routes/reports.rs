//! The evidence bundle of a rollout, by the one renderer, in three forms.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use serde::Deserialize;
use staunch_model::RolloutId;

use super::rollouts::unknown;
use crate::app::Shared;
use crate::codes::Code;
use crate::intake::{Params, rollout_id};
use crate::problem::{Answer, Refusal};
use crate::routes::dashboard;
use crate::v1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Format {
    Json,
    Text,
    Md,
    Html,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReportQuery {
    format: Option<Format>,
}

pub(super) async fn report(
    State(app): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Params(query): Params<ReportQuery>,
) -> Answer<Response> {
    let format = query.format.or_else(|| accepted(&headers)).unwrap_or(Format::Json);
    render(&app, rollout_id(&id)?, None, format).await
}

/// `/shop/2`, `/shop/2.txt`, `/shop/2.md`, `/shop/2.json`: the same thing outside the API, to be linked to.
pub(super) async fn page(
    State(app): State<Shared>,
    Path((service, rollout)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer<Response> {
    let (id, suffix) = rollout.split_once('.').map_or((rollout.as_str(), None), |(id, s)| (id, Some(s)));
    let format = match suffix {
        None => accepted(&headers).unwrap_or(Format::Text),
        Some("txt") => Format::Text,
        Some("md") => Format::Md,
        Some("json") => Format::Json,
        Some(other) => {
            return Err(Refusal::new(Code::NotFound, format!("there is no form `.{other}` of a report")));
        }
    };
    let shown = match rollout_id(id) {
        Ok(id) => render(&app, id, Some(&service), format).await,
        Err(refusal) => Err(refusal),
    };
    match shown {
        Err(refusal) if format == Format::Html => dashboard::refused(&app, refusal).await,
        shown => shown,
    }
}

/// The first form that the reader names.
fn accepted(headers: &HeaderMap) -> Option<Format> {
    let accept = headers.get(header::ACCEPT)?.to_str().ok()?;
    accept.split(',').find_map(|kind| match kind.split(';').next()?.trim() {
        "application/json" => Some(Format::Json),
        "text/plain" => Some(Format::Text),
        "text/markdown" => Some(Format::Md),
        "text/html" => Some(Format::Html),
        _ => None,
    })
}

async fn render(app: &Shared, id: RolloutId, service: Option<&str>, format: Format) -> Answer<Response> {
    let report = app.journal(move |handle| handle.report(id)).await?;
    let ours = |report: &staunch_rollout::Report| service.is_none_or(|service| service == report.service);
    let report = report.filter(ours).ok_or_else(|| unknown(id))?;
    let typed = |kind: &'static str, text: String| ([(header::CONTENT_TYPE, kind)], text).into_response();
    Ok(match format {
        Format::Json => Json(v1::Report::from(&report)).into_response(),
        Format::Text => typed("text/plain; charset=utf-8", report.text()),
        Format::Md => typed("text/markdown; charset=utf-8", report.markdown()),
        Format::Html => dashboard::rollout(app, &report).await?,
    })
}
