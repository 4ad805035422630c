//! What pages say without scripts. Everything that is shown is escaped.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header;
use staunch_control::ServiceView;

use super::oidc::BEGIN as OIDC_BEGIN;
use crate::app::Shared;
use crate::codes::{Code, code};
use crate::oidc::Oidc;
use crate::problem::{Answer, Refusal};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
color-scheme:light dark}pre{overflow:auto;font-size:14px}td,th{text-align:left;padding:.2rem 1rem .2rem 0}";

/// The services as a table, for browsers without scripts.
pub(super) fn overview(app: &Shared) -> String {
    let views = app.handle.views();
    let rows: String = views.values().map(|view| row(view)).collect();
    let none = if views.is_empty() { "<p>No service yet.</p>" } else { "" };
    format!(
        "<h1>Services</h1><table><tr><th>Service<th>State<th>Version<th>Ready<th>Rollout</tr>{rows}</table>{none}"
    )
}

fn row(view: &ServiceView) -> String {
    format!(
        "<tr><td>{}<td>{}<td>{}<td>{} of {}<td>{}</tr>",
        escape(&view.name),
        escape(&view.health),
        escape(view.stable.as_deref().unwrap_or("none")),
        view.ready,
        view.replicas,
        rollout(view)
    )
}

fn rollout(view: &ServiceView) -> String {
    let Some(rollout) = &view.rollout else { return "none".to_owned() };
    let why = rollout.waiting.as_ref().map(|waiting| format!(": {}", waiting.because)).unwrap_or_default();
    let link = format!("/{}/{}", view.name, rollout.id);
    let says = format!("{} to {} is {}{why}", rollout.id, rollout.to, rollout.phase.name());
    format!("<a href=\"{}\">{}</a>", escape(&link), escape(&says))
}

/// What a code means and what helps: plain text.
pub(super) async fn error(Path(name): Path<String>) -> Answer<String> {
    let info =
        code(&name).ok_or_else(|| Refusal::new(Code::NotFound, format!("there is no code `{name}`")))?;
    Ok(format!(
        "{}\n\n{}.\n{}\n\nHTTP status {}, exit code {} of the command line.\n",
        info.code, info.title, info.help, info.status, info.exit
    ))
}

pub(super) fn preformatted(text: &str) -> String {
    format!("<p><a href=\"/\">Services</a></p><pre>{}</pre>", escape(text))
}

/// What a browser sees that may not look.
pub(crate) fn locked_out(refusal: Refusal) -> Response {
    locked_out_to(refusal, None, "/")
}

/// The same with a way in, and on to `to`.
pub(crate) fn locked_out_to(refusal: Refusal, oidc: Option<&Oidc>, to: &str) -> Response {
    let door =
        oidc.filter(|_| refusal.code == Code::LoginNeeded).map(|oidc| sign_in(oidc, to)).unwrap_or_default();
    let problem = crate::Problem::from(refusal);
    let body = format!(
        "<h1>{}</h1><p>{}.</p>{door}<p>{}</p>",
        escape(&problem.title),
        escape(&problem.detail),
        escape(&problem.help)
    );
    let mut response = html(&problem.title, &body);
    *response.status_mut() =
        http::StatusCode::from_u16(problem.status).unwrap_or(http::StatusCode::FORBIDDEN);
    response
}

fn sign_in(oidc: &Oidc, to: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("to", to).finish();
    let (address, host) = (format!("{OIDC_BEGIN}?{query}"), escape(oidc.host()));
    format!("<p><a href=\"{}\">Sign in with {host}</a></p>", escape(&address))
}

/// A page that asks for the same address once more, as a page of this server.
pub(crate) fn again() -> Response {
    html("Staunch", "<meta http-equiv=\"refresh\" content=\"0\"><p>One moment.</p>")
}

pub(super) fn html(title: &str, body: &str) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width\"><title>{}</title><style>{STYLE}</style>{body}</html>\n",
        escape(title)
    );
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}

pub(super) fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn nothing_that_is_shown_can_become_markup() {
        assert_eq!(escape("<b onx='1' y=\"&\">"), "&lt;b onx=&#39;1&#39; y=&quot;&amp;&quot;&gt;");
    }
}
