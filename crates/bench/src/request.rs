//! As much of HTTP/1.1 as the backend needs: where a request's head ends, and what of it matters.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// A request's head, and how many bytes of the buffer it and its body take.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) length: usize,
    pub(crate) body: usize,
    pub(crate) upgrades: bool,
    /// Asked by a health check, not by a user.
    pub(crate) is_probe: bool,
    pub(crate) closes: bool,
    /// Stands for all that is in the cookies; `None` without any.
    pub(crate) client: Option<u64>,
}

/// The first head in the buffer, once it is whole. A body without a length is refused: no client here sends one.
pub(crate) fn parse(buffer: &[u8]) -> Result<Option<Head>, String> {
    let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&buffer[..end]).map_err(|error| error.to_string())?;
    let mut lines = text.split("\r\n");
    let is_probe = lines.next().is_some_and(|line| line.starts_with("GET /healthz "));
    let mut head = Head { length: end + 4, body: 0, upgrades: false, is_probe, closes: false, client: None };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        read_field(&mut head, name, value.trim())?;
    }
    Ok(Some(head))
}

fn read_field(head: &mut Head, name: &str, value: &str) -> Result<(), String> {
    if name.eq_ignore_ascii_case("content-length") {
        head.body = value.parse().map_err(|_| format!("content-length {value}"))?;
    } else if name.eq_ignore_ascii_case("transfer-encoding") {
        return Err(format!("transfer-encoding {value}"));
    } else if name.eq_ignore_ascii_case("upgrade") {
        head.upgrades = true;
    } else if name.eq_ignore_ascii_case("connection") {
        head.closes = value.eq_ignore_ascii_case("close");
    } else if name.eq_ignore_ascii_case("cookie") {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        head.client = Some(hasher.finish());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_only_when_it_is_whole() {
        let text = b"POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET";
        assert_eq!(parse(&text[..30]), Ok(None));
        let head = parse(text).unwrap().unwrap();
        assert_eq!((head.length, head.body, head.upgrades, head.is_probe), (39, 3, false, false));
    }

    #[test]
    fn probes_upgrades_and_ends_are_told_from_the_rest() {
        let head = |text: &str| parse(text.as_bytes()).unwrap().unwrap();
        assert!(head("GET /healthz HTTP/1.1\r\n\r\n").is_probe);
        assert!(!head("GET /healthzz HTTP/1.1\r\n\r\n").is_probe);
        assert!(head("GET / HTTP/1.1\r\nUPGRADE: websocket\r\n\r\n").upgrades);
        assert!(head("GET / HTTP/1.1\r\nConnection: close\r\n\r\n").closes);
        let client = |cookie: &str| head(&format!("GET / HTTP/1.1\r\nCookie: {cookie}\r\n\r\n")).client;
        assert!(client("a=1").is_some() && client("a=1") == client("a=1") && client("a=1") != client("a=2"));
        assert_eq!(head("GET / HTTP/1.1\r\n\r\n").client, None);
        assert!(parse(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
    }
}
