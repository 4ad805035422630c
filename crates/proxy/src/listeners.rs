//! The listening sockets lent by the keeper, and the threads that accept from them.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::UnboundedSender;

use crate::worker::Command;

#[derive(Debug, Default)]
struct State {
    lent: BTreeMap<SocketAddr, TcpListener>,
    workers: Vec<UnboundedSender<Command>>,
    closed: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Listeners(Mutex<State>);

impl Listeners {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn attach(&self, workers: Vec<UnboundedSender<Command>>) {
        self.state().workers = workers;
    }

    /// Takes a socket and lets every thread accept from it. A second socket for an address replaces the first.
    pub(crate) fn put(&self, addr: SocketAddr, fd: OwnedFd) -> io::Result<()> {
        let socket = TcpListener::from(fd);
        socket.set_nonblocking(true)?;
        let mut state = self.state();
        if state.closed {
            return Err(io::Error::other("the edge is draining and takes no listeners"));
        }
        // Open connections of this listener, over all threads.
        let connections = Arc::new(AtomicUsize::new(0));
        for worker in &state.workers {
            let command =
                Command::Listen { addr, socket: socket.try_clone()?, connections: Arc::clone(&connections) };
            // A worker that is gone needs no listener.
            let _ = worker.send(command);
        }
        state.lent.insert(addr, socket);
        Ok(())
    }

    pub(crate) fn all(&self) -> io::Result<Vec<(SocketAddr, OwnedFd)>> {
        self.state().lent.iter().map(|(addr, socket)| Ok((*addr, socket.try_clone()?.into()))).collect()
    }

    pub(crate) fn drop_one(&self, addr: SocketAddr) -> bool {
        let mut state = self.state();
        for worker in &state.workers {
            let _ = worker.send(Command::Unlisten { addr });
        }
        state.lent.remove(&addr).is_some()
    }

    /// The drain's first step. The keeper and the next edge hold duplicates, so connections that wait in the queue
    /// are theirs.
    pub(crate) fn close_all(&self) {
        let mut state = self.state();
        state.closed = true;
        state.lent.clear();
    }

    pub(crate) fn tell_workers(&self, command: impl Fn() -> Command) {
        for worker in &self.state().workers {
            let _ = worker.send(command());
        }
    }
}
