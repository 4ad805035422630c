//! What every refusal looks like: RFC 9457 problem details.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use staunch_control::Refused;
use staunch_ports::JournalError;
use staunch_rollout::Stop;

use crate::codes::{Code, CodeInfo, code};
use crate::v1::{PolicyFinding, Time, command_key};

/// `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
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
    findings: Vec<PolicyFinding>,
}

pub(crate) type Answer<T> = Result<T, Refusal>;

impl Refusal {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), allowed: vec![], thaw_at: None, findings: vec![] }
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
            findings: refusal.findings,
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
        Self { code, detail, allowed, thaw_at, findings: found }
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
        let problem = Problem::from(self);
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(problem)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}
