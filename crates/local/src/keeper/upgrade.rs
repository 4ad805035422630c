//! The keeper executes another binary in place: same process, same children, same sockets.

use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::io::{FdFlags, fcntl_setfd};

use super::house::House;
use super::state::{HandedOn, Saved, store};
use crate::process::{Held, Identity};

/// Descriptors that came through the execution.
pub(super) struct Inherited {
    pub(super) lock: File,
    pub(super) socket: Option<UnixListener>,
    pub(super) listeners: Vec<(SocketAddr, TcpListener)>,
}

/// Runs `BINARY --version` and gives what it says, so that nothing is replaced by something that does not run.
///
/// # Errors
/// One sentence: it cannot be executed, fails, or says nothing in five seconds.
pub(super) async fn version_of(binary: &Path) -> Result<String, String> {
    let name = binary.display();
    let mut command = Command::new(binary);
    command
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0);
    let child = command.spawn().map_err(|error| format!("{name} cannot be executed: {error}"))?;
    let held = Identity::of(child.id()).ok_or(io::ErrorKind::NotFound.into()).and_then(Held::open);
    let held = held.map_err(|error| error.to_string())?;
    if tokio::time::timeout(Duration::from_secs(5), held.exited()).await.is_err() {
        held.signal(rustix::process::Signal::KILL);
        return Err(format!("{name} --version does not end"));
    }
    // It has ended: a version's few bytes fit into the pipe, so nothing is waited for.
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("{name} --version fails: {}", output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.split_whitespace().last().unwrap_or("unknown").to_owned())
}

/// Becomes the binary. Returns only when that failed, and then everything is as before.
pub(super) fn execute(house: &House, binary: &Path) -> String {
    let handed_on = HandedOn {
        lock: house.lock.as_raw_fd(),
        socket: house.socket.as_raw_fd(),
        listeners: house.listeners.borrow().iter().map(|(addr, fd)| (*addr, fd.as_raw_fd())).collect(),
    };
    let saved = Saved {
        handed_on: Some(handed_on),
        binary: binary.to_owned(),
        upgrades: house.upgrades.get() + 1,
        ..house.saved()
    };
    if let Err(error) = store(&house.paths.keeper_state(), &saved) {
        return format!("the state could not be handed on: {error}");
    }
    let refusal =
        keep_open(house, FdFlags::empty()).map_or_else(|error| error, |()| become_binary(house, binary));
    let _closed_again = keep_open(house, FdFlags::CLOEXEC);
    house.save();
    format!("{} cannot be executed: {refusal}", binary.display())
}

fn become_binary(house: &House, binary: &Path) -> io::Error {
    Command::new(binary).arg0("staunch").arg("keeper").arg("--data").arg(house.paths.data()).exec()
}

fn keep_open(house: &House, flags: FdFlags) -> io::Result<()> {
    let listeners = house.listeners.borrow();
    let own: [BorrowedFd<'_>; 2] = [house.lock.as_fd(), house.socket.as_fd()];
    for fd in own.into_iter().chain(listeners.values().map(AsFd::as_fd)) {
        fcntl_setfd(fd, flags)?;
    }
    Ok(())
}

/// What the state says was left open for this very process. `None` in any other.
pub(super) fn take_inherited(saved: Option<&Saved>) -> Option<Inherited> {
    let saved = saved.filter(|saved| saved.keeper == Identity::of_this_process())?;
    let handed_on = saved.handed_on.as_ref()?;
    let listeners =
        handed_on.listeners.iter().map(|(addr, fd)| (*addr, TcpListener::from(own(*fd)))).collect();
    let inherited = Inherited {
        lock: File::from(own(handed_on.lock)),
        socket: Some(UnixListener::from(own(handed_on.socket))),
        listeners,
    };
    close_on_exec(&inherited).ok()?;
    Some(inherited)
}

/// No app shall inherit them in its turn.
fn close_on_exec(inherited: &Inherited) -> io::Result<()> {
    fcntl_setfd(&inherited.lock, FdFlags::CLOEXEC)?;
    if let Some(socket) = &inherited.socket {
        fcntl_setfd(socket, FdFlags::CLOEXEC)?;
    }
    for (_, listener) in &inherited.listeners {
        fcntl_setfd(listener, FdFlags::CLOEXEC)?;
    }
    Ok(())
}

#[expect(
    unsafe_code,
    reason = "the state of this very process names a descriptor that was left open for it alone"
)]
fn own(fd: RawFd) -> OwnedFd {
    // SAFETY: the process that wrote the number was this one before it executed, nobody else owns the descriptor.
    unsafe { OwnedFd::from_raw_fd(fd) }
}
