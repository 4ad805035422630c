//! The server behind the proxies: it costs as little as it can, so that a proxy is what is measured.

use std::cell::Cell;
use std::error::Error;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::rc::Rc;
use std::time::SystemTime;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::Outcome;
use crate::request::{self, Head};
use crate::world::World;

const GOOD: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nhello, world\n";
const BAD: &[u8] =
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\nbroken\n";
const UPGRADED: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

/// What the environment asks of it beside serving.
struct Manner {
    /// Each Nth request of a user fails; 0 is none.
    fail_every: u64,
    asked: Cell<u64>,
    log: Option<File>,
    world: Option<World>,
}

pub(crate) async fn run(port: u16) -> Outcome {
    let manner = Rc::new(Manner::of_environment()?);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let manner = manner.clone();
        // A client that goes away, in whatever way, is no trouble of ours.
        tokio::task::spawn_local(async move { drop(serve(stream, &manner).await) });
    }
}

async fn serve(mut stream: TcpStream, manner: &Manner) -> Outcome {
    let mut buffer = Vec::with_capacity(16_384);
    loop {
        while let Some(head) = request::parse(&buffer)? {
            let whole = head.length + head.body;
            while buffer.len() < whole {
                if stream.read_buf(&mut buffer).await? == 0 {
                    return Ok(());
                }
            }
            buffer.drain(..whole);
            if head.upgrades {
                return echo(stream, &buffer).await;
            }
            stream.write_all(manner.answer(&head)?).await?;
            if head.closes {
                return Ok(());
            }
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}

async fn echo(mut stream: TcpStream, early: &[u8]) -> Outcome {
    stream.write_all(UPGRADED).await?;
    stream.write_all(early).await?;
    let (mut from, mut to) = stream.split();
    tokio::io::copy(&mut from, &mut to).await?;
    Ok(())
}

impl Manner {
    fn of_environment() -> Result<Self, Box<dyn Error>> {
        let fail_every =
            std::env::var("BENCH_FAIL_EVERY").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        let log =
            std::env::var("BENCH_LOG_DIR").ok().filter(|dir| !dir.is_empty()).map(|dir| log(Path::new(&dir)));
        let world = match std::env::var("BENCH_WORLD") {
            Ok(file) => Some(World::read(&std::fs::read_to_string(file)?)?),
            Err(_) => None,
        };
        Ok(Self { fail_every, asked: Cell::new(0), log: log.transpose()?, world })
    }

    fn answer(&self, head: &Head) -> std::io::Result<&'static [u8]> {
        if head.is_probe {
            return Ok(GOOD);
        }
        self.note_arrival()?;
        let asked = self.asked.get() + 1;
        self.asked.set(asked);
        let fails = self.fail_every > 0 && asked.is_multiple_of(self.fail_every);
        let fails = fails || self.world.as_ref().is_some_and(|world| world.fails(head.client));
        Ok(if fails { BAD } else { GOOD })
    }

    /// One line per request, written at once: the process may be killed at any time.
    fn note_arrival(&self) -> std::io::Result<()> {
        let Some(mut log) = self.log.as_ref() else { return Ok(()) };
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        writeln!(log, "{}", since.as_micros())
    }
}

/// A log of its own for each process, named after the version that it is.
fn log(dir: &Path) -> std::io::Result<File> {
    let version = std::env::var("BENCH_VERSION").unwrap_or_default();
    File::options().create(true).append(true).open(dir.join(format!("{version}.{}", std::process::id())))
}
