//! The edge as a process of its own, ended by a signal.

use std::net::TcpListener;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};
use staunch_proxy::edge::{EdgeOptions, run};
use staunch_proxy::handover::put_listener;
use staunch_proxy::wire::ToEdge;

use crate::app::App;
use crate::browser::Browser;
use crate::stage::{Control, backend, table, wait_for};

/// Where the process below finds its directory.
const DIR: &str = "STAUNCH_TEST_EDGE_DIR";

fn sockets(dir: &Path) -> (PathBuf, PathBuf) {
    (dir.join("edge.sock"), dir.join("edge.fd"))
}

/// Not a test but the process that the test starts.
#[test]
#[ignore = "started by the test of this module"]
fn edge_process() {
    let Some(dir) = std::env::var_os(DIR).map(PathBuf::from) else { return };
    let (socket, fd_socket) = sockets(&dir);
    run(EdgeOptions { run_dir: dir, socket, fd_socket, threads: 1 }).unwrap();
}

/// Ends with the test, whatever becomes of it.
struct Process(Child);

impl Process {
    fn start(dir: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["sigterm::edge_process", "--exact", "--ignored"]).env(DIR, dir);
        Self(command.stdout(std::process::Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn sigterm_ends_the_process_without_losing_a_request() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start(dir.path());
    let (socket, fd_socket) = sockets(dir.path());
    wait_for("the sockets", || socket.exists() && fd_socket.exists());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    put_listener(&fd_socket, addr, listener.as_fd()).unwrap();
    let app = App::named("ok");
    let mut wish = table(addr);
    wish.stable = Some(backend(1, &[app.addr]));
    let mut control = Control::connect(socket);
    control.send(ToEdge::Table { version: 1, services: vec![wish] });
    control.wait("the table", |c| c.last().is_some_and(|report| report.table_seen == 1));

    let mut browser = Browser::open(addr);
    assert_eq!(browser.get("/").text(), "ok");
    kill_process(Pid::from_child(&process.0), Signal::TERM).unwrap();
    // An open connection is served until the client has been told not to use it again.
    wait_for("the farewell", || {
        let answer = browser.get("/");
        assert_eq!(answer.text(), "ok");
        answer.header("connection") == Some("close")
    });
    wait_for("the end", || process.0.try_wait().unwrap().is_some_and(|status| status.success()));
}
