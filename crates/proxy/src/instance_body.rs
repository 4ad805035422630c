//! The body of an instance's answer, from whichever kind of connection it comes.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::answer::{Framing, Malformed};
use crate::chunks::{Chunks, Piece};
use crate::line::Line;

/// Reads grow from the first to the second while they fill up.
const LEAST_READ: usize = 4_096;
const MOST_READ: usize = 65_536;

pub(crate) type BodyError = Box<dyn Error + Send + Sync>;
type Polled = Poll<Option<Result<Frame<Bytes>, BodyError>>>;

pub(crate) enum InstanceBody {
    Incoming(Incoming),
    Line(LineBody),
}

/// A body read straight from its connection.
pub(crate) struct LineBody {
    /// Taken back once the body has ended.
    line: Option<Line>,
    rest: Rest,
    keeps_alive: bool,
    room: usize,
    /// Why the body cannot go on; told one turn later.
    broken: Option<BodyError>,
}

enum Rest {
    Length(u64),
    Chunked(Chunks),
    UntilClose,
    Over,
}

#[derive(Debug, thiserror::Error)]
#[error("the instance closed the connection in the middle of its answer")]
struct BrokenOff;

impl LineBody {
    pub(crate) fn new(line: Line, framing: Framing, keeps_alive: bool) -> Self {
        let rest = match framing {
            Framing::Length(0) => Rest::Over,
            Framing::Length(length) => Rest::Length(length),
            Framing::Chunked => Rest::Chunked(Chunks::default()),
            Framing::UntilClose => Rest::UntilClose,
        };
        let keeps_alive = keeps_alive && framing != Framing::UntilClose;
        Self { line: Some(line), rest, keeps_alive, room: LEAST_READ, broken: None }
    }

    /// An error ends the client's connection at once: what has come before it is given a turn to leave first.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Polled {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let polled = self.poll_unbroken(cx);
        let Poll::Ready(Some(Err(error))) = polled else { return polled };
        self.broken = Some(error);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_unbroken(&mut self, cx: &mut Context<'_>) -> Polled {
        loop {
            if let Some(frame) = self.next_frame()? {
                return Poll::Ready(Some(Ok(frame)));
            }
            let Some(line) = self.line.as_mut().filter(|_| !matches!(self.rest, Rest::Over)) else {
                return Poll::Ready(None);
            };
            match ready!(line.poll_more(cx, self.room))? {
                0 if matches!(self.rest, Rest::UntilClose) => self.rest = Rest::Over,
                0 => return Poll::Ready(Some(Err(BrokenOff.into()))),
                got if got >= self.room => self.room = (self.room * 4).min(MOST_READ),
                _ => {}
            }
        }
    }

    /// What can be passed on without reading more.
    fn next_frame(&mut self) -> Result<Option<Frame<Bytes>>, Malformed> {
        let Some(Line { read, .. }) = &mut self.line else { return Ok(None) };
        match &mut self.rest {
            Rest::Chunked(chunks) => match chunks.next(read)? {
                Piece::Data(data) => return Ok(Some(Frame::data(data))),
                Piece::Trailers(trailers) => {
                    self.rest = Rest::Over;
                    return Ok(Some(Frame::trailers(trailers)));
                }
                Piece::Over => self.rest = Rest::Over,
                Piece::NotYet => {}
            },
            Rest::Length(left) if !read.is_empty() => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(read.len());
                *left -= taken as u64;
                let data = read.split_to(taken).freeze();
                if *left == 0 {
                    self.rest = Rest::Over;
                }
                return Ok(Some(Frame::data(data)));
            }
            Rest::UntilClose if !read.is_empty() => return Ok(Some(Frame::data(read.split().freeze()))),
            Rest::Length(_) | Rest::UntilClose | Rest::Over => {}
        }
        Ok(None)
    }

    fn take_line(&mut self) -> Option<Line> {
        let ended = self.keeps_alive && matches!(self.rest, Rest::Over);
        let mut line = self.line.take_if(|line| ended && line.read.is_empty())?;
        line.rest();
        Some(line)
    }
}

impl InstanceBody {
    /// The body's connection, once it has ended and can serve another request.
    pub(crate) fn take_line(&mut self) -> Option<Line> {
        match self {
            Self::Incoming(_) => None,
            Self::Line(body) => body.take_line(),
        }
    }
}

impl Body for InstanceBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        match &mut *self {
            Self::Incoming(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Self::Line(body) => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Incoming(body) => body.is_end_stream(),
            Self::Line(body) => matches!(body.rest, Rest::Over),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Incoming(body) => body.size_hint(),
            Self::Line(body) => match body.rest {
                Rest::Length(left) => SizeHint::with_exact(left),
                Rest::Over => SizeHint::with_exact(0),
                Rest::Chunked(_) | Rest::UntilClose => SizeHint::default(),
            },
        }
    }
}
