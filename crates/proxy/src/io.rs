//! The client's byte stream, watched: when a head began, and whether it frames its body twice.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::scan::HeadScanner;

const PIECE: usize = 8_192;

/// What a connection is doing; written where it happens, read by its watch.
#[derive(Debug)]
pub(crate) struct ConnectionState {
    coarse_ms: Arc<AtomicU64>,
    serving: AtomicU32,
    served: AtomicU32,
    /// When the head now arriving began; 0 when none is.
    head_since_ms: AtomicU64,
    idle_since_ms: AtomicU64,
    both_framings: AtomicBool,
}

/// What is the matter with a connection, and when to look again otherwise.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Watch {
    Overdue,
    LookAgainInMs(u64),
}

impl ConnectionState {
    pub(crate) fn new(coarse_ms: Arc<AtomicU64>) -> Self {
        let now = coarse_ms.load(Relaxed).max(1);
        Self {
            coarse_ms,
            serving: AtomicU32::new(0),
            served: AtomicU32::new(0),
            head_since_ms: AtomicU64::new(now),
            idle_since_ms: AtomicU64::new(now),
            both_framings: AtomicBool::new(false),
        }
    }
    fn now_ms(&self) -> u64 {
        self.coarse_ms.load(Relaxed).max(1)
    }
    /// A whole head has arrived. True when it frames its body twice.
    pub(crate) fn request_begins(&self) -> bool {
        self.serving.store(self.serving.load(Relaxed) + 1, Relaxed);
        self.served.store(self.served.load(Relaxed).wrapping_add(1), Relaxed);
        self.head_since_ms.store(0, Relaxed);
        self.both_framings.swap(false, Relaxed)
    }
    pub(crate) fn request_ends(&self) {
        self.serving.store(self.serving.load(Relaxed) - 1, Relaxed);
        self.idle_since_ms.store(self.now_ms(), Relaxed);
    }
    fn expects_head(&self) -> bool {
        self.serving.load(Relaxed) == 0
    }
    fn bytes_came(&self) {
        if self.head_since_ms.load(Relaxed) == 0 {
            self.head_since_ms.store(self.now_ms(), Relaxed);
        }
    }

    pub(crate) fn watch(&self, header_timeout_ms: u64, idle_timeout_ms: u64) -> Watch {
        let head_since = self.head_since_ms.load(Relaxed);
        let (since, limit) = match (self.expects_head(), head_since) {
            (false, _) => return Watch::LookAgainInMs(header_timeout_ms.min(idle_timeout_ms)),
            (true, 0) => (self.idle_since_ms.load(Relaxed), idle_timeout_ms),
            (true, since) => (since, header_timeout_ms),
        };
        match (since + limit).checked_sub(self.now_ms()) {
            None | Some(0) => Watch::Overdue,
            // A head may begin at any moment, with the shorter bound.
            Some(rest) => Watch::LookAgainInMs(rest.min(header_timeout_ms)),
        }
    }
}

pub(crate) struct ClientIo<S> {
    inner: TokioIo<S>,
    /// Bytes read while finding out which protocol is spoken.
    prefix: Bytes,
    state: Arc<ConnectionState>,
    /// HTTP/1 only: HTTP/2 has one framing.
    scanner: Option<HeadScanner>,
    scanning: u32,
}

impl<S> ClientIo<S> {
    pub(crate) fn new(stream: S, prefix: Bytes, state: Arc<ConnectionState>, http1: bool) -> Self {
        let scanner = http1.then(HeadScanner::default);
        Self { inner: TokioIo::new(stream), prefix, state, scanner, scanning: 0 }
    }

    fn scan(&mut self, bytes: &[u8]) {
        self.state.bytes_came();
        let Some(scanner) = &mut self.scanner else { return };
        let served = self.state.served.load(Relaxed);
        if self.scanning != served {
            self.scanning = served;
            *scanner = HeadScanner::default();
        }
        scanner.feed(bytes);
        if scanner.both_framings() {
            self.state.both_framings.store(true, Relaxed);
        }
    }
}

impl<S: AsyncRead + Unpin> Read for ClientIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.prefix.is_empty() {
            let piece = this.prefix.split_to(this.prefix.len().min(buf.remaining()));
            this.scan(&piece);
            buf.put_slice(piece.chunk());
            return Poll::Ready(Ok(()));
        }
        if this.scanner.is_none() || !this.state.expects_head() {
            return Pin::new(&mut this.inner).poll_read(cx, buf);
        }
        // Heads are small: reading them through a piece of stack costs one short copy and lets them be seen.
        let mut room = [MaybeUninit::<u8>::uninit(); PIECE];
        let most = buf.remaining().min(PIECE);
        let mut piece = ReadBuf::uninit(&mut room[..most]);
        ready!(Pin::new(this.inner.inner_mut()).poll_read(cx, &mut piece))?;
        this.scan(piece.filled());
        buf.put_slice(piece.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Write for ClientIo<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_and_idleness_have_bounds_of_their_own() {
        let clock = Arc::new(AtomicU64::new(1_000));
        let state = ConnectionState::new(Arc::clone(&clock));
        clock.store(1_099, Relaxed);
        assert_eq!(state.watch(100, 500), Watch::LookAgainInMs(1));
        clock.store(1_100, Relaxed);
        assert_eq!(state.watch(100, 500), Watch::Overdue);
        state.request_begins();
        clock.store(9_000, Relaxed);
        assert_eq!(state.watch(100, 500), Watch::LookAgainInMs(100));
        state.request_ends();
        clock.store(9_499, Relaxed);
        assert_eq!(state.watch(100, 500), Watch::LookAgainInMs(1));
        state.bytes_came();
        assert_eq!(state.watch(100, 500), Watch::LookAgainInMs(100));
        clock.store(9_599, Relaxed);
        assert_eq!(state.watch(100, 500), Watch::Overdue);
    }
}
