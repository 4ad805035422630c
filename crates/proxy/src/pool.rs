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

use crate::body::UpBody;
use crate::connection::LocalExecutor;
use crate::instance::Instance;

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

struct Idle {
    sender: http1::SendRequest<UpBody>,
    since_micros: u64,
}

pub(crate) struct Pool {
    addr: SocketAddr,
    h2c: bool,
    connect_timeout: Duration,
    idle: RefCell<Vec<Idle>>,
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

/// Why there is no response.
pub(crate) enum SendError {
    /// No instance has seen the request: here it is again.
    Unsent(Box<Request<UpBody>>),
    /// It was sent, at least in part, and the connection ended. `reused`: on a connection that had served before, so
    /// that its end may have been a keep-alive running out.
    Lost { reused: bool },
}

impl Link {
    pub(crate) fn give_back(self, now_micros: u64) {
        let Some(sender) = self.sender else { return };
        self.instance.pool.keep(sender, now_micros);
    }
}

impl Pool {
    pub(crate) fn new(addr: SocketAddr, h2c: bool, connect_timeout: Duration) -> Self {
        let (idle, shared) = (RefCell::default(), RefCell::default());
        Self { addr, h2c, connect_timeout, idle, shared, closed: Cell::new(false) }
    }

    fn keep(&self, sender: http1::SendRequest<UpBody>, now_micros: u64) {
        let mut idle = self.idle.borrow_mut();
        if !self.closed.get() && !sender.is_closed() && idle.len() < MAX_IDLE {
            idle.push(Idle { sender, since_micros: now_micros });
        }
    }

    pub(crate) fn expire(&self, now_micros: u64) {
        let oldest = now_micros.saturating_sub(IDLE_MICROS);
        self.idle.borrow_mut().retain(|i| i.since_micros >= oldest && !i.sender.is_closed());
    }

    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.idle.borrow_mut().clear();
        self.shared.borrow_mut().take();
    }

    /// The most recently used connection that can take a request now.
    fn take_idle(&self, oldest_micros: u64) -> Option<http1::SendRequest<UpBody>> {
        let mut idle = self.idle.borrow_mut();
        for at in (0..idle.len()).rev().take(MAX_LOOKS) {
            if idle[at].sender.is_closed() {
                idle.remove(at);
            } else if idle[at].sender.is_ready() && idle[at].since_micros >= oldest_micros {
                return Some(idle.remove(at).sender);
            }
        }
        None
    }

    fn take(&self, kept: Kept, now_micros: u64) -> Option<Sender> {
        let age = match kept {
            Kept::None => return None,
            Kept::Recent => FRESH_MICROS,
            Kept::Any => IDLE_MICROS,
        };
        if self.h2c {
            self.shared.borrow().clone().filter(|s| !s.is_closed()).map(Sender::H2)
        } else {
            self.take_idle(now_micros.saturating_sub(age)).map(Sender::H1)
        }
    }

    async fn connect(&self) -> io::Result<Sender> {
        let stream = tokio::time::timeout(self.connect_timeout, TcpStream::connect(self.addr)).await??;
        stream.set_nodelay(true)?;
        let io = TokioIo::new(stream);
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

/// Sends a request to an instance: on a kept connection if one is there, and on further ones as long as the request
/// comes back unsent.
pub(crate) async fn send(
    instance: &Rc<Instance>,
    mut request: Request<UpBody>,
    kept: Kept,
    now_micros: u64,
) -> Result<(Response<Incoming>, Link), SendError> {
    loop {
        let sender = instance.pool.take(kept, now_micros);
        let reused = sender.is_some();
        let sender = match sender {
            Some(sender) => sender,
            // Boxed: it is rare, and its size would be carried through every request.
            None => match Box::pin(instance.pool.connect()).await {
                Ok(sender) => sender,
                Err(_) => return Err(SendError::Unsent(Box::new(request))),
            },
        };
        match sender.send(instance, request).await {
            Ok(done) => return Ok(done),
            Err(Some(unsent)) if reused => request = unsent,
            Err(Some(unsent)) => return Err(SendError::Unsent(Box::new(unsent))),
            Err(None) => return Err(SendError::Lost { reused }),
        }
    }
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
