//! Bodies on their way through: nothing is buffered, both ways are watched.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use staunch_model::FailureKind;

use crate::charge::Charge;
use crate::clock::Clock;
use crate::connection::Serving;
use crate::instance::Flight;
use crate::instance_body::{BodyError, InstanceBody};
use crate::mirror::{Copied, Copy, Ended};
use crate::pool::Link;
use crate::thread::{StreamingCharge, Thread};

/// A body that still streams after this counts as a good answer.
const STREAMING_MICROS: u64 = 1_000_000;

/// What the edge knows of a request body on its way to an instance.
#[derive(Debug)]
pub(crate) struct Upload {
    clock: Clock,
    progress: Cell<Progress>,
    pub(crate) too_large: Cell<bool>,
    pub(crate) broken: Cell<bool>,
}

/// Whose turn it is, and since when.
#[derive(Debug, Clone, Copy)]
enum Progress {
    /// The client is to send more.
    Client(u64),
    /// The instance is to take more, or to answer.
    Instance(u64),
}

impl Upload {
    /// Since when the instance has had all that has arrived; `None` while more is awaited from the client.
    pub(crate) fn instance_since(&self) -> Option<Instant> {
        match self.progress.get() {
            Progress::Client(_) => None,
            Progress::Instance(micros) => Some(self.clock.instant_at(micros)),
        }
    }

    pub(crate) fn client_since(&self) -> Option<Instant> {
        match self.progress.get() {
            Progress::Client(micros) => Some(self.clock.instant_at(micros)),
            Progress::Instance(_) => None,
        }
    }

    fn awaits_client(&self) {
        if matches!(self.progress.get(), Progress::Instance(_)) {
            self.progress.set(Progress::Client(self.clock.micros()));
        }
    }

    fn arrived(&self) {
        self.progress.set(Progress::Instance(self.clock.micros()));
    }
}

/// A request body, or none.
pub(crate) struct UpBody {
    inner: Option<Incoming>,
    upload: Option<Rc<Upload>>,
    remaining: u64,
    copied: Option<Copied>,
}

#[derive(Debug, thiserror::Error)]
#[error("the request body is larger than allowed")]
struct TooLarge;

impl UpBody {
    pub(crate) fn none() -> Self {
        Self { inner: None, upload: None, remaining: 0, copied: None }
    }

    pub(crate) fn new(body: Incoming, limit: Option<u64>, clock: Clock) -> Self {
        if body.is_end_stream() {
            return Self::none();
        }
        let progress = Cell::new(Progress::Instance(clock.micros()));
        let (too_large, broken) = (Cell::new(false), Cell::new(false));
        let upload = Rc::new(Upload { clock, progress, too_large, broken });
        Self { inner: Some(body), upload: Some(upload), remaining: limit.unwrap_or(u64::MAX), copied: None }
    }

    pub(crate) fn upload(&self) -> Option<&Rc<Upload>> {
        self.upload.as_ref()
    }

    pub(crate) fn is_none(&self) -> bool {
        self.inner.is_none()
    }

    /// What passes is also left there.
    pub(crate) fn copy_to(&mut self, copied: Copied) {
        self.copied = Some(copied);
    }

    fn copy(&self, data: &Bytes) {
        if let Some(copied) = &self.copied {
            copied.borrow_mut().add(data);
        }
    }

    fn saw(&mut self, data: &Bytes) -> Result<(), TooLarge> {
        self.remaining = self.remaining.checked_sub(data.len() as u64).ok_or(TooLarge)?;
        self.copy(data);
        Ok(())
    }
}

impl Body for UpBody {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let (Some(inner), Some(upload)) = (&mut this.inner, this.upload.clone()) else {
            return Poll::Ready(None);
        };
        let Poll::Ready(polled) = Pin::new(&mut *inner).poll_frame(cx) else {
            upload.awaits_client();
            return Poll::Pending;
        };
        upload.arrived();
        if polled.is_none() || inner.is_end_stream() {
            this.copied.iter().for_each(|copied| copied.borrow_mut().end());
        }
        Poll::Ready(match polled {
            None => None,
            Some(Err(error)) => {
                upload.broken.set(true);
                Some(Err(error.into()))
            }
            Some(Ok(frame)) => Some(match frame.data_ref().map_or(Ok(()), |data| this.saw(data)) {
                Ok(()) => Ok(frame),
                Err(too_large) => {
                    upload.too_large.set(true);
                    Err(too_large.into())
                }
            }),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// A response body on its way to the client.
pub(crate) struct EdgeBody {
    content: Content,
    /// Ends with the body: until then the client's connection is busy.
    serving: Option<Serving>,
}

enum Content {
    Text(Option<Bytes>),
    Upstream(Box<Upstream>),
}

/// What ends with a response: the charge, the flight, the use of the connection.
pub(crate) struct Tail {
    pub(crate) thread: Rc<Thread>,
    pub(crate) charge: Option<Box<Charge>>,
    pub(crate) flight: Flight,
    pub(crate) link: Link,
    /// The outcome of a gRPC call stands in its trailers.
    pub(crate) grpc: bool,
    pub(crate) headers_micros: u64,
    pub(crate) copy: Option<Box<Copy>>,
}

struct Upstream {
    inner: InstanceBody,
    tail: Option<Tail>,
    streaming: Option<StreamingCharge>,
}

impl EdgeBody {
    pub(crate) fn text(text: impl Into<Bytes>) -> Self {
        let text = text.into();
        Self { content: Content::Text((!text.is_empty()).then_some(text)), serving: None }
    }

    pub(crate) fn upstream(inner: InstanceBody, tail: Tail) -> Self {
        let mut body = Upstream { inner, tail: Some(tail), streaming: None };
        if body.inner.is_end_stream() {
            body.finish();
        }
        Self { content: Content::Upstream(Box::new(body)), serving: None }
    }

    #[must_use]
    pub(crate) fn serving(mut self, serving: Serving) -> Self {
        self.serving = Some(serving);
        self
    }
}

impl Body for EdgeBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.content {
            Content::Text(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Content::Upstream(body) => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Text(text) => text.is_none(),
            Content::Upstream(body) => body.inner.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Text(text) => SizeHint::with_exact(text.as_ref().map_or(0, Bytes::len) as u64),
            Content::Upstream(body) => body.inner.size_hint(),
        }
    }
}

impl Upstream {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Poll::Ready(polled) = Pin::new(&mut self.inner).poll_frame(cx) else {
            self.note_streaming();
            return Poll::Pending;
        };
        match &polled {
            Some(Err(_)) => self.broke_off(),
            Some(Ok(frame)) => {
                self.judge_trailers(frame.trailers_ref());
                self.copy(frame.data_ref());
                // Nothing follows trailers, and nobody may ask what does.
                if frame.is_trailers() || self.inner.is_end_stream() {
                    self.finish();
                }
            }
            None => self.finish(),
        }
        Poll::Ready(polled)
    }

    /// The body has ended as it should.
    fn finish(&mut self) {
        let charge = self.take_charge();
        let Some(tail) = self.tail.take() else { return };
        if let Some(mut charge) = charge {
            charge.ended_well();
        }
        let Tail { thread, flight, link, copy, .. } = tail;
        drop(flight);
        if let Some(copy) = copy {
            copy.ended();
        }
        link.give_back(self.inner.take_line(), thread.coarse_micros());
    }

    fn broke_off(&mut self) {
        if let Some(mut charge) = self.take_charge() {
            charge.fail(FailureKind::Reset);
        }
        if let Some(copy) = self.tail.take().and_then(|tail| tail.copy) {
            copy.failed(Ended::Reset);
        }
    }

    fn copy(&mut self, data: Option<&Bytes>) {
        let copy = self.tail.as_mut().and_then(|tail| tail.copy.as_mut());
        if let (Some(copy), Some(data)) = (copy, data) {
            copy.saw(data);
        }
    }

    fn judge_trailers(&mut self, trailers: Option<&HeaderMap>) {
        let grpc = self.tail.as_ref().is_some_and(|tail| tail.grpc);
        if grpc
            && trailers.is_some_and(blames_the_server)
            && let Some(mut charge) = self.take_charge()
        {
            charge.fail(FailureKind::ServerError);
        }
    }

    fn take_charge(&mut self) -> Option<Box<Charge>> {
        let streaming = self.streaming.take().and_then(|shared| shared.borrow_mut().take());
        streaming.or_else(|| self.tail.as_mut().and_then(|tail| tail.charge.take()))
    }

    /// The first time the body makes its reader wait, its charge is put where the thread can settle it in time.
    fn note_streaming(&mut self) {
        let Some(tail) = &mut self.tail else { return };
        if let Some(charge) = tail.charge.take() {
            let shared = Rc::new(RefCell::new(Some(charge)));
            tail.thread.count_when_due(tail.headers_micros + STREAMING_MICROS, &shared);
            self.streaming = Some(shared);
        }
    }
}

impl Drop for Upstream {
    /// Where the length was announced, the reader stops at its last byte, though trailers may follow: the answer is
    /// whole. Anything else that is dropped before its end was dropped by the client.
    fn drop(&mut self) {
        if self.inner.size_hint().exact() == Some(0) {
            self.finish();
        }
    }
}

/// `grpc-status` 2 UNKNOWN, 4 DEADLINE_EXCEEDED, 13 INTERNAL, 14 UNAVAILABLE, 15 DATA_LOSS.
pub(crate) fn blames_the_server(headers: &HeaderMap) -> bool {
    headers
        .get("grpc-status")
        .is_some_and(|code| matches!(code.as_bytes(), b"2" | b"4" | b"13" | b"14" | b"15"))
}
