//! One bounded request to the provider.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::client::{Target, exchange};

const PATIENCE: Duration = Duration::from_secs(10);
/// Largest answer, in bytes: keys and groups are far smaller.
const LARGEST: usize = 1024 * 1024;
/// Longest text of the provider that people are shown, in characters.
const QUOTED: usize = 200;

/// What went wrong, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It cannot be reached, or says what is no answer.
    Away(String),
    /// It understood and refused.
    Refused(String),
}

impl Trouble {
    pub(super) fn text(self) -> String {
        match self {
            Self::Away(text) | Self::Refused(text) => text,
        }
    }
}

pub(super) struct Asking<'a> {
    pub(super) url: &'a str,
    /// `None`: looks.
    pub(super) form: Option<String>,
    pub(super) authorization: Option<String>,
    pub(super) ca: Option<&'a Path>,
}

impl<'a> Asking<'a> {
    pub(super) fn look(url: &'a str, ca: Option<&'a Path>) -> Self {
        Self { url, form: None, authorization: None, ca }
    }
}

/// What it answers, as JSON. Whoever sends elsewhere (a redirect) is not followed: secrets are for one address.
pub(super) async fn ask<T: DeserializeOwned>(asking: &Asking<'_>) -> Result<T, Trouble> {
    let url = asking.url;
    let away = |why: String| Trouble::Away(format!("{url} {why}"));
    let bounded = tokio::time::timeout(PATIENCE, whole(asking)).await;
    let (status, body) =
        bounded.map_err(|_| away(format!("did not answer within {} s", PATIENCE.as_secs())))??;
    if status.is_success() {
        return serde_json::from_slice(&body)
            .map_err(|error| away(format!("answered what is not understood: {error}")));
    }
    let told: Told = serde_json::from_slice(&body).unwrap_or_default();
    let refusal = format!("{url} answered {}{}", status.as_u16(), told.text());
    Err(if status.is_client_error() && told.error.is_some() {
        Trouble::Refused(refusal)
    } else {
        Trouble::Away(refusal)
    })
}

async fn whole(asking: &Asking<'_>) -> Result<(http::StatusCode, Bytes), Trouble> {
    let (target, request) = addressed(asking).map_err(Trouble::Away)?;
    let answer = exchange(&target, asking.ca, request).await;
    let response = answer.map_err(|error| Trouble::Away(error.to_string()))?;
    let status = response.status();
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    let body = body.map_err(|error| Trouble::Away(format!("{} broke off: {error}", asking.url)))?;
    Ok((status, body.to_bytes()))
}

fn addressed(asking: &Asking<'_>) -> Result<(Target, Request<Full<Bytes>>), String> {
    let wrong = || format!("`{}` is no address of a provider", asking.url);
    let uri: Uri = asking.url.parse().map_err(|_| wrong())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(wrong()) };
    let target = Target::parse(&format!("{scheme}://{authority}")).map_err(|error| error.to_string())?;
    if !target.is_private() {
        return Err(format!("`{}` is asked over TLS only", asking.url));
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut builder = Request::builder().uri(path).header(header::HOST, authority.as_str());
    builder = builder.header(header::ACCEPT, "application/json");
    if let Some(authorization) = &asking.authorization {
        builder = builder.header(header::AUTHORIZATION, authorization);
    }
    if asking.form.is_some() {
        let kind = "application/x-www-form-urlencoded";
        builder = builder.method(http::Method::POST).header(header::CONTENT_TYPE, kind);
    }
    let body = Full::new(Bytes::from(asking.form.clone().unwrap_or_default()));
    builder.body(body).map(|request| (target, request)).map_err(|error| error.to_string())
}

/// RFC 6749, 5.2.
#[derive(Debug, Default, Deserialize)]
struct Told {
    error: Option<String>,
    error_description: Option<String>,
}

impl Told {
    fn text(&self) -> String {
        let parts = [&self.error, &self.error_description];
        parts.into_iter().flatten().map(|part| format!(": {}", quoted(part))).collect()
    }
}

/// Somebody else's words, as far as they fit on one line.
pub(crate) fn quoted(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(QUOTED).collect()
}
