//! One client connection from its acceptance to its end.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use staunch_model::Limits;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

use crate::drain::Phase;
use crate::exchange;
use crate::head::forwarded_element;
use crate::io::{ClientIo, ConnectionState, Watch};
use crate::local::LocalService;
use crate::thread::Thread;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// hyper's least read buffer.
const LEAST_BUFFER: usize = 8_192;

/// Spawns on the thread it is used on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalExecutor;

impl<F: Future + 'static> Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}

/// What every request on a connection shares.
pub(crate) struct Client {
    pub(crate) thread: Rc<Thread>,
    pub(crate) listen: SocketAddr,
    pub(crate) addr: SocketAddr,
    /// The client's address as header text.
    pub(crate) addr_text: HeaderValue,
    pub(crate) tls: bool,
    pub(crate) http2: bool,
    pub(crate) state: Arc<ConnectionState>,
    /// The last host asked for and the `Forwarded` element that goes with it: it seldom changes.
    forwarded: RefCell<Option<(Option<HeaderValue>, HeaderValue)>>,
}

impl Client {
    pub(crate) fn forwarded(&self, host: Option<&HeaderValue>) -> Option<HeaderValue> {
        let mut last = self.forwarded.borrow_mut();
        if let Some((last_host, element)) = &*last
            && last_host.as_ref() == host
        {
            return Some(element.clone());
        }
        let element = forwarded_element(self.addr.ip(), host, self.tls)?;
        // Copied: a piece of a head would hold all that was read with it.
        let copy = host.and_then(|host| HeaderValue::from_bytes(host.as_bytes()).ok());
        last.replace((copy, element.clone()));
        Some(element)
    }
}

/// A request being served, from its head to the end of the response's body.
pub(crate) struct Serving(Arc<ConnectionState>);

impl Serving {
    /// Also tells whether the head framed its body twice.
    pub(crate) fn begin(state: &Arc<ConnectionState>) -> (Self, bool) {
        let both_framings = state.request_begins();
        (Self(Arc::clone(state)), both_framings)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.request_ends();
    }
}

/// Serves a connection accepted on `listen` until it ends.
pub(crate) async fn serve(thread: Rc<Thread>, stream: TcpStream, addr: SocketAddr, listen: SocketAddr) {
    // A socket that cannot be set up is one that has gone already.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = thread.table().service(listen).cloned();
    let limits = service.as_deref().map_or_else(no_service_limits, |s| s.shared.spec.edge.limits.clone());
    match service.as_deref().and_then(|s: &LocalService| s.shared.tls.clone()) {
        None => converse(thread, stream, addr, listen, limits, None).await,
        Some(acceptor) => Box::pin(serve_tls(thread, stream, addr, listen, limits, acceptor)).await,
    }
}

async fn serve_tls(
    thread: Rc<Thread>,
    stream: TcpStream,
    addr: SocketAddr,
    listen: SocketAddr,
    limits: Limits,
    acceptor: TlsAcceptor,
) {
    let accepting = Box::pin(timeout(limits.header_timeout, acceptor.accept(stream)));
    let Ok(Ok(stream)) = accepting.await else { return };
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    converse(thread, stream, addr, listen, limits, Some(http2)).await;
}

/// For an address that no table knows yet: its requests are refused, and quickly.
fn no_service_limits() -> Limits {
    Limits {
        header_bytes: 16_384,
        body_bytes: None,
        connections: usize::MAX,
        header_timeout: Duration::from_secs(10),
        response_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(1),
    }
}

/// `negotiated`: what TLS has agreed on; `None` without TLS, where the first bytes tell.
async fn converse<S>(
    thread: Rc<Thread>,
    mut stream: S,
    addr: SocketAddr,
    listen: SocketAddr,
    limits: Limits,
    negotiated: Option<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let state = Arc::new(ConnectionState::new(Arc::clone(&thread.coarse_ms)));
    let (http2, prefix) = match negotiated {
        Some(http2) => (http2, Bytes::new()),
        None => match Box::pin(sniff_in_time(&thread, &mut stream, limits.header_timeout)).await {
            Some(found) => found,
            None => return,
        },
    };
    let Ok(addr_text) = HeaderValue::from_str(&addr.ip().to_canonical().to_string()) else { return };
    let io = ClientIo::new(stream, prefix, Arc::clone(&state), !http2);
    let tls = negotiated.is_some();
    let client =
        Rc::new(Client { thread, listen, addr, addr_text, tls, http2, state, forwarded: RefCell::default() });
    // Each boxed: a connection takes the room of what it speaks, not of everything it might have spoken.
    if http2 {
        Box::pin(serve_http2(&client, io, &limits)).await;
    } else {
        Box::pin(serve_http1(&client, io, &limits)).await;
    }
}

/// `None`: nothing came in time, or the edge closes idle connections.
async fn sniff_in_time<S: AsyncRead + Unpin>(
    thread: &Thread,
    stream: &mut S,
    limit: Duration,
) -> Option<(bool, Bytes)> {
    let mut sniffing = pin!(timeout(limit, sniff(stream)));
    loop {
        let changed = thread.drain.changed();
        if thread.drain.phase() == Phase::Closing {
            return None;
        }
        tokio::select! {
            found = sniffing.as_mut() => return found.ok()?.ok(),
            () = changed => {}
        }
    }
}

/// Reads until it is clear whether HTTP/2 is spoken with prior knowledge.
async fn sniff<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<(bool, Bytes)> {
    let mut read = BytesMut::with_capacity(PREFACE.len());
    loop {
        let got = (&mut *stream).take((PREFACE.len() - read.len()) as u64).read_buf(&mut read).await?;
        let undecided = PREFACE.starts_with(&read) && read.len() < PREFACE.len();
        if got == 0 && read.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if got == 0 || !undecided {
            return Ok((read == PREFACE, read.freeze()));
        }
    }
}

async fn serve_http1<S>(client: &Rc<Client>, io: ClientIo<S>, limits: &Limits)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_header_size(limits.header_bytes).max_buf_size(limits.header_bytes.max(LEAST_BUFFER));
    let service = service_fn(|request: Request<Incoming>| {
        let client = Rc::clone(client);
        async move { Ok::<_, Infallible>(exchange::serve(&client, request).await) }
    });
    let connection = pin!(builder.serve_connection(io, service).with_upgrades());
    attend(client, limits, connection, Phase::Closing, |connection| connection.graceful_shutdown()).await;
}

async fn serve_http2<S>(client: &Rc<Client>, io: ClientIo<S>, limits: &Limits)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http2::Builder::new(LocalExecutor);
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX));
    let service_client = Rc::clone(client);
    let service = service_fn(move |request: Request<Incoming>| {
        let client = Rc::clone(&service_client);
        async move { Ok::<_, Infallible>(exchange::serve(&client, request).await) }
    });
    let connection = pin!(builder.serve_connection(io, service));
    attend(client, limits, connection, Phase::Draining, |connection| connection.graceful_shutdown()).await;
}

/// Drives a connection, ends it when it is overdue, and winds it down once the drain has come to `phase`.
async fn attend<C: Future>(
    client: &Client,
    limits: &Limits,
    mut connection: Pin<&mut C>,
    phase: Phase,
    wind_down: impl Fn(Pin<&mut C>),
) {
    let header_ms = limits.header_timeout.as_millis() as u64;
    let idle_ms = limits.idle_timeout.as_millis() as u64;
    let mut nap = pin!(sleep_until(Instant::now() + limits.header_timeout));
    let mut winding_down = false;
    loop {
        let changed = client.thread.drain.changed();
        if client.thread.drain.phase() >= phase && !winding_down {
            winding_down = true;
            wind_down(connection.as_mut());
        }
        tokio::select! {
            biased;
            // How a connection ended is the client's affair; what it means for a version is in its charges.
            _ = connection.as_mut() => return,
            () = changed => {}
            () = nap.as_mut() => match client.state.watch(header_ms, idle_ms) {
                Watch::Overdue => return,
                Watch::LookAgainInMs(ms) => nap.as_mut().reset(Instant::now() + Duration::from_millis(ms)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room_of<F: Future>(_: impl Fn(Rc<Thread>, TcpStream, SocketAddr, SocketAddr) -> F) -> usize {
        size_of::<F>()
    }

    /// What TLS and HTTP/2 need must not be paid for by connections without them.
    #[test]
    fn a_connection_takes_room_for_what_it_speaks_only() {
        assert!(room_of(serve) < 1_024, "{} bytes", room_of(serve));
    }
}
