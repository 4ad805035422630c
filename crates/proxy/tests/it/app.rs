//! An application made of a closure: it answers, hangs, lies or dies as a test wants.

use std::io::{BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

pub(crate) struct App {
    pub(crate) addr: SocketAddr,
    seen: Arc<AtomicUsize>,
}

impl App {
    /// Calls `answer` for each request; `false` closes the connection.
    pub(crate) fn start(answer: impl Fn(&Request, &mut TcpStream) -> bool + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let (seen, answer) = (Arc::new(AtomicUsize::new(0)), Arc::new(answer));
        let counter = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, counter) = (Arc::clone(&answer), Arc::clone(&counter));
                std::thread::spawn(move || converse(stream, &*answer, &counter));
            }
        });
        Self { addr, seen }
    }

    /// Answers every request with 200 and its name.
    pub(crate) fn named(name: &'static str) -> Self {
        Self::start(move |_, stream| reply(stream, 200, name))
    }

    /// An address where nobody listens.
    pub(crate) fn absent() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    }

    pub(crate) fn seen(&self) -> usize {
        self.seen.load(SeqCst)
    }
}

pub(crate) fn reply(stream: &mut TcpStream, status: u16, body: &str) -> bool {
    let text = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(text.as_bytes()).is_ok()
}

fn converse(
    stream: TcpStream,
    answer: &(dyn Fn(&Request, &mut TcpStream) -> bool + Send + Sync),
    seen: &AtomicUsize,
) {
    stream.set_nodelay(true).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        seen.fetch_add(1, SeqCst);
        if !answer(&request, &mut writer) {
            // What the peer still sends would turn the close into a reset before it has read our bytes.
            let _ = writer.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}

fn read_lines(reader: &mut impl std::io::BufRead) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            return Some(lines);
        }
        lines.push(line);
    }
}

fn pairs(lines: &[String]) -> Vec<(String, String)> {
    let split = lines.iter().filter_map(|line| line.split_once(':'));
    split.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let lines = read_lines(reader)?;
    let mut words = lines.first()?.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers = pairs(&lines[1..]);
    let mut request = Request { method, path, headers, body: Vec::new(), trailers: Vec::new() };
    if let Some(length) = request.header("content-length") {
        request.body = vec![0; length.parse().unwrap()];
        reader.read_exact(&mut request.body).ok()?;
    } else if request.header("transfer-encoding").is_some() {
        (request.body, request.trailers) = read_chunks(reader)?;
    }
    Some(request)
}

/// Body and trailers.
type Chunked = (Vec<u8>, Vec<(String, String)>);

pub(crate) fn read_chunks(reader: &mut impl std::io::BufRead) -> Option<Chunked> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let size = usize::from_str_radix(line.trim(), 16).ok()?;
        if size == 0 {
            return Some((body, pairs(&read_lines(reader)?)));
        }
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).ok()?;
        body.extend_from_slice(&chunk[..size]);
    }
}
