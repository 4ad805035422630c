//! An upgraded connection that says something now and then and expects to hear it again.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::args::{Args, Url};
use crate::load::asked_to_end;
use crate::{Outcome, report};

const EVERY: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) async fn run(args: &Args) -> Outcome {
    let (url, wanted) = (args.url()?, args.maybe("echoes")?.unwrap_or(u64::MAX));
    let start = Instant::now();
    let mut echoes = 0_u64;
    let ended = tokio::select! {
        ended = talk(&url, wanted, &mut echoes) => ended,
        () = asked_to_end() => Ok(()),
    };
    let why = ended.err().map(|error| error.to_string());
    report(&json!({
        "lived": why.is_none() && echoes > 0,
        "echoes": echoes,
        "seconds": start.elapsed().as_secs_f64(),
        "ended_by": why,
    }))
}

async fn talk(url: &Url, wanted: u64, echoes: &mut u64) -> Outcome {
    let mut stream = open(url).await?;
    while *echoes < wanted {
        let said = format!("{echoes:012}\n");
        stream.write_all(said.as_bytes()).await?;
        let mut heard = [0; 13];
        tokio::time::timeout(PATIENCE, stream.read_exact(&mut heard))
            .await
            .map_err(|_| "no echo in time")??;
        if heard != said.as_bytes() {
            return Err("another echo than expected".into());
        }
        *echoes += 1;
        tokio::time::sleep(EVERY).await;
    }
    Ok(())
}

async fn open(url: &Url) -> Result<TcpStream, Box<dyn std::error::Error>> {
    let mut stream = TcpStream::connect(&url.authority).await?;
    stream.set_nodelay(true)?;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: c3RhdW5jaC1iZW5jaC1rZXk=\r\n\r\n",
        url.path, url.authority
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        head.push(
            tokio::time::timeout(PATIENCE, stream.read_u8())
                .await
                .map_err(|_| "no answer to the upgrade")??,
        );
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    if head.starts_with("HTTP/1.1 101 ") { Ok(stream) } else { Err(head.lines().next().unwrap_or("").into()) }
}
