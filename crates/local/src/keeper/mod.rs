//! The keeper owns the application processes and the listening sockets. It is small and does nothing clever, so
//! that it can live for years: everything else may crash or be replaced around it.

mod adopt;
mod edges;
mod house;
mod instances;
mod listeners;
mod oom;
mod server;
mod shutdown;
mod state;
mod upgrade;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::LocalSet;

use crate::paths::Paths;
use house::House;

/// What the hidden subcommand `keeper --data DIR` is given.
#[derive(Debug, Clone)]
pub struct KeeperOptions {
    pub data: PathBuf,
    /// What edges are started from: `BINARY edge --run-dir DIR --socket PATH --fd-socket PATH`.
    pub binary: PathBuf,
}

/// Keeps until it is told to shut down. Returns at once when another keeper has the data directory.
///
/// # Errors
/// When the data directory cannot be used.
pub fn run(options: &KeeperOptions) -> io::Result<()> {
    let paths = Paths::create(&options.data)?;
    // The leader of a group cannot begin a session; started by hand it stays where it is.
    let _leader = rustix::process::setsid();
    let saved = state::load(&paths.keeper_state());
    let mut inherited = upgrade::take_inherited(saved.as_ref());
    let Some(lock) = lock(&paths.keeper_lock(), &mut inherited)? else { return Ok(()) };
    redirect_stdio(&paths.keeper_log())?;
    std::env::set_current_dir("/")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let _ignored = ignore_terminal_signals()?;
        let socket = server::bind(&paths, &mut inherited)?;
        let house = House::new(paths, options.binary.clone(), lock, socket, saved.as_ref());
        adopt::take_over(&house, saved, inherited).await;
        server::serve(&house).await
    })
}

/// Caught, not ignored: an ignored signal would stay ignored in every app that is started.
fn ignore_terminal_signals() -> io::Result<[Signal; 2]> {
    Ok([signal(SignalKind::hangup())?, signal(SignalKind::interrupt())?])
}

/// `None` when another keeper holds the lock.
fn lock(path: &Path, inherited: &mut Option<upgrade::Inherited>) -> io::Result<Option<File>> {
    if let Some(inherited) = inherited {
        return Ok(Some(inherited.lock.try_clone()?));
    }
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// No terminal, no pipe of somebody who may go away: the last words of a panic land in the log.
fn redirect_stdio(log: &Path) -> io::Result<()> {
    let null = OpenOptions::new().read(true).open("/dev/null")?;
    let log = OpenOptions::new().append(true).create(true).mode(0o600).open(log)?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&log)?;
    rustix::stdio::dup2_stderr(&log)?;
    Ok(())
}
