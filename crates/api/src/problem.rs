//! What every refusal looks like: RFC 9457 problem details.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use staunch_control::Refused;
use staunch_ports::JournalError;
use staunch_rollout::Stop;
use utoipa::ToSchema;

use crate::codes::{Code, CodeInfo, code};
use crate::v1::{PolicyFinding, Time, command_key};

/// `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    /// `/errors/<code>`, a page of the same server.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    pub code: String,
    /// Commands that are possible now, as the last part of their address.
    #[serde(default)]
    pub allowed_actions: Vec<String>,
    pub help: String,
    /// When a frozen error budget thaws at the latest if nothing more fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thaw_at: Option<Time>,
    /// What speaks against a deploy, the gravest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<PolicyFinding>,
    /// The place in the request's body (RFC 6901); empty is all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
}

impl Problem {
    /// The exit code of a command that ends with this problem.
    pub fn exit_code(&self) -> u8 {
        code(&self.code).map_or(1, |info: &CodeInfo| info.exit)
    }
}

/// A problem before it is written out.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    pub(crate) detail: String,
    allowed: Vec<String>,
    thaw_at: Option<Time>,
    findings: Box<[PolicyFinding]>,
    /// Whole seconds.
    retry_after: Option<u64>,
    pointer: Option<Box<str>>,
}

pub(crate) type Answer<T> = Result<T, Refusal>;

impl Refusal {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            allowed: vec![],
            thaw_at: None,
            findings: Box::default(),
            retry_after: None,
            pointer: None,
        }
    }

    pub(crate) fn at(self, pointer: String) -> Self {
        Self { pointer: Some(pointer.into()), ..self }
    }

    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let info = refusal.code.info();
        Self {
            kind: format!("/errors/{}", info.code),
            title: info.title.to_owned(),
            status: info.status,
            detail: refusal.detail,
            code: info.code.to_owned(),
            allowed_actions: refusal.allowed.iter().map(|name| command_key(name)).collect(),
            help: info.help.to_owned(),
            thaw_at: refusal.thaw_at,
            findings: refusal.findings.into_vec(),
            pointer: refusal.pointer.map(String::from),
        }
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        let detail = refused.to_string();
        let mut thaw_at = None;
        let mut found = vec![];
        let (code, allowed) = match refused {
            Refused::Preflight { stop, findings, .. } => {
                found = findings.iter().map(PolicyFinding::from).collect();
                (stopped(stop), vec![])
            }
            Refused::NotAllowed { .. } => (Code::NotAllowed, vec![]),
            Refused::UnknownService(_) => (Code::UnknownService, vec![]),
            Refused::UnknownRevision { .. } => (Code::UnknownRevision, vec![]),
            Refused::UnknownRelease { .. } => (Code::UnknownRelease, vec![]),
            Refused::Conflict { allowed, .. } => (Code::Conflict, allowed),
            Refused::Config(_) => (Code::ConfigInvalid, vec![]),
            Refused::Platform(_) => (Code::PlatformRefused, vec![]),
            Refused::Journal(_) => (Code::JournalRefused, vec![]),
            Refused::Stopping => (Code::Stopping, vec![]),
            Refused::Frozen(frozen) => {
                thaw_at = frozen.thaw_at.map(Time);
                (Code::BudgetFrozen, vec![])
            }
            Refused::NotAPass { .. } => (Code::NotAPass, vec![]),
        };
        Self { code, detail, allowed, thaw_at, findings: found.into(), retry_after: None, pointer: None }
    }
}

fn stopped(stop: Stop) -> Code {
    match stop {
        Stop::Policy => Code::PolicyRefused,
        Stop::Budget => Code::BudgetFrozen,
        Stop::Approval => Code::ApprovalNeeded,
        Stop::Rejected => Code::ApprovalRejected,
    }
}

impl From<JournalError> for Refusal {
    fn from(error: JournalError) -> Self {
        Self::new(Code::JournalRefused, error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let retry_after = self.retry_after;
        let problem = Problem::from(self);
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(problem)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, kind);
        headers.extend(retry_after.map(|seconds| (header::RETRY_AFTER, HeaderValue::from(seconds))));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"staunch\""));
        }
        response
    }
}
