//! One look at an instance's health, and what it says in words.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use staunch_model::{ProbeSpec, ProbeTarget, Timestamp, human_duration};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::kept::Kept;
use super::{exec_probe, http_probe};
use crate::protocol::InstanceSpec;
use crate::ready_file;
use crate::time::now;

/// A healthy answer: the words for it, where the app was reached, if it was, and the connection for the next look.
#[derive(Debug)]
pub(super) struct Healthy {
    pub(super) words: String,
    pub(super) address: Option<SocketAddr>,
    pub(super) kept: Option<Kept>,
}

/// Looks over the kept connection, if there is one and it still holds, and over a new one otherwise.
///
/// # Errors
/// In words: what was asked and what came of it.
pub(super) async fn probe(
    probe: &ProbeSpec,
    instance: &InstanceSpec,
    started: Timestamp,
    kept: Option<Kept>,
) -> Result<Healthy, String> {
    let name = name(&probe.target);
    let asked = async {
        match &probe.target {
            ProbeTarget::Http { path } => http(path, instance.port, kept).await,
            ProbeTarget::Tcp => tcp(instance.port).await,
            // It keeps its own time, since it has processes to end.
            ProbeTarget::Command { words } => exec_probe::run(words, instance, probe.timeout).await,
            ProbeTarget::File { .. } => ready_file::look(instance).map(plainly),
            ProbeTarget::Alive { span } => alive(*span, started).map(plainly),
        }
    };
    match timeout(probe.timeout + Duration::from_millis(100), bounded(&probe.target, probe.timeout, asked))
        .await
    {
        Ok(Ok(healthy)) => Ok(Healthy { words: format!("{name}: {}", healthy.words), ..healthy }),
        Ok(Err(error)) => Err(format!("{name}: {error}")),
        Err(_late) => Err(format!("{name}: no answer in {}", human_duration(probe.timeout))),
    }
}

async fn bounded(
    target: &ProbeTarget,
    limit: Duration,
    asked: impl Future<Output = Result<Healthy, String>>,
) -> Result<Healthy, String> {
    match target {
        ProbeTarget::Command { .. } => asked.await,
        ProbeTarget::Http { .. }
        | ProbeTarget::Tcp
        | ProbeTarget::File { .. }
        | ProbeTarget::Alive { .. } => timeout(limit, asked)
            .await
            .unwrap_or_else(|_late| Err(format!("no answer in {}", human_duration(limit)))),
    }
}

fn name(target: &ProbeTarget) -> String {
    match target {
        ProbeTarget::Http { path } => format!("GET {path}"),
        ProbeTarget::Tcp => "connection".to_owned(),
        ProbeTarget::Command { words } => format!("command {}", words.join(" ")),
        ProbeTarget::File { path } => format!("file {path}"),
        ProbeTarget::Alive { .. } => "process".to_owned(),
    }
}

fn plainly(words: String) -> Healthy {
    Healthy { words, address: None, kept: None }
}

/// The process is there: a probe is not asked about one that is gone.
fn alive(span: Duration, started: Timestamp) -> Result<String, String> {
    let age = now().since(started);
    let words = format!("alive for {}", human_duration(span));
    if age >= span { Ok(words) } else { Err(format!("not yet {words}")) }
}

async fn tcp(port: u16) -> Result<Healthy, String> {
    let (_stream, address) = connect(port).await?;
    Ok(Healthy { words: "accepted".to_owned(), address: Some(address), kept: None })
}

async fn http(path: &str, port: u16, kept: Option<Kept>) -> Result<Healthy, String> {
    if let Some(kept) = kept
        && let Ok(judged) = ask(path, kept).await
    {
        return judged;
    }
    // None was kept, or the app had closed it, which says nothing of its health.
    let (stream, address) = connect(port).await?;
    ask(path, Kept::new(stream, address)).await.unwrap_or_else(|error| Err(describe(&error)))
}

/// The connection's error, or what the answer says.
async fn ask(path: &str, mut connection: Kept) -> io::Result<Result<Healthy, String>> {
    let address = connection.address;
    let answer = http_probe::get(&mut connection.stream, path, address).await?;
    let words = answer.to_string();
    if !(200..400).contains(&answer.status) {
        return Ok(Err(words));
    }
    let kept = connection.after_an_answer().filter(|_| answer.leaves_open);
    Ok(Ok(Healthy { words, address: Some(address), kept }))
}

/// Some apps listen on `localhost` as IPv6 alone.
async fn connect(port: u16) -> Result<(TcpStream, SocketAddr), String> {
    let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let error = match TcpStream::connect(v4).await {
        Ok(stream) => return Ok((stream, v4)),
        Err(error) => error,
    };
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    match TcpStream::connect(v6).await {
        Ok(stream) => Ok((stream, v6)),
        Err(_same) => Err(format!("{} on port {port}", describe(&error))),
    }
}

fn describe(error: &io::Error) -> String {
    let known = [
        (io::ErrorKind::ConnectionRefused, "connection refused"),
        (io::ErrorKind::ConnectionReset, "the connection was reset"),
        (io::ErrorKind::UnexpectedEof, "the connection ended before the answer"),
    ];
    let found = known.iter().find(|(kind, _)| *kind == error.kind());
    found.map_or_else(|| error.to_string(), |(_, words)| (*words).to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::platform::kept::LOOKS;

    /// How often each connection is answered, and how many are accepted at all.
    struct App {
        answers: u32,
        accepts: u32,
        accepted: Arc<AtomicU32>,
    }

    impl App {
        fn new(answers: u32, accepts: u32) -> Self {
            Self { answers, accepts, accepted: Arc::default() }
        }

        async fn start(&self) -> u16 {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let (answers, accepts, accepted) = (self.answers, self.accepts, self.accepted.clone());
            tokio::spawn(async move {
                for _ in 0..accepts {
                    let (stream, _) = listener.accept().await.unwrap();
                    accepted.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(serve(stream, answers));
                }
            });
            port
        }

        fn connections(&self) -> u32 {
            self.accepted.load(Ordering::SeqCst)
        }
    }

    /// Closes after the last answer, without having said so.
    async fn serve(mut stream: TcpStream, answers: u32) {
        let mut question = [0; 1_024];
        for _ in 0..answers {
            if stream.read(&mut question).await.unwrap() == 0 {
                return;
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        }
    }

    async fn look_often(port: u16, times: u32) -> Vec<Result<(), String>> {
        let mut kept = None;
        let mut looks = vec![];
        for _ in 0..times {
            let look = http("/", port, kept.take()).await;
            looks.push(look.map(|healthy| kept = healthy.kept));
        }
        looks
    }

    #[tokio::test]
    async fn a_connection_carries_its_share_of_looks_and_no_more() {
        let app = App::new(u32::MAX, u32::MAX);
        let looks = look_often(app.start().await, 2 * LOOKS).await;
        assert!(looks.iter().all(Result::is_ok), "{looks:?}");
        assert_eq!(app.connections(), 2);
    }

    #[tokio::test]
    async fn a_kept_connection_that_was_closed_is_no_failure() {
        let app = App::new(1, u32::MAX);
        let looks = look_often(app.start().await, 6).await;
        assert!(looks.iter().all(Result::is_ok), "{looks:?}");
        assert_eq!(app.connections(), 6);
    }

    /// The worker that has the connection is well, but nobody new gets in.
    #[tokio::test]
    async fn a_kept_connection_does_not_hide_a_dead_listener() {
        let app = App::new(u32::MAX, 1);
        let looks = look_often(app.start().await, LOOKS + 2).await;
        let (kept, fresh) = looks.split_at(LOOKS as usize);
        assert!(kept.iter().all(Result::is_ok), "{looks:?}");
        assert!(
            fresh.iter().all(|look| look.as_ref().is_err_and(|why| why.contains("refused"))),
            "{looks:?}"
        );
    }
}
