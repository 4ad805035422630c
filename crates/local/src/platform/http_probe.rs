//! The smallest HTTP client that can tell healthy from not.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Enough for a head and the beginning of a body.
const READ_BYTES: usize = 16 << 10;
const SHOWN_BYTES: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    reason: String,
    /// The beginning of the body of an unhealthy answer.
    body: String,
    /// Nothing of it is still on its way, and the connection may carry another question.
    pub(super) leaves_open: bool,
}

/// # Errors
/// The connection's; `InvalidData` when the answer is not HTTP/1.
pub(super) async fn get(stream: &mut TcpStream, path: &str, host: SocketAddr) -> io::Result<Answer> {
    let head =
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: staunch-probe\r\nAccept: */*\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut bytes = Vec::new();
    loop {
        if let Some(answer) = parse(&bytes)? {
            return Ok(answer);
        }
        let mut chunk = [0; 2_048];
        match stream.read(&mut chunk).await? {
            0 => return last_words(&bytes),
            count => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}

/// The connection ended: what there is must do.
fn last_words(bytes: &[u8]) -> io::Result<Answer> {
    match split_head(bytes) {
        Some((head, body)) => answer(head, body),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// `None` while more of it is wanted. The body is read only when the answer is unhealthy, for its words.
fn parse(bytes: &[u8]) -> io::Result<Option<Answer>> {
    let Some((head, body)) = split_head(bytes) else {
        let foreign = bytes.len() >= 5 && !bytes.starts_with(b"HTTP/");
        return if foreign || bytes.len() > READ_BYTES { Err(not_http()) } else { Ok(None) };
    };
    let answer = answer(head, body)?;
    let enough = (200..400).contains(&answer.status) || body.len() >= wanted(head).min(SHOWN_BYTES);
    Ok(enough.then_some(answer))
}

fn split_head(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some((&bytes[..end], &bytes[end + 4..]))
}

/// The announced length of the body; without one it ends with the connection.
fn wanted(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head);
    values(&head, "content-length").find_map(|value| value.parse().ok()).unwrap_or(SHOWN_BYTES)
}

fn values<'a>(head: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    fields.filter(move |(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// Whether all of the answer has come and the server keeps the connection (RFC 9112, sections 6.3 and 9.3).
fn leaves_open(head: &str, status: u16, body: &[u8]) -> bool {
    let closes = values(head, "connection").any(|value| value.to_ascii_lowercase().contains("close"));
    let bodiless = matches!(status, 204 | 304) && body.is_empty();
    let announced = values(head, "content-length").any(|value| value.parse() == Ok(body.len()));
    let chunked = values(head, "transfer-encoding").next().is_some();
    head.starts_with("HTTP/1.1 ") && !closes && !chunked && (bodiless || announced)
}

fn answer(head: &[u8], body: &[u8]) -> io::Result<Answer> {
    let head = String::from_utf8_lossy(head);
    let line = head.lines().next().unwrap_or_default();
    let mut parts = line.splitn(3, ' ');
    let version = parts.next().is_some_and(|version| version.starts_with("HTTP/1."));
    let status =
        parts.next().and_then(|status| status.parse().ok()).filter(|_| version).ok_or_else(not_http)?;
    let reason = parts.next().unwrap_or_default().trim().to_owned();
    let leaves_open = leaves_open(&head, status, body);
    let shown = String::from_utf8_lossy(&body[..body.len().min(SHOWN_BYTES)]);
    let body = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(Answer { status, reason, body, leaves_open })
}

fn not_http() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP/1")
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if !self.reason.is_empty() {
            write!(f, " {}", self.reason)?;
        }
        if !(200..400).contains(&self.status) && !self.body.is_empty() {
            write!(f, ": {}", self.body)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        parse(text.as_bytes()).unwrap().map(|answer| answer.to_string())
    }

    #[test]
    fn an_unhealthy_answer_is_quoted() {
        let text = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 12\r\n\r\nno\n database";
        assert_eq!(read(text).as_deref(), Some("500 Internal Server Error: no database"));
        assert_eq!(read(&text[..text.len() - 3]), None);
    }

    #[test]
    fn a_healthy_answer_is_known_by_its_head() {
        assert_eq!(read("HTTP/1.1 204 No Content\r\n\r\n").as_deref(), Some("204 No Content"));
        assert_eq!(read("HTTP/1.1 200 OK\r\nContent-Length: 9"), None);
    }

    #[test]
    fn a_connection_is_left_open_only_when_nothing_more_can_come() {
        let open = |text: &str| parse(text.as_bytes()).unwrap().unwrap().leaves_open;
        assert!(open("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
        assert!(open("HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n"));
        assert!(!open("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"), "the body is still on its way");
        assert!(!open("HTTP/1.1 200 OK\r\n\r\nok"), "the body ends with the connection");
        assert!(!open("HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nok"));
        assert!(!open("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"));
        assert!(!open("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\nok"));
    }

    #[test]
    fn another_protocol_is_named_so() {
        assert!(parse(b"SSH-2.0-OpenSSH").is_err());
        assert!(parse(b"HTTP/2 hello there\r\n\r\n").is_err());
        assert!(parse(&[b'x'; READ_BYTES + 1]).is_err());
    }
}
