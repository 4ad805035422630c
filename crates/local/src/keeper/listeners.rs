//! The sockets that users connect to. The keeper holds them open, so that connections wait instead of being refused
//! while no edge accepts them.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::edges;
use super::house::House;
use crate::edge_side;

/// The kernel lowers it to its own limit.
const BACKLOG: i32 = 4_096;

/// Binds and listens; what is listened on already is left alone. Gives the address with its real port.
///
/// # Errors
/// One sentence; for an address in use with the process that has it, when that can be seen.
pub(super) async fn listen(house: &Rc<House>, addr: SocketAddr) -> Result<SocketAddr, String> {
    if house.listeners.borrow().contains_key(&addr) {
        return Ok(addr);
    }
    let listener = bind(addr).map_err(|error| explain(addr, &error))?;
    let addr = listener.local_addr().map_err(|error| error.to_string())?;
    house.listeners.borrow_mut().insert(addr, listener);
    house.save();
    edges::share_with_listening(house, addr).await?;
    Ok(addr)
}

/// Closes the socket here and in every edge; what waits in its queue is refused.
pub(super) async fn unlisten(house: &Rc<House>, addr: SocketAddr) {
    if house.listeners.borrow_mut().remove(&addr).is_none() {
        return;
    }
    house.save();
    let edges = house.edges.borrow().clone();
    for edge in edges {
        if let Err(error) = edge_side::take_back(edge.fd_socket, addr).await {
            house.note(&format!("edge {} may still listen on {addr}: {error}", edge.process.pid));
        }
    }
}

pub(super) fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// An edge of ours that is just ending may hold the address for a moment longer.
pub(super) async fn bind_patiently(addr: SocketAddr) -> io::Result<TcpListener> {
    for _ in 0..20 {
        match bind(addr) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            done => return done,
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bind(addr)
}

fn explain(addr: SocketAddr, error: &io::Error) -> String {
    let kind = error.kind();
    if kind == io::ErrorKind::AddrInUse {
        let owner = owner_of(addr.port()).map_or_else(String::new, |owner| format!(" by {owner}"));
        format!("the address {addr} is in use{owner}")
    } else if kind == io::ErrorKind::AddrNotAvailable {
        format!("the address {addr} is not one of this machine's")
    } else if kind == io::ErrorKind::PermissionDenied {
        format!("listening on {addr} is not permitted: ports below 1024 need a privilege")
    } else {
        format!("cannot listen on {addr}: {error}")
    }
}

/// `nginx (pid 812)`, as far as `/proc` shows it to this user.
fn owner_of(port: u16) -> Option<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    let inodes: Vec<String> = tables.iter().flat_map(|table| listening_inodes(table, port)).collect();
    let processes =
        fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let pid = processes.filter(|name| name.parse::<u32>().is_ok()).find(|pid| holds_one_of(pid, &inodes))?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(format!("{} (pid {pid})", name.trim()))
}

/// Lines look like `0: 0100007F:1F90 00000000:0000 0A … uid timeout inode`; state 0A is listening.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    let wanted = format!(":{port:04X}");
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let listening = rows.filter(|row| row.get(3) == Some(&"0A") && row[1].ends_with(&wanted));
    listening.filter_map(|row| row.get(9).map(|inode| format!("socket:[{inode}]"))).collect()
}

fn holds_one_of(pid: &str, sockets: &[String]) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let targets = descriptors.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    targets
        .filter_map(|target| target.into_os_string().into_string().ok())
        .any(|target| sockets.contains(&target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_use_names_who_has_it() {
        let taken = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let addr = taken.local_addr().unwrap();
        let text = explain(addr, &bind(addr).unwrap_err());
        assert!(text.contains("in use by "), "{text}");
        assert!(text.contains(&format!("(pid {})", std::process::id())), "{text}");
    }
}
