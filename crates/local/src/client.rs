//! Talking to the keeper. Blocking, with a bound on every wait: the keeper answers in microseconds or not at all.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::protocol::{KeeperInfo, Listing, Request, Response};

/// The longest that a keeper may take: it waits for a new edge to take the sockets for five seconds itself.
const PATIENCE: Duration = Duration::from_secs(12);

#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// No keeper answers; the order may or may not have been carried out.
    #[error("the keeper does not answer: {0}")]
    Unreachable(#[from] io::Error),
    /// One sentence.
    #[error("{0}")]
    Refused(String),
    #[error("the keeper gave an answer that does not belong to the question: {0:?}")]
    Unexpected(Box<Response>),
}

/// One connection. Reconnects after it was lost.
#[derive(Debug)]
pub struct KeeperClient {
    socket: PathBuf,
    stream: Option<BufReader<UnixStream>>,
}

impl KeeperClient {
    /// Connects when it is first used. `socket` is [`Paths::keeper_socket`](crate::Paths::keeper_socket).
    pub fn new(socket: PathBuf) -> Self {
        Self { socket, stream: None }
    }

    /// # Errors
    /// See [`KeeperError`].
    pub fn ask(&mut self, request: &Request) -> Result<Response, KeeperError> {
        let used = self.stream.is_some();
        let mut answer = self.try_once(request);
        // A connection that outlived its keeper says nothing about the present one; a question may be asked again.
        let question = matches!(request, Request::Hello | Request::List | Request::ListSince { .. });
        if answer.is_err() && used && question {
            answer = self.try_once(request);
        }
        let answer = answer?;
        if let Response::Refused { error } = answer { Err(KeeperError::Refused(error)) } else { Ok(answer) }
    }

    fn try_once(&mut self, request: &Request) -> io::Result<Response> {
        let answer = self.exchange(request);
        if answer.is_err() {
            self.stream = None;
        }
        answer
    }

    fn exchange(&mut self, request: &Request) -> io::Result<Response> {
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(&self.socket)?,
        };
        let stream = self.stream.insert(stream);
        let mut text = serde_json::to_vec(request)?;
        text.push(b'\n');
        stream.get_mut().write_all(&text)?;
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_str(&line)?)
    }

    /// # Errors
    /// See [`KeeperError`].
    pub fn hello(&mut self) -> Result<KeeperInfo, KeeperError> {
        let answer = self.ask(&Request::Hello)?;
        if let Response::Hello(info) = answer { Ok(info) } else { Err(unexpected(answer)) }
    }

    /// `None` when the list is still the one with that number.
    ///
    /// # Errors
    /// See [`KeeperError`].
    pub fn list_since(&mut self, seen: u64) -> Result<Option<Listing>, KeeperError> {
        let answer = self.ask(&Request::ListSince { seen })?;
        if answer == Response::Unchanged {
            return Ok(None);
        }
        if let Response::Listing(listing) = answer { Ok(Some(listing)) } else { Err(unexpected(answer)) }
    }

    /// # Errors
    /// See [`KeeperError`].
    pub fn list(&mut self) -> Result<Listing, KeeperError> {
        let answer = self.ask(&Request::List)?;
        if let Response::Listing(listing) = answer { Ok(listing) } else { Err(unexpected(answer)) }
    }
}

fn unexpected(answer: Response) -> KeeperError {
    KeeperError::Unexpected(Box::new(answer))
}

fn connect(socket: &Path) -> io::Result<BufReader<UnixStream>> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(BufReader::new(stream))
}
