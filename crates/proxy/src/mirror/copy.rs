//! A copy in the making, on the thread that serves the user.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use http::request::Parts;
use http::response;
use http::uri::PathAndQuery;
use tokio::sync::mpsc::UnboundedSender;

use super::{Ended, Job, Mirror, Request, Seen, Slot};
use crate::bare::Bare;
use crate::clock::as_micros;
use crate::connection::Client;
use crate::local::LocalService;

/// What a request's body leaves behind while it passes through.
pub(crate) type Copied = Rc<RefCell<Pieces>>;

/// Pieces of a body up to a limit; beyond it none of them.
pub(crate) struct Pieces {
    pieces: Vec<Bytes>,
    room: usize,
    over: bool,
    ended: bool,
}

impl Pieces {
    fn new(room: usize) -> Self {
        Self { pieces: Vec::new(), room, over: false, ended: false }
    }
    pub(crate) fn add(&mut self, piece: &Bytes) {
        match self.room.checked_sub(piece.len()) {
            Some(room) if !self.over => {
                self.room = room;
                self.pieces.push(piece.clone());
            }
            Some(_) | None => {
                self.over = true;
                self.pieces = Vec::new();
            }
        }
    }
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }
    /// All of it, if it is.
    fn whole(&mut self) -> Option<Bytes> {
        if self.over {
            return None;
        }
        let mut pieces = std::mem::take(&mut self.pieces);
        if pieces.len() == 1 {
            return pieces.pop();
        }
        let mut all = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
        pieces.iter().for_each(|piece| all.extend_from_slice(piece));
        Some(all.freeze())
    }
}

pub(crate) struct Copy {
    mirror: Arc<Mirror>,
    jobs: UnboundedSender<Job>,
    slot: Slot,
    request: Request,
    upload: Option<Copied>,
    started: Instant,
    seen: Option<Seen>,
    answer: Pieces,
}

impl Copy {
    /// `None` for a request that is not copied.
    pub(crate) fn begin(
        client: &Client,
        service: &LocalService,
        head: &Parts,
        host: Option<&HeaderValue>,
        has_body: bool,
    ) -> Option<Box<Self>> {
        let (mirror, jobs) = service.mirror.as_ref()?;
        let spec = mirror.spec();
        let now = Instant::now();
        let leased = || mirror.lease.holds(client.thread.shared.clock.micros_at(now));
        let chosen = || {
            let place = client.thread.random() >> 32;
            place * 10_000 < u64::from(spec.share.basis_points()) << 32
        };
        if !spec.methods.contains(head.method.as_str()) || !chosen() || !leased() {
            return None;
        }
        let slot = mirror.slot()?;
        Some(Box::new(Self {
            slot,
            request: Request {
                method: head.method.clone(),
                path: head.uri.path_and_query().map_or("/", PathAndQuery::path).into(),
                bytes: Bare::unfinished(head, client, host),
            },
            upload: has_body.then(|| Rc::new(RefCell::new(Pieces::new(mirror.most_bytes())))),
            started: now,
            seen: None,
            answer: Pieces::new(mirror.most_bytes()),
            mirror: Arc::clone(mirror),
            jobs: jobs.clone(),
        }))
    }

    /// Where the request's body leaves its pieces.
    pub(crate) fn upload(&self) -> Option<Copied> {
        self.upload.clone()
    }

    pub(crate) fn answered(&mut self, head: &response::Parts) {
        let mut response = http::Response::new(());
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers.clone();
        self.seen = Some(Seen::head(&response, &self.mirror.spec().headers));
    }

    /// A piece of the answer's body is on its way to the user.
    pub(crate) fn saw(&mut self, piece: &Bytes) {
        self.answer.add(piece);
    }

    /// The user has got all of the answer.
    pub(crate) fn ended(mut self) {
        let Some(mut seen) = self.seen.take() else { return };
        seen.body = self.answer.whole();
        self.hand_over(seen);
    }

    /// The user got no answer, or not all of it.
    pub(crate) fn failed(self, ended: Ended) {
        self.hand_over(Seen::without_answer(ended, 0));
    }

    fn hand_over(self, mut seen: Seen) {
        seen.micros = as_micros(self.started.elapsed());
        let mut request = self.request;
        let body = match &self.upload {
            None => Some(Bytes::new()),
            // An answer before the end of the request is an answer to something else.
            Some(upload) if !upload.borrow().ended => return,
            Some(upload) => upload.borrow_mut().whole(),
        };
        let Some(body) = body else {
            self.mirror.state.too_large.fetch_add(1, Relaxed);
            return;
        };
        Bare::finish(&mut request.bytes, &request.method, &body);
        let job = Job { mirror: self.mirror, request, live: seen, slot: self.slot };
        // Without the mirror's thread nothing is copied.
        drop(self.jobs.send(job));
    }
}
