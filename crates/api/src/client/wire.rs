//! One request on one connection.

use std::fmt;
use std::future::Future;
use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};

use super::{ClientError, Target, tls};
use crate::Problem;
use crate::pipe::{AnyPipe, Pipe};

const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// Largest answer that is held in memory, in bytes. Streams have no such limit.
const LARGEST: usize = 64 * 1024 * 1024;

pub(super) struct Asking<'a> {
    pub(super) method: Method,
    /// With its query.
    pub(super) path: &'a str,
    pub(super) actor: Option<&'a str>,
    pub(super) token: Option<&'a str>,
    /// A PEM file of certificates to trust.
    pub(super) authorities: Option<&'a Path>,
    pub(super) accept: &'a str,
    pub(super) last_event_id: Option<u64>,
    pub(super) body: Bytes,
    /// From the connection to the answer's head.
    pub(super) patience: Duration,
}

/// The head of a good answer; a refusal becomes [`ClientError::Problem`].
pub(super) async fn ask(target: &Target, asking: &Asking<'_>) -> Result<Response<Incoming>, ClientError> {
    let patience = asking.patience;
    let request = request(target, asking)?;
    let answer = tokio::time::timeout(patience, exchange(target, asking.authorities, request)).await;
    let late =
        |_| ClientError::unreachable(format!("{target} did not answer within {} s", patience.as_secs()));
    let response = answer.map_err(late)??;
    if response.status().is_success() { Ok(response) } else { Err(refusal(response).await) }
}

/// The whole body of an answer.
pub(super) async fn body(response: Response<Incoming>) -> Result<Bytes, ClientError> {
    let collected = Limited::new(response.into_body(), LARGEST).collect().await;
    collected
        .map(|body| body.to_bytes())
        .map_err(|error| ClientError::unreachable(format!("the server's answer broke off: {error}")))
}

fn request(target: &Target, asking: &Asking<'_>) -> Result<Request<Full<Bytes>>, ClientError> {
    let mut builder = Request::builder()
        .method(asking.method.clone())
        .uri(asking.path)
        .header(header::HOST, target.authority())
        .header(header::ACCEPT, asking.accept);
    if let Some(actor) = asking.actor {
        builder = builder.header("x-staunch-actor", actor);
    }
    if let Some(token) = asking.token {
        if !target.is_private() {
            return Err(ClientError::Unreachable {
                what: format!("the token would travel to {target} in the clear"),
                fix: "name the server with https://, or unset STAUNCH_TOKEN".to_owned(),
            });
        }
        builder = builder.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    if let Some(id) = asking.last_event_id {
        builder = builder.header("last-event-id", id);
    }
    if !asking.body.is_empty() {
        builder = builder.header(header::CONTENT_TYPE, "application/json");
    }
    builder.body(Full::new(asking.body.clone())).map_err(|error| ClientError::Protocol(error.to_string()))
}

/// The head of the answer; whoever asks bounds how long that may take.
pub(crate) async fn exchange(
    target: &Target,
    authorities: Option<&Path>,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, ClientError> {
    let stream = match target {
        Target::Tls(authority) => {
            let (connector, name) = (tls::connector(authorities)?, tls::name(authority)?);
            let connecting = async { connector.connect(name, TcpStream::connect(authority).await?).await };
            connected(connecting, target).await?
        }
        Target::Unix(path) => connected(UnixStream::connect(path), target).await?,
        Target::Tcp(authority) => connected(TcpStream::connect(authority), target).await?,
    };
    speak(stream, target, request).await
}

async fn connected<S: Pipe + 'static>(
    connecting: impl Future<Output = io::Result<S>>,
    target: &Target,
) -> Result<AnyPipe, ClientError> {
    let no_one =
        |why: &dyn fmt::Display| ClientError::unreachable(format!("no server answers at {target}: {why}"));
    let connected = tokio::time::timeout(CONNECT_PATIENCE, connecting).await;
    let stream = connected.map_err(|late| no_one(&late))?.map_err(|error| no_one(&error))?;
    Ok(Box::new(stream))
}

async fn speak(
    stream: AnyPipe,
    target: &Target,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, ClientError> {
    let broke = |error: hyper::Error| ClientError::unreachable(format!("{target} broke off: {error}"));
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broke)?;
    // Ends with the answer's body: an error shows there.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(broke)
}

async fn refusal(response: Response<Incoming>) -> ClientError {
    let status = response.status();
    match body(response).await {
        Ok(bytes) => match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => ClientError::Problem(Box::new(problem)),
            Err(_) => strange(status),
        },
        Err(error) => error,
    }
}

fn strange(status: StatusCode) -> ClientError {
    ClientError::Protocol(format!("status {status} without an explanation"))
}
