//! Listening on loopback and on the unix socket.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use hyper::body::Incoming;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use staunch_control::Handle;
use staunch_ports::JournalError;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::access::{Access, SharedKeyring};
use crate::app::{App, last_after};
use crate::codes::Code;
use crate::desk::Desk;
use crate::door::Door;
use crate::frames::Frames;
use crate::oidc::{Oidc, OidcSettings};
use crate::pipe::AnyPipe;
use crate::problem::{Problem, Refusal};
use crate::routes::{self, Metrics};
use crate::socket::{self, SocketFile};
use crate::who::Peer;

/// Open connections per listener; further ones are told so and closed. Streams count.
const CONNECTIONS: usize = 512;
/// Those that are being told so; beyond that a connection is closed without a word.
const TURNED_AWAY: usize = 512;
const TURNING_AWAY: Duration = Duration::from_secs(1);
/// What a client asks is heard for so long before it is turned away, and it is given as long to go: thousands of
/// clients that come at once must not wait for each other to be told.
const BRIEFLY: Duration = Duration::from_millis(100);
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A connection that sends no whole request head for this long is closed.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);
/// How long requests may take to end when the server stops.
const FAREWELL: Duration = Duration::from_secs(2);
/// Pause after a failed accept (no descriptor left): a loop must not spin on it.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What only the composition root can do. Called for requests on the unix socket alone.
pub trait Admin: Send + Sync + 'static {
    /// Begins to stop control; returns at once. Instances and traffic stay as they are.
    fn shutdown(&self);
    /// Replaces the running binary; may take seconds. Says what was done, or why nothing was.
    fn upgrade(&self, binary: Option<PathBuf>) -> Result<String, String>;
}

pub struct ServeOptions {
    /// A loopback address unless `door` says how it is safe elsewhere; port 0 takes a free one.
    pub tcp: SocketAddr,
    pub door: Door,
    pub keyring: SharedKeyring,
    /// How people sign in beside links and tokens.
    pub oidc: Option<OidcSettings>,
    /// What tokens may be limited to.
    pub environment: Option<String>,
    pub unix: PathBuf,
    /// Shown in `/api/v1/meta`.
    pub version: String,
    pub data_dir: PathBuf,
    pub admin: Arc<dyn Admin>,
    pub desk: Arc<dyn Desk>,
}

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(
        "{0} is not a loopback address: give `[control]` a certificate (`tls`) or `trusted-proxies`, or listen on 127.0.0.1"
    )]
    NotLoopback(SocketAddr),
    /// The caller may try another port.
    #[error("{0} is taken by another process: choose another port")]
    PortTaken(SocketAddr),
    #[error("another server listens on {}: stop it, or use a data directory of its own", .0.display())]
    SocketTaken(PathBuf),
    #[error("cannot listen on {}: {source}", .path.display())]
    Socket { path: PathBuf, source: io::Error },
    #[error("the control API's TLS: {0}")]
    Tls(String),
    #[error("who has access cannot be read: {0}")]
    Keyring(#[from] JournalError),
    #[error("cannot listen on {addr}: {source}")]
    Tcp { addr: SocketAddr, source: io::Error },
}

/// A running server. Dropping it ends it too, without waiting.
#[derive(Debug)]
pub struct Serving {
    tcp: SocketAddr,
    stop: watch::Sender<bool>,
    listeners: Vec<JoinHandle<()>>,
    file: SocketFile,
}

impl Serving {
    /// Where the pages and the API are, with the port that was taken.
    pub fn tcp(&self) -> SocketAddr {
        self.tcp
    }

    /// Ends streams and idle connections at once, gives requests 2 s to end, and removes the socket's file.
    pub async fn stop(self) {
        let Self { stop, listeners, file, .. } = self;
        stop.send_replace(true);
        for listener in listeners {
            // A listener that panicked listens no more, which is what is wanted.
            drop(listener.await);
        }
        drop(file);
    }
}

/// Listens and answers, on the caller's runtime, until the returned value is stopped or dropped.
pub async fn serve(handle: Handle, options: ServeOptions) -> Result<Serving, ServeError> {
    let tls = options
        .door
        .tls
        .as_ref()
        .map(|files| files.acceptor(&["http/1.1"]))
        .transpose()
        .map_err(ServeError::Tls)?;
    let listener = bind_tcp(options.tcp, &options.door).await?;
    let failed = |source| ServeError::Tcp { addr: options.tcp, source };
    let tcp = listener.local_addr().map_err(failed)?;
    let (unix, file) = socket::bind(&options.unix).await?;
    let (stop, stopped) = watch::channel(false);
    let reading = handle.clone();
    let end = tokio::task::spawn_blocking(move || last_after(&reading, reading.reached())).await;
    let end = end.unwrap_or_else(|error| Err(JournalError::Broken(error.to_string()))).unwrap_or_default();
    let oidc = options.oidc.map(Oidc::new);
    let terms = oidc.as_ref().map(|oidc| oidc.terms);
    let router = routes::router(Arc::new(App {
        handle,
        admin: options.admin,
        desk: options.desk,
        recordings: Semaphore::new(routes::RECORDING_READERS),
        database: OnceLock::new(),
        version: options.version,
        data_dir: options.data_dir,
        tcp,
        door: options.door,
        access: Access::open(options.keyring, options.environment, terms)?,
        oidc,
        metrics: Metrics::new(end),
        frames: Frames::default(),
        started: Instant::now(),
        stop: stopped.clone(),
        head: Mutex::new(end),
    }));
    let listeners = vec![
        tokio::spawn(keep_open(listener, tls, router.clone(), stopped.clone())),
        tokio::spawn(keep_open(unix, None, router, stopped)),
    ];
    Ok(Serving { tcp, stop, listeners, file })
}

async fn bind_tcp(addr: SocketAddr, door: &Door) -> Result<TcpListener, ServeError> {
    if !addr.ip().is_loopback() && !door.may_leave_loopback() {
        return Err(ServeError::NotLoopback(addr));
    }
    TcpListener::bind(addr).await.map_err(|source| {
        let taken = source.kind() == io::ErrorKind::AddrInUse;
        if taken { ServeError::PortTaken(addr) } else { ServeError::Tcp { addr, source } }
    })
}

/// A way in: connections, and where each comes from.
trait Entrance: Send + Sync + 'static {
    fn next(&self) -> impl Future<Output = io::Result<(AnyPipe, Peer)>> + Send;
}

impl Entrance for TcpListener {
    async fn next(&self) -> io::Result<(AnyPipe, Peer)> {
        let (stream, from) = self.accept().await?;
        // Events are small and late ones are worthless. A client that is gone already is no reason to pause.
        drop(stream.set_nodelay(true));
        Ok((Box::new(stream), Peer::Tcp { ip: from.ip().to_canonical() }))
    }
}

impl Entrance for UnixListener {
    async fn next(&self) -> io::Result<(AnyPipe, Peer)> {
        let (stream, _) = self.accept().await?;
        let uid = stream.peer_cred()?.uid();
        Ok((Box::new(stream), Peer::Unix { uid }))
    }
}

async fn keep_open(
    door: impl Entrance,
    tls: Option<TlsAcceptor>,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let turned_away = Arc::new(Semaphore::new(TURNED_AWAY));
    let mut guests = JoinSet::new();
    loop {
        let arrived = tokio::select! {
            arrived = door.next() => arrived,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        while guests.try_join_next().is_some() {}
        let Ok((io, peer)) = arrived else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        if let Ok(place) = places.clone().try_acquire_owned() {
            let serving = guest(io, tls.clone(), peer, router.clone(), stop.clone());
            guests.spawn(async move {
                let _place = place;
                serving.await;
            });
        } else if let Ok(place) = turned_away.clone().try_acquire_owned() {
            let secret = tls.is_some();
            guests.spawn(async move {
                let _place = place;
                turn_away(io, secret).await;
            });
        }
    }
    drop(door);
    // Whoever has not ended by then is cut off.
    drop(tokio::time::timeout(FAREWELL, guests.join_all()).await);
}

/// With TLS there is nobody yet to tell: the connection ends.
async fn turn_away(mut io: AnyPipe, secret: bool) {
    if secret {
        return;
    }
    let problem = Problem::from(Refusal::new(
        Code::TooManyConnections,
        format!("{CONNECTIONS} connections are open, and more are not taken"),
    ));
    let body = serde_json::to_string(&problem).unwrap_or_default();
    let length = body.len();
    let text = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: 5\r\n\
         connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let telling = async {
        // What the client sends is read: unread bytes would reset the connection and the answer with it.
        let mut rest = [0; 1_024];
        drop(tokio::time::timeout(BRIEFLY, io.read(&mut rest)).await);
        io.write_all(text.as_bytes()).await?;
        io.shutdown().await?;
        let leaving = async { while io.read(&mut rest).await.is_ok_and(|read| read > 0) {} };
        drop(tokio::time::timeout(BRIEFLY, leaving).await);
        io::Result::Ok(())
    };
    drop(tokio::time::timeout(TURNING_AWAY, telling).await);
}

async fn guest(
    io: AnyPipe,
    tls: Option<TlsAcceptor>,
    peer: Peer,
    router: Router,
    stop: watch::Receiver<bool>,
) {
    let Some(tls) = tls else { return connection(io, peer, router, stop).await };
    // Whoever speaks something else is the client's affair.
    if let Ok(Ok(io)) = tokio::time::timeout(HANDSHAKE, tls.accept(io)).await {
        connection(Box::new(io), peer, router, stop).await;
    }
}

async fn connection(io: AnyPipe, peer: Peer, router: Router, mut stop: watch::Receiver<bool>) {
    let routes = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        routes.call(request)
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
    let connection = builder.serve_connection(TokioIo::new(io), service);
    tokio::pin!(connection);
    // A connection that breaks is the client's affair.
    tokio::select! {
        ended = connection.as_mut() => return drop(ended),
        _ = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    drop(connection.await);
}
