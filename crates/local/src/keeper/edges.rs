//! Edges: one that listens, and for a while others that join or drain.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use rustix::process::Signal;

use super::house::{House, VERSION};
use crate::edge_side;
use crate::process::{Held, Identity};
use crate::protocol::EdgeStatus;
use crate::time::now;

/// An edge that ran this long was well.
const PROVEN: Duration = Duration::from_secs(10);
/// A joining edge is promoted by the keeper itself when nobody else does it.
const JOIN_PATIENCE: Duration = Duration::from_secs(5);

/// Who gave birth to an edge decides when it gets the sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Birth {
    /// At once: there is no other.
    Alone,
    /// When it is promoted: another serves meanwhile.
    Joining,
}

/// Starts an edge unless one listens.
///
/// # Errors
/// One sentence when the binary cannot be started.
pub(super) fn ensure(house: &Rc<House>) -> Result<EdgeStatus, String> {
    house.edge_wanted.set(true);
    if let Some(edge) = listening(house) {
        return Ok(edge);
    }
    let binary = house.binary.borrow().clone();
    start(house, &binary, VERSION.to_owned(), Birth::Alone)
}

/// Starts an edge of another binary beside the present one.
///
/// # Errors
/// One sentence when the binary cannot be started.
pub(super) fn replace(house: &Rc<House>, binary: &Path, version: String) -> Result<EdgeStatus, String> {
    house.edge_wanted.set(true);
    *house.binary.borrow_mut() = binary.to_owned();
    let birth = if listening(house).is_some() { Birth::Joining } else { Birth::Alone };
    let edge = start(house, binary, version, birth)?;
    tokio::task::spawn_local(promote_in_time(house.clone(), edge.process));
    Ok(edge)
}

/// The edge that accepts connections.
pub(super) fn listening(house: &House) -> Option<EdgeStatus> {
    house.edges.borrow().iter().find(|edge| edge.listening && !edge.draining).cloned()
}

fn start(house: &Rc<House>, binary: &Path, version: String, birth: Birth) -> Result<EdgeStatus, String> {
    let number = house.edge_number.get() + 1;
    house.edge_number.set(number);
    let (socket, fd_socket) = (house.paths.edge_socket(number), house.paths.edge_fd_socket(number));
    let process = spawn(house, binary, &socket, &fd_socket)
        .map_err(|error| format!("an edge cannot be started from {}: {error}", binary.display()))?;
    let listening = birth == Birth::Alone;
    let edge = EdgeStatus {
        process: process.identity,
        socket,
        fd_socket,
        listening,
        draining: false,
        version,
        started: now(),
    };
    house.edges.borrow_mut().push(edge.clone());
    house.save();
    house.note(&format!("edge {} started", edge.process.pid));
    tokio::task::spawn_local(attend(house.clone(), process, edge.clone(), listening));
    Ok(edge)
}

fn spawn(house: &House, binary: &Path, socket: &Path, fd_socket: &Path) -> std::io::Result<Held> {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(runnable(binary));
    command.arg0("staunch");
    command.arg("edge").arg("--run-dir").arg(house.paths.run());
    command.arg("--socket").arg(socket).arg("--fd-socket").arg(fd_socket);
    // It has the keeper's standard error, which is the keeper's log.
    let child = command.stdin(Stdio::null()).process_group(0).spawn()?;
    Identity::of(child.id()).ok_or(std::io::ErrorKind::NotFound.into()).and_then(Held::open)
}

/// A binary that was removed from the disk still runs here: its image serves as well.
fn runnable(binary: &Path) -> PathBuf {
    if binary.exists() { binary.to_owned() } else { PathBuf::from("/proc/self/exe") }
}

/// Takes an edge of an earlier keeper over.
pub(super) fn adopt(house: &Rc<House>, process: Held, edge: EdgeStatus) {
    house.edges.borrow_mut().push(edge.clone());
    // Giving a socket that the edge has already changes nothing; one that was bound anew it must get.
    let give = edge.listening && !edge.draining;
    tokio::task::spawn_local(attend(house.clone(), process, edge, give));
}

async fn attend(house: Rc<House>, process: Held, edge: EdgeStatus, give: bool) {
    if give {
        hand_over(&house, &process, &edge).await;
    }
    process.exited().await;
    let how = process.reap();
    house.note(&format!("edge {} ended: {how}", edge.process.pid));
    house.edges.borrow_mut().retain(|other| other.process != edge.process);
    for socket in [&edge.socket, &edge.fd_socket] {
        let _gone = std::fs::remove_file(socket);
    }
    house.save();
    let streak = if now().since(edge.started) >= PROVEN { 0 } else { house.edge_streak.get() };
    house.edge_streak.set(streak + 1);
    succeed(&house, streak).await;
}

/// An edge that does not take the sockets is of no use. One that ends meanwhile is not waited for.
async fn hand_over(house: &Rc<House>, process: &Held, edge: &EdgeStatus) {
    let taken = tokio::select! {
        taken = share_all(house, edge) => taken,
        () = process.exited() => return,
    };
    if let Err(error) = taken {
        house.note(&format!("edge {} did not take the sockets: {error}", edge.process.pid));
        process.signal(Signal::KILL);
    }
}

/// Someone must listen: a joining edge if there is one, else a new one after its back-off.
async fn succeed(house: &Rc<House>, streak: u32) {
    if house.closing.get() || !house.edge_wanted.get() || listening(house).is_some() {
        return;
    }
    let joining = house.edges.borrow().iter().find(|edge| !edge.draining).map(|edge| edge.process);
    if let Some(joining) = joining {
        if let Err(error) = promote(house, joining).await {
            house.note(&error);
        }
        return;
    }
    tokio::time::sleep(back_off(streak)).await;
    if !house.closing.get()
        && let Err(error) = ensure(house)
    {
        house.note(&error);
        tokio::task::spawn_local(try_again(house.clone(), streak + 1));
    }
}

async fn try_again(house: Rc<House>, streak: u32) {
    Box::pin(succeed(&house, streak)).await;
}

/// 0, 50 ms, 100 ms, … 5 s after so many short lives in a row: the first successor comes at once.
fn back_off(streak: u32) -> Duration {
    match streak {
        0 => Duration::ZERO,
        _ => Duration::from_millis(50).saturating_mul(1 << (streak - 1).min(10)).min(Duration::from_secs(5)),
    }
}

async fn promote_in_time(house: Rc<House>, edge: Identity) {
    tokio::time::sleep(JOIN_PATIENCE).await;
    let waits = house.edges.borrow().iter().any(|other| other.process == edge && !other.listening);
    if !waits {
        return;
    }
    let former: Vec<Identity> =
        house.edges.borrow().iter().filter(|other| other.listening).map(|other| other.process).collect();
    match promote(&house, edge).await {
        // Nobody is there to tell the former ones to drain: the signal says the same with a shorter linger.
        Ok(()) => {
            former.iter().filter_map(|old| Held::open(*old).ok()).for_each(|old| old.signal(Signal::TERM))
        }
        Err(error) => house.note(&error),
    }
}

/// Gives the edge every socket, then marks the others as draining. They share one queue meanwhile: nothing is lost.
///
/// # Errors
/// One sentence when the edge is gone or does not take a socket.
pub(super) async fn promote(house: &Rc<House>, edge: Identity) -> Result<(), String> {
    let found = house.edges.borrow().iter().find(|other| other.process == edge).cloned();
    let status = found.ok_or_else(|| format!("no edge has the pid {}", edge.pid))?;
    share_all(house, &status).await?;
    for other in house.edges.borrow_mut().iter_mut() {
        other.listening |= other.process == edge;
        other.draining |= other.process != edge;
    }
    house.save();
    Ok(())
}

async fn share_all(house: &Rc<House>, edge: &EdgeStatus) -> Result<(), String> {
    let addrs: Vec<SocketAddr> = house.listeners.borrow().keys().copied().collect();
    for addr in addrs {
        share(house, edge, addr).await?;
    }
    Ok(())
}

/// Gives a socket to every edge that accepts.
pub(super) async fn share_with_listening(house: &Rc<House>, addr: SocketAddr) -> Result<(), String> {
    match listening(house) {
        Some(edge) => share(house, &edge, addr).await,
        None => Ok(()),
    }
}

async fn share(house: &House, edge: &EdgeStatus, addr: SocketAddr) -> Result<(), String> {
    let copy = house.listeners.borrow().get(&addr).map(std::net::TcpListener::try_clone);
    let Some(copy) = copy else { return Ok(()) };
    let copy = copy.map_err(|error| format!("the socket of {addr} cannot be copied: {error}"))?;
    edge_side::give(edge.fd_socket.clone(), addr, copy)
        .await
        .map_err(|error| format!("edge {} does not take the socket of {addr}: {error}", edge.process.pid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_successor_comes_at_once_and_later_ones_wait() {
        let millis: Vec<u128> = (0..10).map(|streak| back_off(streak).as_millis()).collect();
        assert_eq!(millis, [0, 50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    }
}
