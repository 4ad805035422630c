//! Listening on loopback and on the unix socket.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use hyper::body::Incoming;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use staunch_control::Handle;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::app::App;
use crate::routes;
use crate::socket::{self, SocketFile};
use crate::who::Peer;

/// Open connections per listener; further ones wait in its queue. Streams count.
const CONNECTIONS: usize = 256;
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
    /// A loopback address; port 0 takes a free one.
    pub tcp: SocketAddr,
    pub unix: PathBuf,
    /// Shown in `/api/v1/meta`.
    pub version: String,
    pub data_dir: PathBuf,
    pub admin: Arc<dyn Admin>,
}

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(
        "{0} is not a loopback address: without authentication the API listens on 127.0.0.1 or [::1] only"
    )]
    NotLoopback(SocketAddr),
    /// The caller may try another port.
    #[error("{0} is taken by another process: choose another port")]
    PortTaken(SocketAddr),
    #[error("another server listens on {}: stop it, or use a data directory of its own", .0.display())]
    SocketTaken(PathBuf),
    #[error("cannot listen on {}: {source}", .path.display())]
    Socket { path: PathBuf, source: io::Error },
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
    let listener = bind_tcp(options.tcp).await?;
    let failed = |source| ServeError::Tcp { addr: options.tcp, source };
    let tcp = listener.local_addr().map_err(failed)?;
    let (unix, file) = socket::bind(&options.unix).await?;
    let (stop, stopped) = watch::channel(false);
    let router = routes::router(Arc::new(App {
        handle,
        admin: options.admin,
        version: options.version,
        data_dir: options.data_dir,
        tcp,
        started: Instant::now(),
        stop: stopped.clone(),
        head: Mutex::new(0),
    }));
    let listeners = vec![
        tokio::spawn(keep_open(listener, router.clone(), stopped.clone())),
        tokio::spawn(keep_open(unix, router, stopped)),
    ];
    Ok(Serving { tcp, stop, listeners, file })
}

async fn bind_tcp(addr: SocketAddr) -> Result<TcpListener, ServeError> {
    if !addr.ip().is_loopback() {
        return Err(ServeError::NotLoopback(addr));
    }
    TcpListener::bind(addr).await.map_err(|source| {
        let taken = source.kind() == io::ErrorKind::AddrInUse;
        if taken { ServeError::PortTaken(addr) } else { ServeError::Tcp { addr, source } }
    })
}

/// A way in: connections, and where each comes from.
trait Door: Send + Sync + 'static {
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    fn next(&self) -> impl Future<Output = io::Result<(Self::Io, Peer)>> + Send;
}

impl Door for TcpListener {
    type Io = TcpStream;
    async fn next(&self) -> io::Result<(TcpStream, Peer)> {
        let (stream, _) = self.accept().await?;
        // Events are small and late ones are worthless.
        stream.set_nodelay(true)?;
        Ok((stream, Peer::Tcp))
    }
}

impl Door for UnixListener {
    type Io = UnixStream;
    async fn next(&self) -> io::Result<(UnixStream, Peer)> {
        let (stream, _) = self.accept().await?;
        let uid = stream.peer_cred()?.uid();
        Ok((stream, Peer::Unix { uid }))
    }
}

async fn keep_open(door: impl Door, router: Router, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut guests = JoinSet::new();
    loop {
        let place = places.clone().acquire_owned();
        let next = async { (place.await, door.next().await) };
        let (place, arrived) = tokio::select! {
            arrived = next => arrived,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        while guests.try_join_next().is_some() {}
        match arrived {
            Ok((io, peer)) => {
                let serving = connection(io, peer, router.clone(), stop.clone());
                guests.spawn(async move {
                    let _place = place;
                    serving.await;
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
    drop(door);
    // Whoever has not ended by then is cut off.
    drop(tokio::time::timeout(FAREWELL, guests.join_all()).await);
}

async fn connection(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
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
