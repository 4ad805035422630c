//! One HTTP/1 connection to an instance, for requests without a body. It is driven by whoever asks on it: no task, no
//! queue and no buffer of its own while it waits to be used again.

use std::future::Future as _;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use http::StatusCode;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::answer::{self, Answer};
use crate::bare::Bare;

/// Most answers fit.
const FIRST_READ: usize = 4_096;
const MAX_HEAD: usize = 256 * 1_024;

pub(crate) struct Line {
    stream: TcpStream,
    /// What has arrived and is not yet taken.
    pub(crate) read: BytesMut,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Not a byte of the request has left.
    Unsent,
    Lost,
}

impl Line {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, read: BytesMut::new() }
    }

    /// Whether it can be used again: an instance that says something unasked, or closes, cannot be asked any more.
    pub(crate) fn is_silent(&self) -> bool {
        let silent = |error: io::Error| error.kind() == io::ErrorKind::WouldBlock;
        self.read.is_empty() && self.stream.try_read(&mut [0]).is_err_and(silent)
    }

    /// Sends a request and waits for the head of its answer.
    pub(crate) async fn ask(&mut self, request: &Bare) -> Result<Answer, Broken> {
        self.send(request.bytes()).await?;
        loop {
            match self.head(request.head_only)? {
                Some((length, answer)) => {
                    self.read.advance(length);
                    let status = answer.head.status();
                    // Nobody asked for another protocol.
                    if status == StatusCode::SWITCHING_PROTOCOLS {
                        return Err(Broken::Lost);
                    }
                    if !status.is_informational() {
                        return Ok(answer);
                    }
                }
                None if self.read.len() > MAX_HEAD => return Err(Broken::Lost),
                None => match std::future::poll_fn(|cx| self.poll_more(cx, FIRST_READ)).await {
                    Ok(0) | Err(_) => return Err(Broken::Lost),
                    Ok(_) => {}
                },
            }
        }
    }

    /// What has arrived of the head, if it is whole.
    fn head(&self, head_only: bool) -> Result<Option<(usize, Answer)>, Broken> {
        if self.read.is_empty() {
            return Ok(None);
        }
        answer::read(&self.read, head_only).map_err(|_| Broken::Lost)
    }

    async fn send(&self, bytes: &[u8]) -> Result<(), Broken> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let broken = if rest.len() == bytes.len() { Broken::Unsent } else { Broken::Lost };
            match self.stream.try_write(rest) {
                Ok(sent) => rest = &rest[sent..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // Boxed: it is rare, and its size would be carried through every request.
                    Box::pin(self.stream.writable()).await.map_err(|_| broken)?;
                }
                Err(_) => return Err(broken),
            }
        }
        Ok(())
    }

    /// Reads what has arrived, with room for `room` bytes at least, taken only once there is something to read. 0: the
    /// instance has ended.
    pub(crate) fn poll_more(&mut self, cx: &mut Context<'_>, room: usize) -> Poll<io::Result<usize>> {
        ready!(self.stream.poll_read_ready(cx))?;
        self.read.reserve(room);
        pin!(self.stream.read_buf(&mut self.read)).poll(cx)
    }

    /// Frees what an idle connection does not need.
    pub(crate) fn rest(&mut self) {
        self.read = BytesMut::new();
    }
}
