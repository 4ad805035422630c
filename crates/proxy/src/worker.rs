//! A serving thread: one runtime that accepts, serves and ticks.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::sleep;

use crate::connection;
use crate::drain::Phase;
use crate::shared::{Open, Shared};
use crate::thread::{TICK, Thread};

/// Out of descriptors or memory: accepting goes on after this, without spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// At the limit of connections, free places are looked for this often.
const FULL_PAUSE: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub(crate) enum Command {
    Listen {
        addr: SocketAddr,
        socket: std::net::TcpListener,
        connections: Arc<AtomicUsize>,
    },
    Unlisten {
        addr: SocketAddr,
    },
    /// A new table is in force: look at it without waiting for a request.
    Look,
    Drain,
    CloseIdle,
    Stop,
}

/// Runs until `Stop`.
pub(crate) fn run(shared: Arc<Shared>, index: usize, commands: UnboundedReceiver<Command>) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(obey(Thread::new(shared, index), commands));
    Ok(())
}

async fn obey(thread: Rc<Thread>, mut commands: UnboundedReceiver<Command>) {
    let ticking = spawn_local(tick(Rc::clone(&thread)));
    let mut accepting: BTreeMap<SocketAddr, JoinHandle<()>> = BTreeMap::new();
    while let Some(command) = commands.recv().await {
        match command {
            Command::Listen { addr, socket, connections } => {
                let task = spawn_local(accept(Rc::clone(&thread), addr, socket, connections));
                accepting.insert(addr, task).inspect(JoinHandle::abort);
            }
            Command::Unlisten { addr } => drop(accepting.remove(&addr).inspect(JoinHandle::abort)),
            Command::Look => drop(thread.table()),
            Command::Drain => {
                std::mem::take(&mut accepting).values().for_each(JoinHandle::abort);
                thread.drain.enter(Phase::Draining);
            }
            Command::CloseIdle => thread.drain.enter(Phase::Closing),
            Command::Stop => break,
        }
    }
    ticking.abort();
}

async fn tick(thread: Rc<Thread>) {
    loop {
        thread.tick();
        sleep(TICK).await;
    }
}

struct Counted(Arc<AtomicUsize>);

impl Counted {
    /// A place under the limit, if one is free. A loop holds one while it waits for its next connection, so that the
    /// threads together never go past the limit.
    fn below(count: &Arc<AtomicUsize>, limit: usize) -> Option<Self> {
        let taken = count.fetch_update(Relaxed, Relaxed, |n| (n < limit).then_some(n + 1));
        taken.is_ok().then(|| Self(Arc::clone(count)))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Accepts until aborted. What has been accepted is served, whatever happens to the listener.
async fn accept(
    thread: Rc<Thread>,
    addr: SocketAddr,
    socket: std::net::TcpListener,
    connections: Arc<AtomicUsize>,
) {
    let accepting = AcceptLoop::begin(&thread.shared);
    let Ok(listener) = TcpListener::from_std(socket) else { return };
    loop {
        let limit = connection_limit(&thread, addr);
        let Some(place) = Counted::below(&connections, limit) else {
            sleep(FULL_PAUSE).await;
            continue;
        };
        match listener.accept().await {
            Ok((stream, client)) => {
                let places = (Open::new(&accepting.0), place);
                let thread = Rc::clone(&thread);
                spawn_local(async move {
                    connection::serve(thread, stream, client, addr).await;
                    drop(places);
                });
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

fn connection_limit(thread: &Thread, addr: SocketAddr) -> usize {
    let table = thread.table();
    table.service(addr).map_or(usize::MAX, |service| service.shared.spec.edge.limits.connections)
}

/// Counts a loop that may still accept a connection.
struct AcceptLoop(Arc<Shared>);

impl AcceptLoop {
    fn begin(shared: &Arc<Shared>) -> Self {
        shared.accepting.fetch_add(1, Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for AcceptLoop {
    fn drop(&mut self) {
        self.0.accepting.fetch_sub(1, Relaxed);
    }
}
