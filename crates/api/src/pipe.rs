//! A connection without its kind: HTTP is compiled once, not once for each of TCP, TLS and unix sockets.

use tokio::io::{AsyncRead, AsyncWrite};

/// Bytes both ways.
pub(crate) trait Pipe: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Pipe for T {}

pub(crate) type AnyPipe = Box<dyn Pipe>;
