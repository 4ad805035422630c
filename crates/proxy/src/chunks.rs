//! The chunked coding of a body (RFC 9112, section 7.1), read piece by piece as it arrives.

use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::answer::Malformed;

/// A line with a chunk's size, extensions included.
const MAX_SIZE_LINE: usize = 1_024;
const MAX_TRAILER_BYTES: usize = 16_384;
const MAX_TRAILERS: usize = 64;

#[derive(Debug, Default)]
pub(crate) enum Chunks {
    #[default]
    Size,
    Data(u64),
    DataEnd,
    Trailers,
    Over,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
    Over,
    /// Nothing can be told before more has arrived.
    NotYet,
}

impl Chunks {
    /// Takes the next piece off `read`.
    pub(crate) fn next(&mut self, read: &mut BytesMut) -> Result<Piece, Malformed> {
        loop {
            let went_on = match self {
                Self::Size => self.size(read)?,
                Self::Data(0) => self.data_end(read)?,
                Self::Data(_) | Self::DataEnd if read.is_empty() => false,
                Self::Data(left) => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(read.len());
                    *left -= taken as u64;
                    return Ok(Piece::Data(read.split_to(taken).freeze()));
                }
                Self::DataEnd => self.data_end(read)?,
                Self::Trailers => return self.trailers(read),
                Self::Over => return Ok(Piece::Over),
            };
            if !went_on {
                return Ok(Piece::NotYet);
            }
        }
    }

    fn size(&mut self, read: &mut BytesMut) -> Result<bool, Malformed> {
        let Some(end) = read.iter().take(MAX_SIZE_LINE).position(|&b| b == b'\n') else {
            return if read.len() < MAX_SIZE_LINE { Ok(false) } else { Err(Malformed) };
        };
        let line = read[..end].strip_suffix(b"\r").ok_or(Malformed)?;
        let size = line.split(|&b| b == b';').next().unwrap_or_default().trim_ascii_end();
        if size.is_empty() || size.len() > 15 || !size.iter().all(u8::is_ascii_hexdigit) {
            return Err(Malformed);
        }
        let size = std::str::from_utf8(size).ok().and_then(|text| u64::from_str_radix(text, 16).ok());
        *self = match size.ok_or(Malformed)? {
            0 => Self::Trailers,
            size => Self::Data(size),
        };
        read.advance(end + 1);
        Ok(true)
    }

    fn data_end(&mut self, read: &mut BytesMut) -> Result<bool, Malformed> {
        *self = Self::DataEnd;
        if !b"\r\n".starts_with(&read[..read.len().min(2)]) {
            return Err(Malformed);
        }
        if read.len() < 2 {
            return Ok(false);
        }
        read.advance(2);
        *self = Self::Size;
        Ok(true)
    }

    fn trailers(&mut self, read: &mut BytesMut) -> Result<Piece, Malformed> {
        let mut lines = [httparse::EMPTY_HEADER; MAX_TRAILERS];
        let (length, lines) = match httparse::parse_headers(read, &mut lines) {
            Ok(httparse::Status::Complete(complete)) => complete,
            Ok(httparse::Status::Partial) if read.len() < MAX_TRAILER_BYTES => return Ok(Piece::NotYet),
            Ok(httparse::Status::Partial) | Err(_) => return Err(Malformed),
        };
        let mut trailers = HeaderMap::new();
        for line in lines {
            let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| Malformed)?;
            trailers.append(name, HeaderValue::from_bytes(line.value).map_err(|_| Malformed)?);
        }
        read.advance(length);
        *self = Self::Over;
        Ok(if trailers.is_empty() { Piece::Over } else { Piece::Trailers(trailers) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The data and the trailers of `text`, arriving in steps; `None` while it is not over.
    fn decoded(text: &str, step: usize) -> Result<Option<(Vec<u8>, HeaderMap)>, Malformed> {
        let (mut chunks, mut read) = (Chunks::default(), BytesMut::new());
        let (mut data, mut trailers) = (Vec::new(), HeaderMap::new());
        for piece in text.as_bytes().chunks(step) {
            read.extend_from_slice(piece);
            loop {
                match chunks.next(&mut read)? {
                    Piece::Data(more) => data.extend_from_slice(&more),
                    Piece::Trailers(some) => trailers = some,
                    Piece::Over => return Ok(Some((data, trailers))),
                    Piece::NotYet => break,
                }
            }
        }
        Ok(None)
    }

    #[test]
    fn chunks_are_put_together_however_they_arrive() {
        let text = "5\r\nhello\r\n1;name=value\r\n,\r\n6 \r\n world\r\n0\r\nX-Sum: 7\r\n\r\n";
        for step in 1..=text.len() {
            let (data, trailers) = decoded(text, step).unwrap().unwrap();
            assert_eq!(data, b"hello, world", "steps of {step}");
            assert_eq!(trailers.get("x-sum").unwrap(), "7");
        }
    }

    #[test]
    fn half_a_body_is_never_over() {
        let text = "5\r\nhello\r\n0\r\n\r\n";
        for end in 0..text.len() {
            assert_eq!(decoded(&text[..end], 3), Ok(None), "the first {end} bytes");
        }
        assert!(decoded(text, 3).unwrap().is_some());
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for text in ["\r\n", "g\r\n", "-1\r\n", "5\nhello\n", "5\r\nhello0\r\n", "1000000000000000\r\n"] {
            assert_eq!(decoded(text, 64), Err(Malformed), "{text:?}");
        }
        assert_eq!(decoded(&";".repeat(2_000), 64), Err(Malformed));
    }
}
