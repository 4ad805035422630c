//! What each address asks of its caller. An address that is not in the table asks for the highest role.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, header};
use staunch_model::{Deed, Role};

use crate::app::Shared;
use crate::codes::Code;
use crate::problem::{Answer, Refusal};
use crate::routes::{OIDC_BACK, OIDC_BEGIN, pages};
use crate::who::{Caller, Peer, Via};

/// Nothing but whether it works, and how one gets in.
const PUBLIC: [&str; 9] = [
    "/healthz",
    "/readyz",
    "/api/v1/healthz",
    "/api/v1/readyz",
    "/login",
    "/login.js",
    OIDC_BEGIN,
    OIDC_BACK,
    "/errors/{code}",
];
/// They act on the server itself, and need its user on its machine.
pub(crate) const SOCKET_ONLY: [&str; 2] = ["/api/v1/shutdown", "/api/v1/upgrade"];

pub(crate) async fn permit(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let path = path.unwrap_or_default();
    match check(&request, &path) {
        Ok(()) => next.run(request).await,
        Err(_) if comes_from_elsewhere(&request) => pages::again(),
        Err(refusal) if wants_page(request.method(), request.headers()) => {
            let to = request.uri().path_and_query().map_or("/", |to| to.as_str());
            pages::locked_out_to(refusal, app.oidc.as_ref(), to)
        }
        Err(refusal) => refusal.into_response(),
    }
}

fn check(request: &Request, path: &str) -> Answer<()> {
    if SOCKET_ONLY.contains(&path) && !matches!(request.extensions().get(), Some(Peer::Unix { .. })) {
        return Err(Refusal::new(Code::SocketOnly, "this came over TCP"));
    }
    let Some(deed) = deed(request.method(), path) else { return Ok(()) };
    let caller = request.extensions().get::<Caller>();
    let caller = caller.ok_or_else(|| Refusal::new(Code::Internal, "nobody asked who this is"))?;
    if caller.role.is_some_and(|role| role.may(deed)) {
        return Ok(());
    }
    Err(refused(caller, deed))
}

fn refused(caller: &Caller, deed: Deed) -> Refusal {
    let able: Vec<_> = Role::ALL.into_iter().filter(|role| role.may(deed)).map(Role::name).collect();
    let able = able.join(", ");
    match (caller.via, caller.role) {
        (Via::Nobody | Via::Local, _) | (_, None) => {
            Refusal::new(Code::LoginNeeded, format!("this needs a token or a session with the role {able}"))
        }
        (Via::Socket | Via::Token | Via::Session, Some(role)) => {
            let detail = format!("{} has the role {}; this needs {able}", caller.name, role.name());
            Refusal::new(Code::RoleTooLow, detail)
        }
    }
}

/// `None`: anyone may.
pub(crate) fn deed(method: &Method, path: &str) -> Option<Deed> {
    if PUBLIC.contains(&path) {
        return None;
    }
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    if path.starts_with("/tokens") || path.starts_with("/sessions") {
        return Some(Deed::Administer);
    }
    if matches!(*method, Method::GET | Method::HEAD) {
        return Some(Deed::Look);
    }
    Some(match path.rsplit('/').next().unwrap_or_default() {
        "logins" | "logout" | "validate" => Deed::Look,
        "abort" | "pause" | "rollback" | "freeze" | "plan" | "plans" => Deed::Protect,
        "approve" | "reject" => Deed::Vote,
        "rollouts" | "promote" | "promote-full" | "resume" | "unfreeze" => Deed::Steer,
        "{id}" if path == "/releases/{id}" => Deed::Steer,
        _ => Deed::Administer,
    })
}

/// A link on another site does not carry the session's cookie; a page of ours that asks again does.
fn comes_from_elsewhere(request: &Request) -> bool {
    let site = request.headers().get("sec-fetch-site").and_then(|site| site.to_str().ok());
    site == Some("cross-site") && wants_page(request.method(), request.headers())
}

fn wants_page(method: &Method, headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    *method == Method::GET && accept.contains("text/html")
}

#[cfg(test)]
mod tests {
    use staunch_rollout::Command;

    use super::*;
    use crate::v1::command_key;

    #[test]
    fn no_command_is_for_viewers_and_an_unknown_one_is_for_admins() {
        for command in Command::ALL {
            let path = format!("/api/v1/rollouts/{{id}}/{}", command_key(command.name()));
            let deed = deed(&Method::POST, &path).unwrap();
            assert!(!Role::Viewer.may(deed) && Role::Deployer.may(deed), "{path}");
        }
        assert_eq!(deed(&Method::POST, "/api/v1/something/new"), Some(Deed::Administer));
        assert_eq!(deed(&Method::POST, "/api/v1/releases/{id}"), Some(Deed::Steer));
        for path in ["/api/v1/tokens", "/api/v1/sessions"] {
            assert_eq!(deed(&Method::GET, path), Some(Deed::Administer));
        }
        assert_eq!(deed(&Method::GET, "/api/v1/session"), Some(Deed::Look));
        assert_eq!(deed(&Method::GET, "/healthz"), None);
    }
}
