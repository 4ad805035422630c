//! Requests that the typed client would not send.

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use crate::world::{World, within};

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Over TCP, with exactly these header lines; the connection ends with the answer.
pub(crate) async fn tcp(world: &World, request: &str, headers: &[&str], body: &str) -> Answer {
    let stream = TcpStream::connect(world.serving.tcp()).await.unwrap();
    exchange(stream, request, headers, body).await
}

pub(crate) async fn unix(world: &World, request: &str, headers: &[&str], body: &str) -> Answer {
    let stream = UnixStream::connect(world.dir.path().join("api.sock")).await.unwrap();
    exchange(stream, request, headers, body).await
}

pub(crate) async fn get(world: &World, path: &str) -> Answer {
    tcp(world, &format!("GET {path}"), &[&host(world)], "").await
}

pub(crate) async fn post(world: &World, path: &str, body: &str) -> Answer {
    tcp(world, &format!("POST {path}"), &[&host(world)], body).await
}

pub(crate) fn host(world: &World) -> String {
    format!("Host: {}", world.serving.tcp())
}

async fn exchange(
    mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    request: &str,
    headers: &[&str],
    body: &str,
) -> Answer {
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let length = body.len();
    let text =
        format!("{request} HTTP/1.1\r\n{lines}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    within(async {
        // A server that refuses early may close before it has read everything.
        drop(stream.write_all(text.as_bytes()).await);
        let mut bytes = vec![];
        drop(stream.read_to_end(&mut bytes).await);
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {text:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    })
    .await
}
