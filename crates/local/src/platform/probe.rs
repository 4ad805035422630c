//! One look at an instance's health, and what it says in words.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use staunch_model::{ProbeSpec, ProbeTarget, human_duration};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{exec_probe, http_probe};
use crate::protocol::InstanceSpec;

/// A healthy answer: the words for it, and where the app was reached, if it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Healthy {
    pub(super) words: String,
    pub(super) address: Option<SocketAddr>,
}

/// # Errors
/// In words: what was asked and what came of it.
pub(super) async fn probe(probe: &ProbeSpec, instance: &InstanceSpec) -> Result<Healthy, String> {
    let name = name(&probe.target);
    let asked = async {
        match &probe.target {
            ProbeTarget::Http { path } => http(path, instance.port).await,
            ProbeTarget::Tcp => tcp(instance.port).await,
            // It keeps its own time, since it has processes to end.
            ProbeTarget::Command { words } => exec_probe::run(words, instance, probe.timeout).await,
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
        ProbeTarget::Http { .. } | ProbeTarget::Tcp => timeout(limit, asked)
            .await
            .unwrap_or_else(|_late| Err(format!("no answer in {}", human_duration(limit)))),
    }
}

fn name(target: &ProbeTarget) -> String {
    match target {
        ProbeTarget::Http { path } => format!("GET {path}"),
        ProbeTarget::Tcp => "connection".to_owned(),
        ProbeTarget::Command { words } => format!("command {}", words.join(" ")),
    }
}

async fn tcp(port: u16) -> Result<Healthy, String> {
    let (_stream, address) = connect(port).await?;
    Ok(Healthy { words: "accepted".to_owned(), address: Some(address) })
}

async fn http(path: &str, port: u16) -> Result<Healthy, String> {
    let (stream, address) = connect(port).await?;
    let answer = http_probe::get(stream, path, address).await.map_err(|error| describe(&error))?;
    let words = answer.to_string();
    if (200..400).contains(&answer.status) {
        Ok(Healthy { words, address: Some(address) })
    } else {
        Err(words)
    }
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
