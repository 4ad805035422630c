//! HTTP/1.1 on one port, a thread per connection.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{sleep, spawn};
use std::time::Duration;

use super::Fault;
use super::fault::say;

const WORK: Duration = Duration::from_millis(1);
/// Longer than anybody waits.
const FOREVER: Duration = Duration::from_secs(3_600);

/// A cold process is warm after so many pages.
const COLD_PAGES: u64 = 400;

static PAGES: AtomicU64 = AtomicU64::new(0);
/// Every good page says which release made it.
static RELEASE: LazyLock<String> = LazyLock::new(|| std::env::var("APP_RELEASE").unwrap_or_default());

struct Request {
    method: String,
    path: String,
    upgrade: bool,
    /// A copy of a request, not the request itself.
    copied: bool,
}

pub(crate) fn serve(port: u16, fault: Fault) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    for stream in listener.incoming().flatten() {
        // A client that goes away ends its connection: nothing to tell.
        spawn(move || drop(talk(stream, fault)));
    }
}

fn talk(mut stream: TcpStream, fault: Fault) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(request) = read(&mut reader)? {
        if request.upgrade {
            return echo(&mut stream, &mut reader);
        }
        answer(&mut stream, &request, fault)?;
    }
    Ok(())
}

fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ').map(str::to_owned);
    let method = words.next().unwrap_or_default();
    let path = words.next().unwrap_or_else(|| "/".to_owned());
    let (mut length, mut upgrade, mut copied) = (0, false, false);
    loop {
        let mut field = String::new();
        reader.read_line(&mut field)?;
        let field = field.trim().to_ascii_lowercase();
        let Some((name, value)) = field.split_once(':') else { break };
        match name {
            "content-length" => length = value.trim().parse().map_err(io::Error::other)?,
            "upgrade" => upgrade = true,
            "staunch-shadow" => copied = value.trim() == "1",
            _ => {}
        }
    }
    io::copy(&mut reader.take(length), &mut io::sink())?;
    Ok(Some(Request { method, path, upgrade, copied }))
}

fn answer(stream: &mut TcpStream, request: &Request, fault: Fault) -> io::Result<()> {
    if request.path == "/healthz" {
        return page(stream, if fault == Fault::NeverReady { 503 } else { 200 }, "health");
    }
    if request.copied && request.method == "POST" {
        say("a copied POST");
    }
    sleep(WORK);
    // Broken in every release, for stories in which users meet failures.
    if request.path == "/broken" {
        return page(stream, 500, "broken as asked");
    }
    let nth = PAGES.fetch_add(1, Ordering::Relaxed);
    match fault {
        Fault::Errors => page(stream, 500, "broken"),
        Fault::SomeErrors if nth.is_multiple_of(5) => page(stream, 500, "sometimes broken"),
        Fault::Cold if nth < COLD_PAGES && nth.is_multiple_of(8) => page(stream, 500, "still cold"),
        Fault::OneRoute if request.path == "/checkout" => page(stream, 500, "no checkout"),
        Fault::Hangs => {
            sleep(FOREVER);
            Ok(())
        }
        Fault::HalfBody => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly a beginning")?;
            Err(io::ErrorKind::Interrupted.into())
        }
        Fault::Resets => {
            // A close with a linger of zero is a reset.
            rustix::net::sockopt::set_socket_linger(&*stream, Some(Duration::ZERO))?;
            Err(io::ErrorKind::Interrupted.into())
        }
        Fault::Slow => {
            sleep(Duration::from_millis(100));
            page(stream, 200, &RELEASE)
        }
        Fault::Endless => endless(stream),
        Fault::Hungry => {
            keep(nth);
            page(stream, 200, &RELEASE)
        }
        Fault::None | Fault::OtherPrice if request.path == "/offer" => offer(stream, fault, nth),
        Fault::None
        | Fault::OtherPrice
        | Fault::SomeErrors
        | Fault::OneRoute
        | Fault::ExitsAtOnce
        | Fault::NeverReady
        | Fault::CrashesWhenReady
        | Fault::Deaf
        | Fault::Floods
        | Fault::Leaks
        | Fault::Spins
        | Fault::SlowStart
        | Fault::Cold => page(stream, 200, &RELEASE),
    }
}

/// A megabyte, up to a size that hurts nobody.
fn keep(nth: u64) {
    if nth < 200 {
        std::mem::forget(std::hint::black_box(vec![1_u8; 1_000_000]));
    }
}

fn page(stream: &mut TcpStream, status: u16, text: &str) -> io::Result<()> {
    write!(stream, "HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n\r\n{text}", text.len())
}

/// JSON in which a number and the time change from answer to answer.
fn offer(stream: &mut TcpStream, fault: Fault, nth: u64) -> io::Result<()> {
    let price = if fault == Fault::OtherPrice { 13 } else { 12 };
    let at = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    let text = format!(
        r#"{{"request":"{nth}","at":{at},"items":[{{"name":"tea","price":{price},"id":{nth}}}],"token":"secret-{nth}"}}"#
    );
    let length = text.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{text}"
    )
}

fn endless(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
    loop {
        stream.write_all(chunk.as_bytes())?;
    }
}

fn echo(stream: &mut TcpStream, reader: &mut BufReader<TcpStream>) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")?;
    let mut buffer = [0; 1024];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count])?,
        }
    }
}
