//! What every refusal looks like: RFC 9457 problem details.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use staunch_control::Refused;
use staunch_ports::JournalError;

use crate::codes::{Code, CodeInfo, code};
use crate::v1::command_key;

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
}

pub(crate) type Answer<T> = Result<T, Problem>;

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        let info = code.info();
        Self {
            kind: format!("/errors/{}", info.code),
            title: info.title.to_owned(),
            status: info.status,
            detail: detail.into(),
            code: info.code.to_owned(),
            allowed_actions: vec![],
            help: info.help.to_owned(),
        }
    }

    fn allowing(mut self, allowed: &[String]) -> Self {
        self.allowed_actions = allowed.iter().map(|name| command_key(name)).collect();
        self
    }

    /// The exit code of a command that ends with this problem.
    pub fn exit_code(&self) -> u8 {
        code(&self.code).map_or(1, |info: &CodeInfo| info.exit)
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let detail = refused.to_string();
        match refused {
            Refused::UnknownService(_) => Self::new(Code::UnknownService, detail),
            Refused::UnknownRevision { .. } => Self::new(Code::UnknownRevision, detail),
            Refused::Conflict { allowed, .. } => Self::new(Code::Conflict, detail).allowing(&allowed),
            Refused::Config(_) => Self::new(Code::ConfigInvalid, detail),
            Refused::Platform(_) => Self::new(Code::PlatformRefused, detail),
            Refused::Journal(_) => Self::new(Code::JournalRefused, detail),
            Refused::Stopping => Self::new(Code::Stopping, detail),
        }
    }
}

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        Self::new(Code::JournalRefused, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(self)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}
