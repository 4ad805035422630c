//! The demo's users: a paced stream of requests over keep-alive connections, counted by what the users see.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

/// What users asked for and what they got.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) requests: AtomicU64,
    /// 5xx, broken connections, no answer in ten seconds.
    pub(crate) failed: AtomicU64,
}

const USERS: u64 = 12;
const PATIENCE: Duration = Duration::from_secs(10);

/// The pages users ask for, in their proportions.
const WALK: [(&str, &str); 10] = [
    ("GET", "/"),
    ("GET", "/products"),
    ("GET", "/products/1001"),
    ("GET", "/products/1002"),
    ("GET", "/products/1003"),
    ("GET", "/cart"),
    ("POST", "/cart"),
    ("POST", "/checkout"),
    ("GET", "/products/1004"),
    ("POST", "/checkout"),
];

/// Starts users who together send `per_second` requests until the returned tasks are aborted.
pub(crate) fn start(target: SocketAddr, per_second: u64, seen: &Arc<Seen>) -> Vec<JoinHandle<()>> {
    (0..USERS).map(|user| tokio::spawn(shop_around(target, user, per_second, seen.clone()))).collect()
}

async fn shop_around(target: SocketAddr, user: u64, per_second: u64, seen: Arc<Seen>) {
    let beat = Duration::from_micros(1_000_000 * USERS / per_second);
    let mut beats = tokio::time::interval_at(Instant::now() + beat * user as u32 / USERS as u32, beat);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut connection = None;
    let mut page = user as usize;
    loop {
        beats.tick().await;
        page += 1;
        let (method, path) = WALK[page % WALK.len()];
        let asked = tokio::time::timeout(PATIENCE, ask(&mut connection, target, method, path)).await;
        let answered = matches!(asked, Ok(Some(status)) if status < 500);
        seen.requests.fetch_add(1, Ordering::Relaxed);
        if !answered {
            seen.failed.fetch_add(1, Ordering::Relaxed);
            connection = None;
        }
    }
}

type Connection = SendRequest<Full<Bytes>>;

async fn ask(
    connection: &mut Option<Connection>,
    target: SocketAddr,
    method: &str,
    path: &str,
) -> Option<u16> {
    let open = connection.take().filter(|open| !open.is_closed());
    let mut open = match open {
        Some(open) => open,
        None => connect(target).await?,
    };
    open.ready().await.ok()?;
    let request = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).ok()?)
        .uri(path)
        .header("host", target.to_string())
        .body(Full::new(Bytes::new()))
        .ok()?;
    let response = open.send_request(request).await.ok()?;
    let status = response.status().as_u16();
    response.into_body().collect().await.ok()?;
    *connection = Some(open);
    Some(status)
}

async fn connect(target: SocketAddr) -> Option<Connection> {
    let stream = TcpStream::connect(target).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let (sender, driver) = handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(async move { drop(driver.await) });
    Some(sender)
}
