//! How a browser gets in: a link that works once, a form that it opens, a cookie.
//!
//! The link itself does nothing when it is only looked at: whatever previews links must not use it up.

use std::future::Future;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, Uri, header};
use staunch_model::Deed;
use staunch_rollout::HouseEvent;

use super::{oidc, pages};
use crate::access::{Guest, LINK_LIFE};
use crate::app::{App, Shared};
use crate::codes::Code;
use crate::problem::{Answer, Refusal};
use crate::v1::{Accepted, LoginLink, Session, Time};
use crate::who::{Caller, Peer, Via, cookie, cookie_name, shut_out, source};

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
    if is_code(code) { form_page("/login", &[("code", code)]) } else { pages::locked_out(used_up()) }
}

/// A form with these hidden fields, which sends itself.
pub(super) fn form_page(action: &str, fields: &[(&str, &str)]) -> Response {
    let field = |(name, value): &(&str, &str)| {
        format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", pages::escape(value))
    };
    let fields: String = fields.iter().map(field).collect();
    let body = format!(
        "<h1>Sign in</h1><form method=\"post\" action=\"{action}\">{fields}<button>Sign in</button></form>\
         <script src=\"/login.js\"></script>"
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

pub(super) async fn enter(
    State(app): State<Shared>,
    extensions: Extensions,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    patiently(&app, &extensions, &headers, sign_in(&app, &body)).await
}

async fn sign_in(app: &App, body: &[u8]) -> Answer<Response> {
    let code = std::str::from_utf8(body).ok().and_then(|body| body.trim().strip_prefix("code="));
    let guest = code.filter(|code| is_code(code)).and_then(|code| app.access.redeem(code));
    let_in(app, guest.ok_or_else(used_up)?, None, "/").await
}

/// Whoever fails often has to wait; what is the server's own fault is nobody's failure.
pub(super) async fn patiently(
    app: &App,
    extensions: &Extensions,
    headers: &HeaderMap,
    signing_in: impl Future<Output = Answer<Response>>,
) -> Response {
    let source = source(app, extensions.get::<Peer>().copied(), headers);
    if let Some(seconds) = source.and_then(|source| app.access.shut_out(source)) {
        return pages::locked_out(shut_out(seconds));
    }
    let entered = signing_in.await.inspect_err(|refusal| {
        if matches!(refusal.code, Code::LinkInvalid | Code::SignInRefused) {
            app.metrics.login_failures.inc();
            source.inspect(|source| app.access.note_failure(*source));
        }
    });
    entered.unwrap_or_else(pages::locked_out)
}

/// Recorded before it takes effect.
pub(super) async fn let_in(app: &App, guest: Guest, provider: Option<String>, to: &str) -> Answer<Response> {
    let (now, life) = (app.handle.now(), guest.life);
    let event = HouseEvent::SignedIn { role: guest.role, expires: now.plus(life), provider };
    app.handle.note(event, &guest.name).await?;
    let (text, _) = app.access.open_session(guest, now).await?;
    let cookie = session_cookie(app, life).set(app, &text);
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, to), (header::SET_COOKIE, &cookie)], "").into_response())
}

pub(super) struct Cookie {
    pub(super) name: String,
    pub(super) path: &'static str,
    pub(super) life: Duration,
}

impl Cookie {
    /// Strict: no other site's link or form carries it. No script reads it. Without a value it ends.
    pub(super) fn set(&self, app: &App, value: &str) -> String {
        let Self { name, path, life } = self;
        let secure = if app.door.is_secure() { "; Secure" } else { "" };
        let seconds = if value.is_empty() { 0 } else { life.as_secs() };
        format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
    }
}

fn session_cookie(app: &App, life: Duration) -> Cookie {
    Cookie { name: cookie_name(app), path: "/", life }
}

pub(super) async fn leave(State(app): State<Shared>, headers: HeaderMap) -> Answer<Response> {
    if let Some(text) = cookie(&app, &headers) {
        app.access.end_session(text).await?;
    }
    let message = "signed out".to_owned();
    let ended = session_cookie(&app, Duration::ZERO).set(&app, "");
    Ok(([(header::SET_COOKIE, ended)], Json(Accepted { message })).into_response())
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
        sign_in: app.oidc.as_ref().map(|_| oidc::BEGIN.to_owned()),
        name: caller.name,
    })
}

fn is_code(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn used_up() -> Refusal {
    Refusal::new(Code::LinkInvalid, "this link was used, or is older than a minute")
}
