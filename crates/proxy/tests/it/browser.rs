//! A client that reads exactly what the wire says.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::app::read_chunks;

pub(crate) struct Browser {
    pub(crate) stream: TcpStream,
    reader: BufReader<TcpStream>,
}

#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
    /// The body ended as the head had said.
    pub(crate) complete: bool,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Browser {
    pub(crate) fn open(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { reader: BufReader::new(stream.try_clone().unwrap()), stream }
    }

    pub(crate) fn send(&mut self, text: &str) -> std::io::Result<()> {
        self.stream.write_all(text.as_bytes())
    }

    pub(crate) fn ask(&mut self, method: &str, path: &str, more: &str, body: &str) -> Option<Answer> {
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        self.send(&format!("{method} {path} HTTP/1.1\r\nHost: shop\r\n{more}{length}\r\n{body}")).ok()?;
        self.answer(method == "HEAD")
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, "", "").expect("an answer")
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.reader.read_line(&mut line).ok()?;
        (read > 0).then(|| line.trim_end().to_owned())
    }

    /// The next answer; `None` when the connection ended before a whole head.
    pub(crate) fn answer(&mut self, head_only: bool) -> Option<Answer> {
        let status = self.line()?.split(' ').nth(1)?.parse().ok()?;
        let mut answer = Answer { status, complete: true, ..Answer::default() };
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            answer.headers.push((name.to_owned(), value.trim().to_owned()));
        }
        if !head_only && status >= 200 && status != 304 && status != 204 {
            self.body(&mut answer);
        }
        Some(answer)
    }

    fn body(&mut self, answer: &mut Answer) {
        if let Some(length) = answer.header("content-length").map(|l| l.parse::<u64>().unwrap()) {
            let read = (&mut self.reader).take(length).read_to_end(&mut answer.body);
            answer.complete = read.is_ok_and(|n| n as u64 == length);
        } else if answer.header("transfer-encoding").is_some() {
            match read_chunks(&mut self.reader) {
                Some((body, trailers)) => (answer.body, answer.trailers) = (body, trailers),
                None => answer.complete = false,
            }
        } else {
            answer.complete = self.reader.read_to_end(&mut answer.body).is_ok();
        }
    }

    pub(crate) fn read_some(&mut self) -> Vec<u8> {
        let bytes = self.reader.fill_buf().map(<[u8]>::to_vec).unwrap_or_default();
        self.reader.consume(bytes.len());
        bytes
    }

    /// Whether the edge has closed the connection (waits for it, bounded by the read timeout).
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        self.reader.read_to_end(&mut rest).is_ok() || rest.is_empty()
    }
}
