//! Finds what the HTTP parser hides: it drops `Content-Length` where `Transfer-Encoding` is present, so a request
//! with both, the mark of request smuggling, must be seen in the raw bytes.

const CONTENT_LENGTH: &[u8] = b"content-length:";
const TRANSFER_ENCODING: &[u8] = b"transfer-encoding:";
const LONGEST: usize = TRANSFER_ENCODING.len();

/// Reads a request head in pieces of any size; past the head it ignores what comes.
#[derive(Debug, Default)]
pub(crate) struct HeadScanner {
    /// The start of the line that the last piece broke off in.
    line: [u8; LONGEST],
    line_bytes: usize,
    began: bool,
    over: bool,
    has_length: bool,
    has_encoding: bool,
}

impl HeadScanner {
    pub(crate) fn both_framings(&self) -> bool {
        self.has_length && self.has_encoding
    }

    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        while !self.over && !bytes.is_empty() {
            let end = bytes.iter().position(|&b| b == b'\n');
            self.keep(&bytes[..end.unwrap_or(bytes.len())]);
            let Some(end) = end else { return };
            self.line_is_complete();
            bytes = &bytes[end + 1..];
        }
    }

    fn keep(&mut self, piece: &[u8]) {
        let room = LONGEST - self.line_bytes;
        let taken = piece.len().min(room);
        self.line[self.line_bytes..self.line_bytes + taken].copy_from_slice(&piece[..taken]);
        self.line_bytes += taken;
    }

    fn line_is_complete(&mut self) {
        let line = &self.line[..self.line_bytes];
        let empty = line.is_empty() || line == b"\r";
        // Empty lines before the request line are allowed and belong to no head.
        self.over = empty && self.began;
        self.began |= !empty;
        self.has_length |= starts_with(line, CONTENT_LENGTH);
        self.has_encoding |= starts_with(line, TRANSFER_ENCODING);
        self.line_bytes = 0;
    }
}

fn starts_with(line: &[u8], name: &[u8]) -> bool {
    line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(text: &str, step: usize) -> bool {
        let mut scanner = HeadScanner::default();
        text.as_bytes().chunks(step).for_each(|piece| scanner.feed(piece));
        scanner.both_framings()
    }

    #[test]
    fn both_framings_are_seen_however_the_bytes_arrive() {
        let text = "\r\nPOST / HTTP/1.1\r\nContent-LENGTH: 3\r\nX: y\r\ntransfer-encoding: chunked\r\n\r\n";
        for step in 1..text.len() {
            assert!(both(text, step), "pieces of {step}");
        }
    }

    #[test]
    fn bodies_and_single_framings_are_left_alone() {
        assert!(!both("POST / HTTP/1.1\r\nContent-Length: 99\r\n\r\nTransfer-Encoding: chunked\r\n", 7));
        assert!(!both("POST / HTTP/1.1\nTransfer-Encoding: chunked\n\nContent-Length: 3\n", 5));
        assert!(!both("GET /content-length: HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 9));
    }
}
