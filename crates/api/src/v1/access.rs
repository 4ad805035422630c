//! Who has access, on the wire. A token itself is in one answer only: that of its creation.

use serde::{Deserialize, Serialize};
use staunch_model::{SessionRecord, TokenRecord};
use utoipa::ToSchema;

use super::Time;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TokenRequest {
    /// Whose deeds these will be: 1 to 64 printable characters; kept in the journal.
    pub name: String,
    /// `viewer`, `deployer`, `approver` or `admin`.
    pub role: String,
    /// Left out: all.
    pub environments: Vec<String>,
    /// Left out: until it is revoked.
    pub expires_in_ms: Option<u64>,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    pub id: String,
    pub name: String,
    pub role: String,
    /// Empty: all.
    pub environments: Vec<String>,
    pub created_at: Time,
    pub created_by: String,
    pub expires_at: Option<Time>,
    pub revoked_at: Option<Time>,
    /// Neither revoked nor expired.
    pub works: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenCreated {
    /// Shown this once; only its hash is kept.
    pub secret: String,
    pub token: Token,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenList {
    pub tokens: Vec<Token>,
}

impl Token {
    pub(crate) fn of(record: &TokenRecord, now: staunch_model::Timestamp) -> Self {
        Self {
            id: record.id.clone(),
            name: record.name.clone(),
            role: record.role.name().to_owned(),
            environments: record.environments.clone(),
            created_at: record.created.into(),
            created_by: record.created_by.clone(),
            expires_at: record.expires.map(Time),
            revoked_at: record.revoked.map(Time),
            works: record.works(now),
        }
    }
}

/// A browser that is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BrowserSession {
    pub name: String,
    pub role: String,
    /// What let it in: `link`, `token` (a link of its holder) or `provider`.
    pub by: String,
    pub created_at: Time,
    pub expires_at: Time,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionList {
    /// Newest first.
    pub sessions: Vec<BrowserSession>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionsEnded {
    pub name: String,
    pub ended: usize,
}

impl From<&SessionRecord> for BrowserSession {
    fn from(record: &SessionRecord) -> Self {
        let by = match (&record.terms, &record.token) {
            (Some(_), _) => "provider",
            (None, Some(_)) => "token",
            (None, None) => "link",
        };
        Self {
            name: record.name.clone(),
            role: record.role.name().to_owned(),
            by: by.to_owned(),
            created_at: record.created.into(),
            expires_at: record.expires.into(),
        }
    }
}

/// A link that opens one browser session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginLink {
    pub url: String,
    /// It works once, until then.
    pub expires_at: Time,
}

/// Who the server takes the caller for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    pub name: String,
    /// Absent for nobody.
    pub role: Option<String>,
    /// `socket`, `token`, `session`, `local` (any user of this machine) or `nobody`.
    pub via: String,
    pub environment: Option<String>,
    /// Acting needs a token, or a session by `staunch ui`.
    pub login_needed: bool,
    pub may_deploy: bool,
    pub may_approve: bool,
    pub may_administer: bool,
    /// Where a browser signs in through the provider; absent without one. `?to=` says where to go on.
    pub sign_in: Option<String>,
}
