//! One question to one dependency, and what came of it in words. Nobody logs in anywhere: an answer of the protocol is
//! what is asked for, and an answer that says "not now" is none.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::{Duration, Instant};

use staunch_model::{DependencyTarget, human_duration};

use super::command;

/// Enough for the head of any answer that is understood here.
const MOST_BYTES: usize = 4_096;

/// # Errors
/// In words: why it counts as failing.
pub(super) fn ask(target: &DependencyTarget, timeout: Duration, project: &Path) -> Result<String, String> {
    match target {
        DependencyTarget::Tcp { address } => {
            Line::open(address, timeout).map(|_| "connection accepted".to_owned())
        }
        DependencyTarget::Http { address, path } => {
            let head = format!(
                "GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: staunch-probe\r\nAccept: */*\r\n\
                 Connection: close\r\n\r\n"
            );
            http(&Line::open(address, timeout)?.ask(head.as_bytes(), |bytes| bytes.contains(&b'\n'))?)
        }
        DependencyTarget::Postgres { address } => {
            let complete = |bytes: &[u8]| message(bytes).is_some();
            postgres(&Line::open(address, timeout)?.ask(&startup(), complete)?)
        }
        DependencyTarget::Redis { address } => {
            redis(&Line::open(address, timeout)?.ask(b"PING\r\n", |bytes| bytes.contains(&b'\n'))?)
        }
        DependencyTarget::Command { words } => command::run(words, timeout, project),
    }
}

/// A connection that has to end before its time is over.
struct Line {
    stream: TcpStream,
    timeout: Duration,
    deadline: Instant,
}

impl Line {
    fn open(address: &str, timeout: Duration) -> Result<Self, String> {
        let deadline = Instant::now() + timeout;
        let found = address.to_socket_addrs().map_err(|error| format!("{address} is not found: {error}"))?;
        let mut last = format!("{address} has no address");
        for one in found {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            match TcpStream::connect_timeout(&one, left) {
                Ok(stream) => return Ok(Self { stream, timeout, deadline }),
                Err(error) => last = words(&error, timeout),
            }
        }
        Err(last)
    }

    /// Says something and reads until that is enough, or the other side ends it.
    fn ask(mut self, question: &[u8], enough: impl Fn(&[u8]) -> bool) -> Result<Vec<u8>, String> {
        let timeout = self.timeout;
        self.talk(question, enough).map_err(|error| words(&error, timeout))
    }

    fn talk(&mut self, question: &[u8], enough: impl Fn(&[u8]) -> bool) -> io::Result<Vec<u8>> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write_all(question)?;
        let mut bytes = vec![];
        while !enough(&bytes) && bytes.len() < MOST_BYTES {
            self.stream.set_read_timeout(Some(self.left()?))?;
            let mut chunk = [0; 512];
            match self.stream.read(&mut chunk)? {
                0 => break,
                count => bytes.extend_from_slice(&chunk[..count]),
            }
        }
        Ok(bytes)
    }

    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

fn words(error: &io::Error, timeout: Duration) -> String {
    let known = [
        (io::ErrorKind::ConnectionRefused, "connection refused".to_owned()),
        (io::ErrorKind::ConnectionReset, "the connection was reset".to_owned()),
        (io::ErrorKind::TimedOut, format!("no answer in {}", human_duration(timeout))),
        (io::ErrorKind::WouldBlock, format!("no answer in {}", human_duration(timeout))),
    ];
    let found = known.into_iter().find(|(kind, _)| *kind == error.kind());
    found.map_or_else(|| error.to_string(), |(_, words)| words)
}

fn http(bytes: &[u8]) -> Result<String, String> {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().next().unwrap_or_default();
    let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse::<u16>().ok());
    match status {
        Some(status @ 200..400) => Ok(format!("HTTP {status}")),
        Some(status) => Err(format!("HTTP {status}")),
        None if bytes.is_empty() => Err("the connection ended before an answer".to_owned()),
        None => Err("the answer is not HTTP/1".to_owned()),
    }
}

/// A start of a session as nobody in particular, which is all that `pg_isready` sends too.
fn startup() -> Vec<u8> {
    let body = b"\0\x03\0\0user\0staunch\0database\0postgres\0application_name\0staunch\0\0";
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX).to_be_bytes();
    length.iter().chain(body).copied().collect()
}

/// The kind and content of the first message, when all of it has come.
fn message(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (kind, rest) = bytes.split_first()?;
    let length = u32::from_be_bytes(rest.get(..4)?.try_into().ok()?) as usize;
    Some((*kind, rest.get(4..length)?))
}

/// States in which nobody gets in, whoever asks.
const NOT_NOW: [&str; 5] = ["57P01", "57P02", "57P03", "53300", "53400"];

fn postgres(bytes: &[u8]) -> Result<String, String> {
    match message(bytes) {
        Some((b'E', content)) => {
            let field = |wanted: u8| {
                let fields = content.split(|byte| *byte == 0);
                let found =
                    fields.into_iter().find_map(|f| f.split_first().filter(|(kind, _)| **kind == wanted));
                found.map(|(_, text)| String::from_utf8_lossy(text).into_owned()).unwrap_or_default()
            };
            if NOT_NOW.contains(&field(b'C').as_str()) {
                Err(field(b'M'))
            } else {
                Ok("accepts connections".to_owned())
            }
        }
        // It asks for a password, lets us in, or proposes another protocol.
        Some((b'R' | b'v', _)) => Ok("accepts connections".to_owned()),
        Some(_) => Err("the answer is not PostgreSQL's".to_owned()),
        None if bytes.is_empty() => Err("the connection ended before an answer".to_owned()),
        None => Err("the answer is not PostgreSQL's".to_owned()),
    }
}

fn redis(bytes: &[u8]) -> Result<String, String> {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().next().unwrap_or_default();
    let asks_who = ["-NOAUTH", "-NOPERM", "-DENIED"].iter().any(|prefix| line.starts_with(prefix));
    match line {
        "+PONG" => Ok("PONG".to_owned()),
        _ if asks_who => Ok("answers, and asks who we are".to_owned()),
        "" => Err("the connection ended before an answer".to_owned()),
        other if other.starts_with('-') => Err(other.trim_start_matches('-').to_owned()),
        _ => Err("the answer is not Redis's".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Answers once with these bytes.
    fn server(answer: Vec<u8>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut question = [0; 512];
            drop(stream.read(&mut question));
            drop(stream.write_all(&answer));
        });
        address
    }

    fn asked(target: fn(String) -> DependencyTarget, answer: &[u8]) -> Result<String, String> {
        ask(&target(server(answer.to_vec())), SECOND, Path::new("/"))
    }

    fn error(code: &str, text: &str) -> Vec<u8> {
        let body = format!("SFATAL\0C{code}\0M{text}\0\0");
        let length = (body.len() as u32 + 4).to_be_bytes();
        [b"E".as_slice(), &length, body.as_bytes()].concat()
    }

    #[test]
    fn postgres_is_alive_when_it_would_let_somebody_in() {
        let pg = |answer: &[u8]| asked(|address| DependencyTarget::Postgres { address }, answer);
        assert!(pg(b"R\0\0\0\x08\0\0\0\x05").is_ok(), "it asks for a password");
        assert!(pg(&error("28000", "role \"staunch\" does not exist")).is_ok());
        assert_eq!(
            pg(&error("57P03", "the database system is starting up")),
            Err("the database system is starting up".to_owned())
        );
        assert!(pg(&error("53300", "sorry, too many clients already")).is_err());
        assert!(pg(b"HTTP/1.1 400 Bad Request\r\n\r\n").is_err(), "another server on its port");
        assert!(pg(b"").is_err());
    }

    #[test]
    fn redis_is_alive_when_it_answers_and_has_loaded() {
        let redis = |answer: &[u8]| asked(|address| DependencyTarget::Redis { address }, answer);
        assert!(redis(b"+PONG\r\n").is_ok());
        assert!(redis(b"-NOAUTH Authentication required.\r\n").is_ok());
        assert!(redis(b"-LOADING Redis is loading the dataset in memory\r\n").is_err());
        assert!(redis(b"SSH-2.0-OpenSSH_9.6\r\n").is_err());
    }

    #[test]
    fn http_goes_by_its_status() {
        let http = |answer: &[u8]| {
            asked(|address| DependencyTarget::Http { address, path: "/health".to_owned() }, answer)
        };
        assert_eq!(http(b"HTTP/1.1 204 No Content\r\n\r\n"), Ok("HTTP 204".to_owned()));
        assert_eq!(http(b"HTTP/1.0 503 Busy\r\n\r\n"), Err("HTTP 503".to_owned()));
        assert!(http(b"+PONG\r\n").is_err());
    }

    #[test]
    fn nobody_there_and_nobody_answering_are_told_apart() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let tcp = |address: &str, timeout| {
            ask(&DependencyTarget::Tcp { address: address.to_owned() }, timeout, Path::new("/"))
        };
        assert_eq!(tcp(&closed, SECOND), Err("connection refused".to_owned()));
        // Accepts by the kernel alone, and never answers.
        let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = deaf.local_addr().unwrap().to_string();
        assert!(tcp(&address, SECOND).is_ok());
        let short = Duration::from_millis(50);
        let silent = ask(&DependencyTarget::Redis { address }, short, Path::new("/"));
        assert_eq!(silent, Err("no answer in 50 ms".to_owned()));
        assert!(tcp("no-such-host.invalid:1", SECOND).unwrap_err().contains("not found"));
    }
}
