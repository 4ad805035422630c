//! How a browser gets in: a link that works once, a form that it opens, a cookie.
//!
//! The link itself does nothing when it is only looked at: whatever previews links must not use it up.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, Uri, header};
use staunch_model::Deed;
use staunch_rollout::HouseEvent;

use super::pages;
use crate::access::{LINK_LIFE, SESSION_LIFE};
use crate::app::{App, Shared};
use crate::codes::Code;
use crate::problem::{Answer, Refusal};
use crate::v1::{Accepted, LoginLink, Session, Time};
use crate::who::{Caller, Peer, Via, cookie, cookie_name, shut_out};

/// Sends the form at once; without it a person presses the button.
const SCRIPT: &str = "document.forms[0].submit();\n";
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; form-action 'self'; \
                      frame-ancestors 'none'";

/// Who asks is who will be signed in, with the same role.
pub(super) async fn link(State(app): State<Shared>, caller: Caller) -> Answer<Json<LoginLink>> {
    let Caller { name, role, via, token } = caller;
    let Some(role) = role.filter(|_| via != Via::Local) else {
        return Err(Refusal::new(Code::LoginNeeded, "nobody is known here who could be signed in"));
    };
    let code = app.access.link(name, role, token)?;
    let expires_at = Time(app.handle.now().plus(LINK_LIFE));
    Ok(Json(LoginLink { url: format!("{}/login?code={code}", app.door.base(app.tcp)), expires_at }))
}

pub(super) async fn form(uri: Uri) -> Response {
    let code = uri.query().and_then(|query| query.strip_prefix("code=")).unwrap_or_default();
    if !is_code(code) {
        return pages::locked_out(used_up());
    }
    let body = format!(
        "<h1>Sign in</h1><form method=\"post\" action=\"/login\"><input type=\"hidden\" name=\"code\" \
         value=\"{code}\"><button>Sign in</button></form><script src=\"/login.js\"></script>"
    );
    let mut response = pages::html("Sign in", &body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // Without any referrer a browser sends the form from the origin `null`, and it would be taken for another site's.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

pub(super) async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT).into_response()
}

pub(super) async fn enter(State(app): State<Shared>, extensions: Extensions, body: Bytes) -> Response {
    match sign_in(&app, &extensions, &body).await {
        Ok(response) => response,
        Err(refusal) => pages::locked_out(refusal),
    }
}

async fn sign_in(app: &App, extensions: &Extensions, body: &[u8]) -> Answer<Response> {
    let source = match extensions.get() {
        Some(Peer::Tcp { ip }) => Some(*ip),
        Some(Peer::Unix { .. }) | None => None,
    };
    if let Some(seconds) = source.and_then(|source| app.access.shut_out(source)) {
        return Err(shut_out(seconds));
    }
    let code = std::str::from_utf8(body).ok().and_then(|body| body.trim().strip_prefix("code="));
    let link = code.filter(|code| is_code(code)).and_then(|code| app.access.redeem(code));
    let Some(link) = link else {
        app.metrics.login_failures.inc();
        source.inspect(|source| app.access.note_failure(*source));
        return Err(used_up());
    };
    let now = app.handle.now();
    let event = HouseEvent::SignedIn { role: link.role, expires: now.plus(SESSION_LIFE) };
    app.handle.note(event, &link.name).await?;
    let (text, _) = app.access.open_session(link, now).await?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, "/"), (header::SET_COOKIE, &set_cookie(app, &text))], "")
        .into_response())
}

/// Strict: no other site's link or form carries it. No script reads it.
fn set_cookie(app: &App, text: &str) -> String {
    let secure = if app.door.is_secure() { "; Secure" } else { "" };
    let (name, seconds) = (cookie_name(app), if text.is_empty() { 0 } else { SESSION_LIFE.as_secs() });
    format!("{name}={text}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

pub(super) async fn leave(State(app): State<Shared>, headers: HeaderMap) -> Answer<Response> {
    if let Some(text) = cookie(&app, &headers) {
        app.access.end_session(text).await?;
    }
    let message = "signed out".to_owned();
    Ok(([(header::SET_COOKIE, set_cookie(&app, ""))], Json(Accepted { message })).into_response())
}

pub(super) async fn session(State(app): State<Shared>, caller: Caller) -> Json<Session> {
    let may = |deed| caller.role.is_some_and(|role| role.may(deed));
    Json(Session {
        role: caller.role.map(|role| role.name().to_owned()),
        via: caller.via.name().to_owned(),
        environment: app.access.environment.clone(),
        login_needed: matches!(caller.via, Via::Local | Via::Nobody) && !may(Deed::Steer),
        may_deploy: may(Deed::Steer),
        may_approve: may(Deed::Vote),
        may_administer: may(Deed::Administer),
        name: caller.name,
    })
}

fn is_code(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn used_up() -> Refusal {
    Refusal::new(Code::LinkInvalid, "this link was used, or is older than a minute")
}
