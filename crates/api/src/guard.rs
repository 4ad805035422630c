//! Before any route: a web page of somewhere else must not reach the server through the user's browser.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::app::{App, Shared};
use crate::codes::Code;
use crate::problem::{Answer, Refusal};
use crate::who::{Peer, cookie};

pub(crate) async fn guard(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let mut response = match admit(&app, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    app.metrics.note_request(&method, response.status());
    harden(response.headers_mut());
    response
}

fn admit(app: &App, request: &Request) -> Answer<()> {
    match request.extensions().get() {
        // No browser speaks to a unix socket.
        Some(Peer::Unix { .. }) => return Ok(()),
        Some(Peer::Tcp { ip }) if app.door.admits(*ip) => {}
        Some(Peer::Tcp { .. }) | None => {
            return Err(Refusal::new(Code::ProxyOnly, "this address is none of the trusted proxies"));
        }
    }
    named(app, request)?;
    let looks = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if looks { Ok(()) } else { from_us(app, request.headers()) }
}

fn named(app: &App, request: &Request) -> Answer<()> {
    let ours = |host: &str| app.door.is_ours(host, app.tcp);
    let host = text(request.headers(), &header::HOST).unwrap_or_default();
    let named = request.uri().authority().is_none_or(|authority| ours(authority.as_str()));
    if ours(host) && named {
        return Ok(());
    }
    Err(Refusal::new(Code::ForbiddenHost, format!("`{host}` is not a name of this server")))
}

/// Programs send neither header. A browser sends both, and with a cookie has to.
fn from_us(app: &App, headers: &HeaderMap) -> Answer<()> {
    let site = text(headers, &HeaderName::from_static("sec-fetch-site"));
    let refuse = |who: &str| {
        Err(Refusal::new(Code::ForbiddenOrigin, format!("`{who}` may look, but not send commands")))
    };
    if let Some(site) = site.filter(|site| !matches!(*site, "same-origin" | "none")) {
        return refuse(site);
    }
    match headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default()) {
        Some(origin) if app.door.is_our_origin(origin, app.tcp) => Ok(()),
        Some(origin) => refuse(origin),
        None if site.is_none() && cookie(app, headers).is_some() => {
            refuse("a page that does not say who it is")
        }
        None => Ok(()),
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

fn harden(headers: &mut HeaderMap) {
    let fixed = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ),
    ];
    for (name, value) in fixed {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}
