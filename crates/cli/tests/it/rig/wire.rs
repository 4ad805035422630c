//! HTTP/1.1 by hand over one connection, so that what happens to the connection is seen.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// No answer for so long is a failure.
const PATIENCE: Duration = Duration::from_secs(15);

pub(crate) struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// The server said that it closes the connection after this.
    pub(crate) last: bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct Lost {
    pub(crate) error: io::Error,
    /// Before the first byte of an answer.
    pub(crate) before: bool,
}

impl Lost {
    fn before(error: io::Error) -> Self {
        Self { error, before: true }
    }
    pub(crate) fn within(error: io::Error) -> Self {
        Self { error, before: false }
    }
}

impl Wire {
    pub(crate) fn connect(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, read: vec![] })
    }

    pub(crate) fn ask(&mut self, method: &str, path: &str) -> Result<Answer, Lost> {
        self.ask_with(method, path, "")
    }

    /// `fields` are further lines of the head, each with its end.
    pub(crate) fn ask_with(&mut self, method: &str, path: &str, fields: &str) -> Result<Answer, Lost> {
        let body = if method == "POST" { "a=1" } else { "" };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: shop\r\n{fields}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).map_err(Lost::before)?;
        let first = self.fill().map_err(Lost::before)?;
        if first == 0 {
            return Err(Lost::before(io::ErrorKind::UnexpectedEof.into()));
        }
        self.answer().map_err(Lost::within)
    }

    /// Becomes a tunnel, as a WebSocket does.
    pub(crate) fn upgrade(mut self, path: &str) -> io::Result<TcpStream> {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: shop\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n");
        self.stream.write_all(request.as_bytes())?;
        let head = self.head()?;
        if !head.starts_with("HTTP/1.1 101") {
            return Err(io::Error::other(head));
        }
        Ok(self.stream)
    }

    fn answer(&mut self) -> io::Result<Answer> {
        let head = self.head()?.to_ascii_lowercase();
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(head.clone()))?;
        let field = |name: &str| {
            head.lines().find_map(|line| {
                line.strip_prefix(name)?.strip_prefix(':').map(|value| value.trim().to_owned())
            })
        };
        let chunked = field("transfer-encoding").is_some_and(|coding| coding.contains("chunked"));
        let length = field("content-length").and_then(|length| length.parse().ok());
        let body = if chunked { self.chunks()? } else { self.take(length.unwrap_or(0))? };
        let last = field("connection").is_some_and(|connection| connection.contains("close"));
        Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned(), last })
    }

    fn head(&mut self) -> io::Result<String> {
        let end = self.until(b"\r\n\r\n")?;
        Ok(String::from_utf8_lossy(&self.read.drain(..end).collect::<Vec<_>>()).into_owned())
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = vec![];
        loop {
            let end = self.until(b"\r\n")?;
            let line = self.take(end)?;
            let size = String::from_utf8_lossy(&line).trim().to_owned();
            let size = usize::from_str_radix(&size, 16).map_err(io::Error::other)?;
            body.extend(self.take(size)?);
            self.take(2)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    /// The length of what ends with `mark`.
    fn until(&mut self, mark: &[u8]) -> io::Result<usize> {
        loop {
            if let Some(at) = self.read.windows(mark.len()).position(|window| window == mark) {
                return Ok(at + mark.len());
            }
            self.more()?;
        }
    }

    fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.read.len() < length {
            self.more()?;
        }
        Ok(self.read.drain(..length).collect())
    }

    fn more(&mut self) -> io::Result<()> {
        match self.fill()? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 4096];
        let count = self.stream.read(&mut buffer)?;
        self.read.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}
