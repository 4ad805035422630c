//! The connection that a readiness probe keeps from one look to the next: most of a probe's cost is the connecting.
//!
//! What a kept connection would hide is bounded. An app that no longer accepts, or whose other workers are ill, is
//! seen by the next new connection; one that fails in any way is given up, so that the looks that decide over
//! readiness, and all before it is there, come over new ones. The connection lies with the instance and not with the
//! prober, so that it goes the moment the instance is told to stop: some servers wait for their last connection.

use std::net::SocketAddr;

use tokio::net::TcpStream;

/// Looks over one connection. A dead listener behind a living connection is found four intervals later than without,
/// and four of five connections are saved.
pub(super) const LOOKS: u32 = 5;

#[derive(Debug)]
pub(super) struct Kept {
    pub(super) stream: TcpStream,
    pub(super) address: SocketAddr,
    looks: u32,
}

impl Kept {
    pub(super) fn new(stream: TcpStream, address: SocketAddr) -> Self {
        Self { stream, address, looks: 0 }
    }

    /// `None` when it has carried its share.
    pub(super) fn after_an_answer(mut self) -> Option<Self> {
        self.looks += 1;
        (self.looks < LOOKS).then_some(self)
    }
}
