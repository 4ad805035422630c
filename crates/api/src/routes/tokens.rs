//! Giving and taking access. Recorded before it takes effect.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use staunch_model::{Role, Timestamp, TokenRecord};
use staunch_rollout::HouseEvent;

use super::commands::to_the_end;
use crate::access::{TOKEN_PREFIX, digest, fresh};
use crate::app::Shared;
use crate::codes::Code;
use crate::intake::Asked;
use crate::problem::{Answer, Refusal};
use crate::v1::{ReasonRequest, Token, TokenCreated, TokenList, TokenRequest};
use crate::who::{Who, is_name};

/// Longest life of a token that has an end: a hundred years.
const LONGEST_MS: u64 = 100 * 365 * 24 * 3_600 * 1_000;
const MOST_ENVIRONMENTS: usize = 64;

pub(super) async fn list(State(app): State<Shared>) -> Json<TokenList> {
    let now = app.handle.now();
    let mut tokens: Vec<_> = app.access.tokens().iter().map(|token| Token::of(token, now)).collect();
    tokens.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| a.id.cmp(&b.id)));
    Json(TokenList { tokens })
}

pub(super) async fn create(
    State(app): State<Shared>,
    Who(by): Who,
    Asked(asked): Asked<TokenRequest>,
) -> Answer<Response> {
    let now = app.handle.now();
    let reason = asked.reason.clone().unwrap_or_default();
    let secret = fresh(TOKEN_PREFIX)?;
    let record = described(asked, &secret, &by, now)?;
    if app.access.find(&record.name, now).is_some() {
        let detail =
            format!("{} has a token that works: revoke it first, or choose another name", record.name);
        return Err(Refusal::new(Code::TokenExists, detail));
    }
    if !app.access.has_room(now) {
        return Err(Refusal::new(Code::TokenExists, "a thousand tokens work: revoke some first"));
    }
    let token = Token::of(&record, now);
    // Whoever hangs up now has a token that was recorded and is listed, and whose secret nobody knows.
    to_the_end(async move {
        let event = HouseEvent::TokenCreated {
            id: record.id.clone(),
            name: record.name.clone(),
            role: record.role,
            environments: record.environments.clone(),
            expires: record.expires,
            reason,
        };
        app.handle.note(event, &by).await?;
        app.access.put_token(record).await
    })
    .await?;
    let place = HeaderValue::try_from(format!("/api/v1/tokens/{}", token.id));
    let mut response = (StatusCode::CREATED, Json(TokenCreated { secret, token })).into_response();
    response.headers_mut().extend(place.map(|place| (header::LOCATION, place)));
    Ok(response)
}

fn described(asked: TokenRequest, secret: &str, by: &str, now: Timestamp) -> Answer<TokenRecord> {
    let wrong = |detail: String| Refusal::new(Code::BadRequest, detail);
    let TokenRequest { name, role, environments, expires_in_ms, .. } = asked;
    if !is_name(&name) {
        return Err(wrong("`name` is 1 to 64 printable characters".to_owned()));
    }
    let roles = || Role::ALL.map(Role::name).join(", ");
    let role = Role::parse(&role).ok_or_else(|| wrong(format!("`role` is one of {}", roles())))?;
    let well = environments.len() <= MOST_ENVIRONMENTS && environments.iter().all(|name| is_name(name));
    if !well {
        return Err(wrong("`environments` is a list of at most 64 names".to_owned()));
    }
    if expires_in_ms.is_some_and(|ms| ms == 0 || ms > LONGEST_MS) {
        return Err(wrong(format!("`expires_in_ms` is 1 to {LONGEST_MS}")));
    }
    let digest = digest(secret);
    Ok(TokenRecord {
        id: crate::access::hex(&digest[..6]),
        name,
        role,
        environments,
        digest,
        created: now,
        created_by: by.to_owned(),
        expires: expires_in_ms.map(|ms| now.plus(Duration::from_millis(ms))),
        revoked: None,
    })
}

pub(super) async fn one(State(app): State<Shared>, Path(id): Path<String>) -> Answer<Json<Token>> {
    let now = app.handle.now();
    let record = app.access.find(&id, now).ok_or_else(|| unknown(&id))?;
    Ok(Json(Token::of(&record, now)))
}

/// By id, or by the name of one that works. Revoking twice is no error.
pub(super) async fn revoke(
    State(app): State<Shared>,
    Path(id): Path<String>,
    Who(by): Who,
    Asked(asked): Asked<ReasonRequest>,
) -> Answer<Json<Token>> {
    let now = app.handle.now();
    let record = app.access.find(&id, now).ok_or_else(|| unknown(&id))?;
    if record.revoked.is_some() {
        return Ok(Json(Token::of(&record, now)));
    }
    let revoked = TokenRecord { revoked: Some(now), ..record };
    let (kept, reason) = (revoked.clone(), asked.reason.unwrap_or_default());
    to_the_end(async move {
        // Access is taken even when it cannot be recorded: that never makes anything less safe.
        let event = HouseEvent::TokenRevoked { id: kept.id.clone(), name: kept.name.clone(), reason };
        let noted = app.handle.note(event, &by).await;
        app.access.put_token(kept).await?;
        noted.map_err(Refusal::from)
    })
    .await?;
    Ok(Json(Token::of(&revoked, now)))
}

fn unknown(id: &str) -> Refusal {
    Refusal::new(Code::UnknownToken, format!("there is no token `{id}`"))
}
