//! Connections to one instance, owned by one thread. HTTP/1.1 connections are kept and used again, the most recent
//! first; HTTP/2 ones are shared by all requests.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use crate::answer::Answer;
use crate::bare::Bare;
use crate::body::UpBody;
use crate::connection::LocalExecutor;
use crate::instance::Instance;
use crate::instance_body::{InstanceBody, LineBody};
use crate::line::{Broken, Line};

/// Below the keep-alive of common servers (5 s), so that the edge closes first.
const IDLE_MICROS: u64 = 4_000_000;
/// A request that must not be sent twice takes a connection only if it was used this recently.
const FRESH_MICROS: u64 = 1_000_000;
/// Idle connections kept per instance and thread.
const MAX_IDLE: usize = 512;
/// Connections looked at before giving up and opening a new one.
const MAX_LOOKS: usize = 8;

enum Sender {
    H1(http1::SendRequest<UpBody>),
    H2(http2::SendRequest<UpBody>),
}

struct Idle<C> {
    connection: C,
    since_micros: u64,
}

pub(crate) struct Pool {
    addr: SocketAddr,
    h2c: bool,
    connect_timeout: Duration,
    /// For requests without a body.
    lines: RefCell<Vec<Idle<Line>>>,
    /// For all others.
    idle: RefCell<Vec<Idle<http1::SendRequest<UpBody>>>>,
    shared: RefCell<Option<http2::SendRequest<UpBody>>>,
    closed: Cell<bool>,
}

/// The connection a response is arriving on. Given back when the body has ended; dropped, it is closed.
pub(crate) struct Link {
    sender: Option<http1::SendRequest<UpBody>>,
    instance: Rc<Instance>,
}

/// Which kept connections a request may be risked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// None: open a new one.
    None,
    /// One used a moment ago, for a request that must not be sent twice.
    Recent,
    Any,
}

impl Kept {
    fn age(self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Recent => Some(FRESH_MICROS),
            Self::Any => Some(IDLE_MICROS),
        }
    }
}

/// Why there is no response.
pub(crate) enum SendError {
    /// No instance has seen the request.
    Unsent,
    /// It was sent, at least in part, and the connection ended. `reused`: on a connection that had served before, so
    /// that its end may have been a keep-alive running out.
    Lost { reused: bool },
}

impl Link {
    pub(crate) fn give_back(self, line: Option<Line>, now_micros: u64) {
        let pool = &self.instance.pool;
        if let Some(line) = line {
            pool.keep(&pool.lines, line, now_micros);
        }
        if let Some(sender) = self.sender.filter(|sender| !sender.is_closed()) {
            pool.keep(&pool.idle, sender, now_micros);
        }
    }
}

impl Pool {
    pub(crate) fn new(addr: SocketAddr, h2c: bool, connect_timeout: Duration) -> Self {
        let (lines, idle, shared) = (RefCell::default(), RefCell::default(), RefCell::default());
        Self { addr, h2c, connect_timeout, lines, idle, shared, closed: Cell::new(false) }
    }

    fn keep<C>(&self, idle: &RefCell<Vec<Idle<C>>>, connection: C, now_micros: u64) {
        let mut idle = idle.borrow_mut();
        if !self.closed.get() && idle.len() < MAX_IDLE {
            idle.push(Idle { connection, since_micros: now_micros });
        }
    }

    pub(crate) fn expire(&self, now_micros: u64) {
        let oldest = now_micros.saturating_sub(IDLE_MICROS);
        self.lines.borrow_mut().retain(|i| i.since_micros >= oldest && i.connection.is_silent());
        self.idle.borrow_mut().retain(|i| i.since_micros >= oldest && !i.connection.is_closed());
    }

    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.lines.borrow_mut().clear();
        self.idle.borrow_mut().clear();
        self.shared.borrow_mut().take();
    }

    /// The most recently used connection that can take a request now.
    fn take_idle(&self, oldest_micros: u64) -> Option<http1::SendRequest<UpBody>> {
        let mut idle = self.idle.borrow_mut();
        for at in (0..idle.len()).rev().take(MAX_LOOKS) {
            if idle[at].connection.is_closed() {
                idle.remove(at);
            } else if idle[at].connection.is_ready() && idle[at].since_micros >= oldest_micros {
                return Some(idle.remove(at).connection);
            }
        }
        None
    }

    /// The most recently used line. One that is too old leaves none younger behind it.
    fn take_line(&self, kept: Kept, now_micros: u64) -> Option<Line> {
        let oldest = now_micros.saturating_sub(kept.age()?);
        let mut lines = self.lines.borrow_mut();
        while lines.last()?.since_micros >= oldest {
            let line = lines.pop()?.connection;
            if line.is_silent() {
                return Some(line);
            }
        }
        None
    }

    fn take(&self, kept: Kept, now_micros: u64) -> Option<Sender> {
        let age = kept.age()?;
        if self.h2c {
            self.shared.borrow().clone().filter(|s| !s.is_closed()).map(Sender::H2)
        } else {
            self.take_idle(now_micros.saturating_sub(age)).map(Sender::H1)
        }
    }

    async fn open(&self) -> io::Result<TcpStream> {
        let stream = tokio::time::timeout(self.connect_timeout, TcpStream::connect(self.addr)).await??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn connect(&self) -> io::Result<Sender> {
        let io = TokioIo::new(self.open().await?);
        let sender = if self.h2c { self.start_http2(io).await } else { start_http1(io).await };
        sender.map_err(io::Error::other)
    }

    async fn start_http2(&self, io: TokioIo<TcpStream>) -> hyper::Result<Sender> {
        let mut builder = http2::Builder::new(LocalExecutor);
        builder.timer(TokioTimer::new()).adaptive_window(true);
        let (sender, connection) = builder.handshake(io).await?;
        spawn_local(connection);
        self.shared.replace((!self.closed.get()).then(|| sender.clone()));
        Ok(Sender::H2(sender))
    }
}

async fn start_http1(io: TokioIo<TcpStream>) -> hyper::Result<Sender> {
    let (mut sender, connection) = http1::Builder::new().handshake(io).await?;
    spawn_local(connection.with_upgrades());
    poll_fn(|cx| sender.poll_ready(cx)).await?;
    Ok(Sender::H1(sender))
}

/// Sends a request without a body: on a kept connection if one is there, and on further ones as long as nothing of it
/// has left.
pub(crate) async fn ask(
    instance: &Rc<Instance>,
    request: &Bare,
    kept: Kept,
    now_micros: u64,
) -> Result<(Response<InstanceBody>, Link), SendError> {
    loop {
        let line = instance.pool.take_line(kept, now_micros);
        let reused = line.is_some();
        let mut line = match line {
            Some(line) => line,
            // Boxed: it is rare, and its size would be carried through every request.
            None => Line::new(Box::pin(instance.pool.open()).await.map_err(|_| SendError::Unsent)?),
        };
        match line.ask(request).await {
            Ok(Answer { head, framing, keeps_alive }) => {
                let body = LineBody::new(line, framing, keeps_alive);
                let link = Link { sender: None, instance: Rc::clone(instance) };
                return Ok((head.map(|()| InstanceBody::Line(body)), link));
            }
            Err(Broken::Unsent) if reused => {}
            Err(Broken::Unsent) => return Err(SendError::Unsent),
            Err(Broken::Lost) => return Err(SendError::Lost { reused }),
        }
    }
}

/// As `ask`, for any request. An unsent one is put back.
pub(crate) async fn send(
    instance: &Rc<Instance>,
    outgoing: &mut Option<Request<UpBody>>,
    kept: Kept,
    now_micros: u64,
) -> Result<(Response<InstanceBody>, Link), SendError> {
    while let Some(request) = outgoing.take() {
        let sender = instance.pool.take(kept, now_micros);
        let reused = sender.is_some();
        let sender = match sender {
            Some(sender) => sender,
            // Boxed: it is rare, and its size would be carried through every request.
            None => match Box::pin(instance.pool.connect()).await {
                Ok(sender) => sender,
                Err(_) => {
                    *outgoing = Some(request);
                    return Err(SendError::Unsent);
                }
            },
        };
        match sender.send(instance, request).await {
            Ok((response, link)) => return Ok((response.map(InstanceBody::Incoming), link)),
            Err(None) => return Err(SendError::Lost { reused }),
            Err(unsent) => *outgoing = unsent,
        }
        if !reused {
            return Err(SendError::Unsent);
        }
    }
    Err(SendError::Lost { reused: false })
}

impl Sender {
    /// `Err(Some(request))`: not a byte of it was sent.
    async fn send(
        self,
        instance: &Rc<Instance>,
        request: Request<UpBody>,
    ) -> Result<(Response<Incoming>, Link), Option<Request<UpBody>>> {
        let instance = Rc::clone(instance);
        match self {
            Self::H1(mut sender) => match sender.try_send_request(request).await {
                Ok(response) => Ok((response, Link { sender: Some(sender), instance })),
                Err(mut error) => Err(error.take_message()),
            },
            Self::H2(mut sender) => match sender.try_send_request(request).await {
                Ok(response) => Ok((response, Link { sender: None, instance })),
                Err(mut error) => {
                    instance.pool.shared.borrow_mut().take_if(|shared| shared.is_closed());
                    Err(error.take_message())
                }
            },
        }
    }
}
