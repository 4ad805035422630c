//! The head of an HTTP/1 answer, and how its body ends (RFC 9112, section 6.3).

use std::mem::MaybeUninit;

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version, header};

/// More lines than this in one head are no application's.
const MAX_HEADERS: usize = 128;
/// Room for what the edge adds.
const ADDED: usize = 3;

/// It is not HTTP, or not to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the instance's answer is malformed")]
pub(crate) struct Malformed;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

#[derive(Debug)]
pub(crate) struct Answer {
    /// Without the headers of one hop.
    pub(crate) head: Response<()>,
    pub(crate) framing: Framing,
    /// The connection serves another request afterwards.
    pub(crate) keeps_alive: bool,
}

/// The answer at the start of `bytes` and the length of its head; `None` if the head is not whole yet.
pub(crate) fn read(bytes: &[u8], head_only: bool) -> Result<Option<(usize, Answer)>, Malformed> {
    let mut lines = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let length = match config.parse_response_with_uninit_headers(&mut parsed, bytes, &mut lines) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Malformed),
    };
    let http11 = parsed.version == Some(1);
    let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(Malformed)?;
    let mut said = Said::default();
    let mut headers = HeaderMap::with_capacity(parsed.headers.len() + ADDED);
    for line in parsed.headers.iter() {
        said.hear(line, &mut headers)?;
    }
    for name in said.named {
        headers.remove(name);
    }
    let bodiless = head_only || matches!(status.as_u16(), 100..=199 | 204 | 304);
    let framing = match (bodiless, said.encoded, said.length) {
        (true, ..) => Framing::Length(0),
        (false, Some(true), _) if http11 => Framing::Chunked,
        (false, Some(_), _) | (false, None, None) => Framing::UntilClose,
        (false, None, Some(length)) => Framing::Length(length),
    };
    if let (None, Some(length)) = (said.encoded, said.length) {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    let doubtful = said.encoded.is_some() && said.length.is_some();
    let mut head = Response::new(());
    *head.status_mut() = status;
    *head.version_mut() = if http11 { Version::HTTP_11 } else { Version::HTTP_10 };
    *head.headers_mut() = headers;
    Ok(Some((length, Answer { head, framing, keeps_alive: http11 && !said.closes && !doubtful })))
}

/// What the headers of one hop say.
#[derive(Debug, Default)]
struct Said {
    length: Option<u64>,
    /// There is a transfer coding; true if the last one is chunked.
    encoded: Option<bool>,
    closes: bool,
    named: Vec<HeaderName>,
}

impl Said {
    fn hear(&mut self, line: &httparse::Header<'_>, headers: &mut HeaderMap) -> Result<(), Malformed> {
        let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| Malformed)?;
        match name.as_str() {
            "content-length" => self.hear_length(line.value)?,
            "transfer-encoding" => self.encoded = Some(ends_chunked(line.value)),
            "connection" => self.hear_connection(line.value),
            "keep-alive" | "proxy-connection" | "proxy-authenticate" | "proxy-authorization" | "upgrade" => {}
            _ => {
                let value = HeaderValue::from_bytes(line.value).map_err(|_| Malformed)?;
                headers.try_append(name, value).map_err(|_| Malformed)?;
            }
        }
        Ok(())
    }

    /// Two lengths that differ cannot both be true.
    fn hear_length(&mut self, value: &[u8]) -> Result<(), Malformed> {
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return Err(Malformed);
        }
        let text = std::str::from_utf8(value).map_err(|_| Malformed)?;
        let length = text.parse().map_err(|_| Malformed)?;
        if self.length.replace(length).is_some_and(|before| before != length) {
            return Err(Malformed);
        }
        Ok(())
    }

    fn hear_connection(&mut self, value: &[u8]) {
        for token in value.split(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty()) {
            if token.eq_ignore_ascii_case(b"close") {
                self.closes = true;
            } else if !token.eq_ignore_ascii_case(b"keep-alive")
                && let Ok(name) = HeaderName::from_bytes(token)
            {
                self.named.push(name);
            }
        }
    }
}

fn ends_chunked(value: &[u8]) -> bool {
    let last = value.rsplit(|&b| b == b',').next().unwrap_or_default();
    last.trim_ascii().eq_ignore_ascii_case(b"chunked")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Answer {
        read(text.as_bytes(), false).unwrap().unwrap().1
    }

    #[test]
    fn the_body_ends_as_the_head_says() {
        let cases = [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Framing::Length(5), true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", Framing::Length(5), true),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n", Framing::Chunked, true),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", Framing::UntilClose, true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: Close\r\n\r\n", Framing::Length(5), false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", Framing::Length(5), false),
            ("HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\n", Framing::Length(0), true),
            ("HTTP/1.1 200 OK\r\n\r\n", Framing::UntilClose, true),
        ];
        for (text, framing, keeps_alive) in cases {
            let answer = of(text);
            assert_eq!((answer.framing, answer.keeps_alive), (framing, keeps_alive), "{text}");
        }
    }

    #[test]
    fn two_framings_are_read_as_chunks_and_the_connection_is_not_used_again() {
        let answer = of("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!((answer.framing, answer.keeps_alive), (Framing::Chunked, false));
        assert!(!answer.head.headers().contains_key("content-length"));
    }

    #[test]
    fn lengths_that_cannot_be_are_refused() {
        for length in ["5\r\nContent-Length: 6", "+5", "", "5, 5", "99999999999999999999"] {
            let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            assert_eq!(read(text.as_bytes(), false).unwrap_err(), Malformed, "{length}");
        }
    }

    #[test]
    fn half_a_head_is_waited_for() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        let head = text.len() - "hello".len();
        assert!((0..head).all(|n| read(&text[..n], false).unwrap().is_none()));
        assert_eq!(read(text, false).unwrap().unwrap().0, head);
    }

    #[test]
    fn headers_of_one_hop_stay_here() {
        let answer = of("HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nX: y\r\n\r\n");
        let left: Vec<&str> = answer.head.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["x"]);
    }
}
