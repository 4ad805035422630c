//! Free ports that nobody else is about to take: below the range of outgoing connections, apart from the one that
//! instances get.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

const FIRST: u16 = 10_000;
const COUNT: u16 = 9_000;
/// Test processes that start together look at different places.
const STRIDE: u32 = 37;

static NEXT: AtomicU16 = AtomicU16::new(0);

pub(crate) fn free() -> SocketAddr {
    let own = (std::process::id().wrapping_mul(STRIDE) % u32::from(COUNT)) as u16;
    (0..COUNT)
        .map(|_| NEXT.fetch_add(1, Ordering::Relaxed))
        .map(|step| FIRST + ((u32::from(own) + u32::from(step)) % u32::from(COUNT)) as u16)
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .find(|address| TcpListener::bind(address).is_ok())
        .expect("no free port")
}
