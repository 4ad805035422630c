//! Listening sockets change hands here: the keeper owns them, the edge borrows duplicates, and a keeper that was
//! restarted gets them back. One JSON line per request on a unix stream socket, descriptors beside it (`SCM_RIGHTS`).
//!
//! `{"op":"put","addr":"…"}` with one descriptor, `{"op":"drop","addr":"…"}` and `{"op":"get"}` are answered by
//! `{"kind":"done"}` or `{"kind":"failed","reason":"…"}`; before "done", `get` sends one `{"kind":"listener","addr":"…"}`
//! per socket, each with its descriptor.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::shared::Shared;

/// Each side waits this long for the other.
const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_LINE: usize = 4_096;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "op")]
enum Request {
    Put { addr: SocketAddr },
    Get,
    Drop { addr: SocketAddr },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
enum Answer {
    Listener { addr: SocketAddr },
    Done,
    Failed { reason: String },
}

/// Lends the edge at `fd_socket` a listening socket, known by the address that tables call it by.
///
/// # Errors
/// The edge is not there, does not answer within five seconds, or refuses: it is draining.
pub fn put_listener(fd_socket: &Path, addr: SocketAddr, listener: BorrowedFd<'_>) -> io::Result<()> {
    let mut line = Line::connect(fd_socket)?;
    line.send(&Request::Put { addr }, Some(listener))?;
    line.finish().map(drop)
}

/// Duplicates of all the listening sockets that the edge holds.
///
/// # Errors
/// The edge is not there or does not answer within five seconds.
pub fn get_listeners(fd_socket: &Path) -> io::Result<Vec<(SocketAddr, OwnedFd)>> {
    let mut line = Line::connect(fd_socket)?;
    line.send(&Request::Get, None)?;
    line.finish()
}

/// Lets the edge close its duplicate; open connections are not touched. Dropping an unknown address is no error.
///
/// # Errors
/// The edge is not there or does not answer within five seconds.
pub fn drop_listener(fd_socket: &Path, addr: SocketAddr) -> io::Result<()> {
    let mut line = Line::connect(fd_socket)?;
    line.send(&Request::Drop { addr }, None)?;
    line.finish().map(drop)
}

/// Answers requests, one connection after the other, for the life of the process.
pub(crate) fn serve(socket: &UnixListener, shared: &Shared) {
    loop {
        match socket.accept() {
            // A client that breaks off has nothing to be told.
            Ok((stream, _)) => drop(Line::new(stream).and_then(|mut line| answer(&mut line, shared))),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn answer(line: &mut Line, shared: &Shared) -> io::Result<()> {
    let done = match line.receive()? {
        Request::Put { addr } => line.take_fd().and_then(|fd| shared.listeners.put(addr, fd)),
        Request::Drop { addr } => {
            shared.listeners.drop_one(addr);
            Ok(())
        }
        Request::Get => shared.listeners.all().and_then(|all| {
            all.iter()
                .try_for_each(|(addr, fd)| line.send(&Answer::Listener { addr: *addr }, Some(fd.as_fd())))
        }),
    };
    let last = match done {
        Ok(()) => Answer::Done,
        Err(error) => Answer::Failed { reason: error.to_string() },
    };
    line.send(&last, None)
}

/// A stream of JSON lines with descriptors beside them. Descriptors arrive in the order of the lines that carry them,
/// whatever way the bytes are cut.
struct Line {
    stream: UnixStream,
    bytes: Vec<u8>,
    fds: VecDeque<OwnedFd>,
}

impl Line {
    fn connect(path: &Path) -> io::Result<Self> {
        Self::new(UnixStream::connect(path)?)
    }

    fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self { stream, bytes: Vec::new(), fds: VecDeque::new() })
    }

    fn take_fd(&mut self) -> io::Result<OwnedFd> {
        self.fds.pop_front().ok_or_else(|| io::Error::other("the message came without its descriptor"))
    }

    /// Collects listeners until the other side is done.
    fn finish(&mut self) -> io::Result<Vec<(SocketAddr, OwnedFd)>> {
        let mut listeners = Vec::new();
        loop {
            match self.receive()? {
                Answer::Listener { addr } => listeners.push((addr, self.take_fd()?)),
                Answer::Done => return Ok(listeners),
                Answer::Failed { reason } => return Err(io::Error::other(reason)),
            }
        }
    }

    /// Lines are far smaller than a socket buffer, so one call takes a whole line.
    fn send<T: Serialize>(&mut self, message: &T, fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let mut text = serde_json::to_vec(message)?;
        text.push(b'\n');
        let fds: Vec<BorrowedFd<'_>> = fd.into_iter().collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(&fds));
        }
        let sent =
            rustix::net::sendmsg(&self.stream, &[IoSlice::new(&text)], &mut control, SendFlags::NOSIGNAL)?;
        if sent == text.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }

    fn receive<T: DeserializeOwned>(&mut self) -> io::Result<T> {
        loop {
            if let Some(end) = self.bytes.iter().position(|&b| b == b'\n') {
                let line: Vec<u8> = self.bytes.drain(..=end).collect();
                return Ok(serde_json::from_slice(&line)?);
            }
            if self.bytes.len() > MAX_LINE {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.read_more()?;
        }
    }

    fn read_more(&mut self) -> io::Result<()> {
        let mut piece = [0; 1_024];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received =
            rustix::net::recvmsg(&self.stream, &mut [IoSliceMut::new(&mut piece)], &mut control, flags)?;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                self.fds.extend(fds);
            }
        }
        if received.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.bytes.extend_from_slice(&piece[..received.bytes]);
        Ok(())
    }
}
