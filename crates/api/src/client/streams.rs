//! Answers that have no end of their own.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use super::ClientError;
use super::sse::{Frame, Parser};
use crate::v1::{Entry, ExportLine, Reset, Service};

/// The server sends at least a comment every 15 s: three missed ones mean that nobody is there.
const SILENCE: Duration = Duration::from_secs(45);

/// Journal entries as they are recorded.
#[derive(Debug)]
pub struct EventStream {
    frames: Frames,
    last: Option<u64>,
}

impl EventStream {
    pub(super) fn new(body: Incoming, last: Option<u64>) -> Self {
        Self { frames: Frames::new(body), last }
    }

    /// The next entry, in order; `None` when the server ends the stream. Cancelling it loses nothing.
    pub async fn next(&mut self) -> Result<Option<Entry>, ClientError> {
        let Some(frame) = self.frames.next().await? else { return Ok(None) };
        if frame.name == "problem" {
            return Err(ClientError::Problem(Box::new(decode(&frame.data)?)));
        }
        self.last = frame.id.or(self.last);
        if frame.name == "reset" {
            let Reset { because, .. } = decode(&frame.data)?;
            return Err(ClientError::Protocol(format!("the stream begins anew: {because}")));
        }
        decode(&frame.data).map(Some)
    }

    /// Where to go on: what `events` takes as `after` on a new connection.
    pub fn last(&self) -> Option<u64> {
        self.last
    }
}

/// Services as they change; the first messages are how they are now.
#[derive(Debug)]
pub struct ServiceStream(Frames);

impl ServiceStream {
    pub(super) fn new(body: Incoming) -> Self {
        Self(Frames::new(body))
    }

    /// The next changed service; `None` when the server ends the stream. Cancelling it loses nothing.
    pub async fn next(&mut self) -> Result<Option<Service>, ClientError> {
        let frame = self.0.next().await?;
        frame.map(|frame| decode(&frame.data)).transpose()
    }
}

/// The audit export, line by line.
#[derive(Debug)]
pub struct ExportStream {
    body: Incoming,
    pending: Vec<u8>,
}

impl ExportStream {
    pub(super) fn new(body: Incoming) -> Self {
        Self { body, pending: vec![] }
    }

    /// The next line as it was sent, without its line break; `None` at the end.
    pub async fn next_line(&mut self) -> Result<Option<String>, ClientError> {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).take(end).collect();
                return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
            }
            let Some(bytes) = chunk(&mut self.body).await? else {
                let whole = self.pending.is_empty();
                return if whole { Ok(None) } else { Err(ClientError::unreachable("the export broke off")) };
            };
            self.pending.extend_from_slice(&bytes);
        }
    }

    pub async fn next(&mut self) -> Result<Option<ExportLine>, ClientError> {
        let line = self.next_line().await?;
        line.map(|line| decode(&line)).transpose()
    }
}

#[derive(Debug)]
struct Frames {
    body: Incoming,
    parser: Parser,
    ready: VecDeque<Frame>,
}

impl Frames {
    fn new(body: Incoming) -> Self {
        Self { body, parser: Parser::default(), ready: VecDeque::new() }
    }

    async fn next(&mut self) -> Result<Option<Frame>, ClientError> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Ok(Some(frame));
            }
            let Some(bytes) = chunk(&mut self.body).await? else { return Ok(None) };
            let endless = || ClientError::Protocol("a line without an end".to_owned());
            self.ready.extend(self.parser.feed(&bytes).ok_or_else(endless)?);
        }
    }
}

async fn chunk(body: &mut Incoming) -> Result<Option<Bytes>, ClientError> {
    let silent = |_| ClientError::unreachable("the server has been silent for 45 s");
    match tokio::time::timeout(SILENCE, body.frame()).await.map_err(silent)? {
        None => Ok(None),
        Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
        Some(Err(error)) => Err(ClientError::unreachable(format!("the stream broke off: {error}"))),
    }
}

pub(super) fn decode<T: DeserializeOwned>(text: &str) -> Result<T, ClientError> {
    serde_json::from_str(text).map_err(|error| ClientError::Protocol(error.to_string()))
}
