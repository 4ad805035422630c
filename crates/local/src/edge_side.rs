//! The keeper's side of the socket hand-over to an edge.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// A new edge opens its socket within milliseconds; one that has not after this long never will.
const PATIENCE: Duration = Duration::from_secs(5);

/// Gives a copy of a listening socket; waits for an edge that is still starting.
///
/// # Errors
/// The edge did not take it in time.
pub(crate) async fn give(fd_socket: PathBuf, addr: SocketAddr, listener: TcpListener) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (path, copy) = (fd_socket.clone(), listener.try_clone()?);
        match blocking(move || put(&path, addr, &copy)).await {
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_not_yet) => sleep(Duration::from_millis(10)).await,
            Ok(()) => return Ok(()),
        }
    }
}

/// All sockets that the edge has, with their queues.
///
/// # Errors
/// The edge does not answer.
pub(crate) async fn get_back(fd_socket: PathBuf) -> io::Result<Vec<(SocketAddr, TcpListener)>> {
    blocking(move || get(&fd_socket)).await
}

/// Makes the edge close its copy.
///
/// # Errors
/// The edge does not answer.
pub(crate) async fn take_back(fd_socket: PathBuf, addr: SocketAddr) -> io::Result<()> {
    blocking(move || staunch_proxy::handover::drop_listener(&fd_socket, addr)).await
}

fn put(path: &Path, addr: SocketAddr, listener: &TcpListener) -> io::Result<()> {
    use std::os::fd::AsFd;
    staunch_proxy::handover::put_listener(path, addr, listener.as_fd())
}

fn get(path: &Path) -> io::Result<Vec<(SocketAddr, TcpListener)>> {
    let found = staunch_proxy::handover::get_listeners(path)?;
    Ok(found.into_iter().map(|(addr, fd)| (addr, TcpListener::from(fd))).collect())
}

/// The hand-over calls block for as long as the edge takes: on a thread of their own nobody waits with them.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
