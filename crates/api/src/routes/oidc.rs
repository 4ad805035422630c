//! The browser's way through an OpenID provider: away, back, and in.
//!
//! Coming back does nothing by itself: the page that opens sends a form. So no GET acts, and the cookie of the attempt,
//! which other sites' links do not carry, comes along.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Extensions, HeaderMap, StatusCode, header};
use serde::Deserialize;

use super::login::{self, Cookie};
use super::pages;
use crate::access::Guest;
use crate::app::{App, Shared};
use crate::codes::Code;
use crate::intake::Params;
use crate::oidc::{ATTEMPT_LIFE, Attempt, Grant, Oidc, quoted, refused};
use crate::problem::{Answer, Refusal};
use crate::who::cookie_of;

pub(crate) const BEGIN: &str = "/login/oidc";
pub(crate) const BACK: &str = "/login/oidc/callback";
/// Codes are short; this is room for all that there are.
const LONGEST_CODE: usize = 4_096;

#[derive(Debug, Deserialize)]
pub(super) struct Begin {
    to: Option<String>,
}

pub(super) async fn begin(
    State(app): State<Shared>,
    headers: HeaderMap,
    Params(query): Params<Begin>,
) -> Response {
    send_away(&app, &headers, &query.to.unwrap_or_default()).await.unwrap_or_else(pages::locked_out)
}

async fn send_away(app: &App, headers: &HeaderMap, to: &str) -> Answer<Response> {
    let attempt = Attempt::new(to)?;
    let address = provider(app)?.address(&attempt, &here(app, headers)).await?;
    let cookie = attempt_cookie(app).set(app, &attempt.cookie());
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, address), (header::SET_COOKIE, cookie)], "")
        .into_response())
}

/// RFC 6749, 4.1.2, and RFC 9207.
#[derive(Debug, Deserialize)]
pub(super) struct Back {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

pub(super) async fn back(State(app): State<Shared>, Params(back): Params<Back>) -> Response {
    landed(&app, &back).unwrap_or_else(pages::locked_out)
}

fn landed(app: &App, back: &Back) -> Answer<Response> {
    let oidc = provider(app)?;
    if let Some(error) = &back.error {
        let why =
            back.error_description.as_deref().map(|why| format!(": {}", quoted(why))).unwrap_or_default();
        return Err(refused(format!("{} answers {}{why}", oidc.host(), quoted(error))));
    }
    if back.iss.as_ref().is_some_and(|issuer| issuer != oidc.issuer()) {
        return Err(refused("this answer is of another provider"));
    }
    match (&back.code, &back.state) {
        (Some(code), Some(state)) if code.len() <= LONGEST_CODE && state.len() <= LONGEST_CODE => {
            Ok(login::form_page(BEGIN, &[("code", code), ("state", state)]))
        }
        _ => Err(refused("the provider's answer has no code")),
    }
}

pub(super) async fn enter(
    State(app): State<Shared>,
    extensions: Extensions,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut response = login::patiently(&app, &extensions, &headers, sign_in(&app, &headers, &body)).await;
    // An attempt is good once, however it ends.
    let ended = attempt_cookie(&app).set(&app, "");
    if let Ok(ended) = ended.parse() {
        response.headers_mut().append(header::SET_COOKIE, ended);
    }
    response
}

async fn sign_in(app: &App, headers: &HeaderMap, body: &[u8]) -> Answer<Response> {
    let oidc = provider(app)?;
    let given =
        |wanted: &str| form_urlencoded::parse(body).find(|(name, _)| name == wanted).map(|(_, value)| value);
    let attempt = cookie_of(headers, &attempt_cookie(app).name).and_then(Attempt::parse);
    let attempt = attempt.filter(|attempt| given("state").is_some_and(|state| attempt.is_of(&state)));
    let Some(attempt) = attempt else {
        return Err(refused("this browser did not begin this, or it took longer than ten minutes"));
    };
    let (code, redirect, now) = (given("code").unwrap_or_default(), here(app, headers), app.handle.now());
    let person = oidc.person(&attempt, &Grant { code: &code, redirect: &redirect }, now).await?;
    let guest = Guest {
        name: person.name,
        role: person.role,
        token: None,
        terms: Some(oidc.terms),
        life: oidc.session(),
    };
    login::let_in(app, guest, Some(oidc.issuer().to_owned()), attempt.to()).await
}

fn provider(app: &App) -> Answer<&Oidc> {
    app.oidc
        .as_ref()
        .ok_or_else(|| Refusal::new(Code::NotFound, "no provider is set up: see `[control.oidc]`"))
}

/// The address that the provider sends browsers back to, by the name under which this one knows us.
fn here(app: &App, headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let scheme = if app.door.is_secure() { "https" } else { "http" };
    format!("{scheme}://{host}{BACK}")
}

fn attempt_cookie(app: &App) -> Cookie {
    Cookie { name: format!("staunch_login_{}", app.tcp.port()), path: BEGIN, life: ATTEMPT_LIFE }
}
