//! One keep-alive connection of the client, opened anew when the server ends it.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::args::Url;

/// No answer for this long is a failure: nothing that is measured here may take so long.
const PATIENCE: Duration = Duration::from_secs(10);
const POSTED: &[u8] = &[b'x'; 512];

pub(crate) struct Connection {
    url: Url,
    sender: Option<SendRequest<Full<Bytes>>>,
}

/// How the request before left the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Open,
    Dropped,
}

impl Connection {
    pub(crate) fn new(url: Url) -> Self {
        Self { url, sender: None }
    }

    /// Makes the connection usable, and says whether the server had ended it. A failure is the request's.
    pub(crate) async fn ready(&mut self) -> (Found, Result<(), String>) {
        if self.sender.as_ref().is_some_and(|sender| !sender.is_closed()) {
            return (Found::Open, Ok(()));
        }
        let found = if self.sender.is_some() { Found::Dropped } else { Found::Open };
        (found, self.open().await)
    }

    async fn open(&mut self) -> Result<(), String> {
        self.sender = None;
        let stream =
            TcpStream::connect(&self.url.authority).await.map_err(|error| format!("connect: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        // How it ends shows in the request, or when it is next looked at.
        tokio::task::spawn_local(async move { drop(connection.await) });
        self.sender = Some(sender);
        Ok(())
    }

    /// Sends one request and reads its whole answer.
    pub(crate) async fn ask(&mut self, method: &str, cookie: Option<&str>) -> Result<(), String> {
        let answer = tokio::time::timeout(PATIENCE, self.exchange(method, cookie)).await;
        answer.unwrap_or_else(|_| {
            self.sender = None;
            Err("no answer in time".to_owned())
        })
    }

    async fn exchange(&mut self, method: &str, cookie: Option<&str>) -> Result<(), String> {
        let request = self.request(method, cookie)?;
        let sender = self.sender.as_mut().ok_or("no connection")?;
        sender.ready().await.map_err(|error| cause(&error))?;
        let response = sender.send_request(request).await.map_err(|error| cause(&error))?;
        let status = response.status();
        response.into_body().collect().await.map_err(|error| cause(&error))?;
        if status.is_success() { Ok(()) } else { Err(status.as_u16().to_string()) }
    }

    fn request(&self, method: &str, cookie: Option<&str>) -> Result<Request<Full<Bytes>>, String> {
        let body = if method == "POST" { Bytes::from_static(POSTED) } else { Bytes::new() };
        let request =
            Request::builder().method(method).uri(&self.url.path).header("host", &self.url.authority);
        let request = match cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        };
        request.body(Full::new(body)).map_err(|error| error.to_string())
    }
}

/// An error with what is below it.
fn cause(error: &hyper::Error) -> String {
    let below = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    format!("{error}{below}")
}
