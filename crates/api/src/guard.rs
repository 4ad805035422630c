//! Before any route: a web page of somewhere else must not reach the server through the user's browser.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, header};

use crate::app::Shared;
use crate::codes::Code;
use crate::problem::{Answer, Refusal};
use crate::who::Peer;

pub(crate) async fn guard(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let from_socket = matches!(request.extensions().get(), Some(Peer::Unix { .. }));
    // No browser speaks to a unix socket.
    let verdict =
        if from_socket { Ok(()) } else { admit(&request, app.tcp.to_string().as_str(), app.tcp.port()) };
    let mut response = match verdict {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    harden(response.headers_mut());
    response
}

fn admit(request: &Request, bound: &str, port: u16) -> Answer<()> {
    let ours = |host: &str| is_ours(host, bound, port);
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let named = request.uri().authority().is_none_or(|authority| ours(authority.as_str()));
    if !ours(host) || !named {
        return Err(Refusal::new(Code::ForbiddenHost, format!("`{host}` is not a name of this server")));
    }
    let looks = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    match request.headers().get(header::ORIGIN) {
        Some(origin) if !looks => from_us(origin, ours),
        Some(_) | None => Ok(()),
    }
}

fn from_us(origin: &HeaderValue, ours: impl Fn(&str) -> bool) -> Answer<()> {
    let origin = origin.to_str().unwrap_or_default();
    if origin.strip_prefix("http://").is_some_and(ours) {
        return Ok(());
    }
    Err(Refusal::new(Code::ForbiddenOrigin, format!("`{origin}` may look, but not send commands")))
}

fn is_ours(host: &str, bound: &str, port: u16) -> bool {
    let host = host.to_ascii_lowercase();
    if host == bound {
        return true;
    }
    let names = ["localhost", "127.0.0.1", "[::1]"];
    names.iter().any(|name| host == format!("{name}:{port}") || (port == 80 && host == *name))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_with_the_right_port_are_ours() {
        for good in ["localhost:7171", "LOCALHOST:7171", "127.0.0.1:7171", "[::1]:7171", "127.0.0.9:7171"] {
            assert!(is_ours(good, "127.0.0.9:7171", 7171), "{good}");
        }
        for bad in [
            "",
            "localhost",
            "localhost:80",
            "evil.example:7171",
            "127.0.0.1.evil.example:7171",
            "localhost:71711",
        ] {
            assert!(!is_ours(bad, "127.0.0.1:7171", 7171), "{bad}");
        }
        assert!(is_ours("localhost", "127.0.0.1:80", 80));
    }

    #[test]
    fn an_opaque_origin_is_not_us() {
        let ours = |host: &str| is_ours(host, "127.0.0.1:7171", 7171);
        assert!(from_us(&HeaderValue::from_static("http://localhost:7171"), ours).is_ok());
        for bad in
            ["null", "https://evil.example", "http://localhost:1", "http://localhost:7171.evil.example"]
        {
            assert!(from_us(&HeaderValue::from_static(bad), ours).is_err(), "{bad}");
        }
    }
}
