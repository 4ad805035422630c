//! Control's end of the edge's control socket.

use std::io;
use std::path::Path;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use crate::wire::{FromEdge, ToEdge, encode};

/// A connection to one edge.
#[derive(Debug)]
pub struct EdgeClient {
    reader: EdgeReader,
    writer: EdgeWriter,
}

/// The receiving half.
#[derive(Debug)]
pub struct EdgeReader {
    lines: BufReader<OwnedReadHalf>,
    /// Kept between calls, so that a cancelled `next` loses no bytes.
    line: Vec<u8>,
}

/// The sending half.
#[derive(Debug)]
pub struct EdgeWriter(OwnedWriteHalf);

impl EdgeClient {
    /// Connects to the control socket at `path`.
    ///
    /// # Errors
    /// The socket's own: not there, nobody listening, no permission.
    pub async fn connect(path: &Path) -> io::Result<Self> {
        let (read, write) = UnixStream::connect(path).await?.into_split();
        let reader = EdgeReader { lines: BufReader::new(read), line: Vec::new() };
        Ok(Self { reader, writer: EdgeWriter(write) })
    }

    /// See [`EdgeWriter::send`].
    ///
    /// # Errors
    /// The edge is gone.
    pub async fn send(&mut self, message: &ToEdge) -> io::Result<()> {
        self.writer.send(message).await
    }

    /// See [`EdgeReader::next`].
    pub async fn next(&mut self) -> Option<FromEdge> {
        self.reader.next().await
    }

    /// Both halves, for two tasks.
    pub fn split(self) -> (EdgeReader, EdgeWriter) {
        (self.reader, self.writer)
    }
}

impl EdgeWriter {
    /// Sends one message. Not cancel safe: a half-written line breaks the connection.
    ///
    /// # Errors
    /// The edge is gone.
    pub async fn send(&mut self, message: &ToEdge) -> io::Result<()> {
        self.0.write_all(&encode(message)?).await
    }
}

impl EdgeReader {
    /// The next message; `None` when the edge is gone. Lines of a newer edge that this version does not know are
    /// passed over. Cancel safe.
    pub async fn next(&mut self) -> Option<FromEdge> {
        loop {
            let read = self.lines.read_until(b'\n', &mut self.line).await;
            if !matches!(read, Ok(1..)) || self.line.last() != Some(&b'\n') {
                return None;
            }
            let message = serde_json::from_slice(&self.line).ok();
            self.line.clear();
            if message.is_some() {
                return message;
            }
        }
    }
}
