//! The demo's application: a small shop on `PORT`, whose release and faults come from its environment.
//!
//! `SHOP_RELEASE` names the release; `SHOP_CHECKOUT_FAILS` is the share of checkouts that fail.

use std::convert::Infallible;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

struct Shop {
    release: String,
    checkout_fails: f64,
    dice: AtomicU64,
}

pub(crate) fn run() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve())
}

async fn serve() -> std::io::Result<()> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(8080);
    let shop = Shop {
        release: std::env::var("SHOP_RELEASE").unwrap_or_else(|_| "1".to_owned()),
        checkout_fails: std::env::var("SHOP_CHECKOUT_FAILS").ok().and_then(|s| s.parse().ok()).unwrap_or(0.0),
        dice: AtomicU64::new(u64::from(std::process::id())),
    };
    // The shop serves until its process ends: it lives as long as the program.
    let shop: &'static Shop = Box::leak(Box::new(shop));
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    say(&format!("shop release {} listens on port {port}", shop.release));
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => {
                say("asked to stop");
                return Ok(());
            }
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let service = service_fn(move |request| answer(shop, request));
                tokio::spawn(async move {
                    let io = TokioIo::new(stream);
                    // A client that goes away ends its connection: nothing to tell.
                    drop(http1::Builder::new().timer(TokioTimer::new()).serve_connection(io, service).await);
                });
            }
        }
    }
}

async fn answer(
    shop: &'static Shop,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path();
    if path == "/healthz" {
        return Ok(page(StatusCode::OK, "ok"));
    }
    tokio::time::sleep(shop.work()).await;
    let checkout = request.method() == Method::POST && path == "/checkout";
    if checkout && shop.chance() < shop.checkout_fails {
        say("panicked at src/checkout.rs:88: index out of bounds: the len is 0 but the index is 0");
        return Ok(page(StatusCode::INTERNAL_SERVER_ERROR, "checkout failed"));
    }
    Ok(match path {
        "/" => page(StatusCode::OK, "welcome to the shop"),
        "/cart" | "/checkout" => page(StatusCode::OK, "thank you"),
        path if path.starts_with("/products") => page(StatusCode::OK, "a fine product"),
        _ => page(StatusCode::NOT_FOUND, "no such page"),
    })
}

impl Shop {
    /// Between one and a few milliseconds, skewed as real work is.
    fn work(&self) -> Duration {
        let chance = self.chance();
        Duration::from_micros(1_000 + (4_000.0 * chance * chance) as u64)
    }

    /// Uniform in [0, 1): SplitMix64 over a counter.
    fn chance(&self) -> f64 {
        let mut z = self.dice.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as f64 / u64::MAX as f64
    }
}

fn page(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}

fn say(line: &str) {
    // A shop whose log is full goes on selling.
    drop(writeln!(std::io::stderr(), "{line}"));
}
