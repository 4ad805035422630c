//! Who asks: found out once for each request, and recorded with every command.

use std::net::IpAddr;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, header};
use staunch_model::Role;

use crate::access::Fault;
use crate::app::{App, Shared};
use crate::codes::Code;
use crate::problem::{Answer, Refusal};

/// Where a connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Tcp {
        ip: IpAddr,
    },
    /// A process of this machine, by its user.
    Unix {
        uid: u32,
    },
}

/// By what the server knows somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    /// The user of a process on this machine.
    Socket,
    Token,
    /// A browser that was let in by a link.
    Session,
    /// Some user of this machine: their name proves nothing.
    Local,
    Nobody,
}

impl Via {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::Token => "token",
            Self::Session => "session",
            Self::Local => "local",
            Self::Nobody => "nobody",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// What goes into the journal.
    pub(crate) name: String,
    /// `None` for who is nobody.
    pub(crate) role: Option<Role>,
    pub(crate) via: Via,
    /// The id of the token.
    pub(crate) token: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Refusal::new(Code::Internal, "nobody asked who this is"))
    }
}

/// The name that goes into the journal.
#[derive(Debug)]
pub(crate) struct Who(pub(crate) String);

impl<S: Sync> FromRequestParts<S> for Who {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        Ok(Self(Caller::from_request_parts(parts, state).await?.name))
    }
}

/// Puts the [`Caller`] into the request, or refuses one whose token does not work.
pub(crate) async fn identify(State(app): State<Shared>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    match caller(&app, peer, request.headers()) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

fn caller(app: &App, peer: Option<Peer>, headers: &HeaderMap) -> Answer<Caller> {
    let source = source(app, peer, headers);
    if let Some(given) = headers.get(header::AUTHORIZATION) {
        return by_token(app, source, given.to_str().unwrap_or_default());
    }
    if let Some(Peer::Unix { uid }) = peer {
        let name = match headers.get("x-staunch-actor") {
            Some(given) => name(given.as_bytes())?,
            None => login_name(uid),
        };
        return Ok(Caller { name, role: Some(Role::Admin), via: Via::Socket, token: None });
    }
    let cookie = cookie(app, headers);
    if let Some(session) = cookie.and_then(|text| app.access.session(text, app.handle.now())) {
        let (name, role, token) = (session.name, Some(session.role), session.token);
        return Ok(Caller { name, role, via: Via::Session, token });
    }
    Ok(anonymous(app, peer, headers))
}

/// Where to be patient with wrong tokens. A proxy of ours says whom it speaks for.
pub(crate) fn source(app: &App, peer: Option<Peer>, headers: &HeaderMap) -> Option<IpAddr> {
    let Some(Peer::Tcp { ip }) = peer else { return None };
    let forwarded = headers.get_all("x-forwarded-for").iter().next_back();
    let forwarded = forwarded.and_then(|list| list.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    Some(forwarded.filter(|_| app.door.proxies.contains(&ip)).unwrap_or(ip))
}

fn by_token(app: &App, source: Option<IpAddr>, given: &str) -> Answer<Caller> {
    if let Some(seconds) = source.and_then(|source| app.access.shut_out(source)) {
        return Err(shut_out(seconds));
    }
    let text = given.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let text = text.map_or("", |(_, token)| token.trim());
    match app.access.token(text, app.handle.now()) {
        Ok(token) => {
            Ok(Caller { name: token.name, role: Some(token.role), via: Via::Token, token: Some(token.id) })
        }
        Err(fault) => {
            app.metrics.login_failures.inc();
            source.inspect(|source| app.access.note_failure(*source));
            Err(faulty(app, fault))
        }
    }
}

pub(crate) fn shut_out(seconds: u64) -> Refusal {
    let detail = format!("ten of them were wrong within a minute; try again in {seconds} s");
    Refusal::new(Code::TooManyFailures, detail).retry_after(seconds)
}

fn faulty(app: &App, fault: Fault) -> Refusal {
    let here = app.access.environment.as_deref().unwrap_or("none");
    match fault {
        Fault::Unknown => Refusal::new(Code::TokenInvalid, "this is no token of this server"),
        Fault::Revoked => Refusal::new(Code::TokenInvalid, "this token was revoked"),
        Fault::Expired => Refusal::new(Code::TokenInvalid, "this token has expired"),
        Fault::Elsewhere => {
            let detail = format!("this token is for other environments; this server's is {here}");
            Refusal::new(Code::TokenElsewhere, detail)
        }
    }
}

/// On loopback anyone on this machine may look; they may act too until there is a way to tell people apart. What a
/// proxy passes on is not from this machine, wherever the proxy is.
fn anonymous(app: &App, peer: Option<Peer>, headers: &HeaderMap) -> Caller {
    let near = matches!(peer, Some(Peer::Tcp { ip }) if ip.is_loopback()) && app.tcp.ip().is_loopback();
    let passed_on = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];
    if !near || passed_on.iter().any(|name| headers.contains_key(*name)) {
        return Caller { name: "nobody".to_owned(), role: None, via: Via::Nobody, token: None };
    }
    let role = if app.access.tells_apart(app.handle.now()) { Role::Viewer } else { Role::Deployer };
    Caller { name: "local".to_owned(), role: Some(role), via: Via::Local, token: None }
}

/// Cookies know hosts but no ports: the port is part of the name.
pub(crate) fn cookie_name(app: &App) -> String {
    format!("staunch_{}", app.tcp.port())
}

pub(crate) fn cookie<'h>(app: &App, headers: &'h HeaderMap) -> Option<&'h str> {
    cookie_of(headers, &cookie_name(app))
}

pub(crate) fn cookie_of<'h>(headers: &'h HeaderMap, wanted: &str) -> Option<&'h str> {
    let lists = headers.get_all(header::COOKIE).iter().filter_map(|list| list.to_str().ok());
    let mut pairs = lists.flat_map(|list| list.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value)
}

/// Longest name that is recorded, in characters.
const LONGEST: usize = 64;

fn name(given: &[u8]) -> Answer<String> {
    let text = std::str::from_utf8(given).unwrap_or_default().trim();
    let rule = "`X-Staunch-Actor` is a name of 1 to 64 printable characters";
    if is_name(text) { Ok(text.to_owned()) } else { Err(Refusal::new(Code::BadRequest, rule)) }
}

/// What may stand in the journal as somebody's name.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= LONGEST && !text.chars().any(char::is_control)
}

fn login_name(uid: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    find_login(&users, uid).unwrap_or_else(|| format!("uid {uid}"))
}

/// `name:password:uid:…`, one user a line.
fn find_login(users: &str, uid: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let found: u32 = fields.nth(1)?.parse().ok()?;
        (found == uid && !name.is_empty()).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_number_and_a_broken_line_harms_nobody() {
        let users = "root:x:0:0:root:/root:/bin/sh\nbroken\n:x:7:\nann:x:1000:1000::/home/ann:/bin/sh\n";
        assert_eq!(find_login(users, 1000).as_deref(), Some("ann"));
        assert_eq!(find_login(users, 7), None);
        assert_eq!(find_login(users, 42), None);
    }

    #[test]
    fn names_that_would_break_a_log_line_are_refused() {
        assert_eq!(name("Zoë".as_bytes()).unwrap(), "Zoë");
        for bad in ["", "  ", "a\u{1b}[31m", &"x".repeat(65)] {
            assert!(name(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(name(&[0xff]).is_err());
    }
}
