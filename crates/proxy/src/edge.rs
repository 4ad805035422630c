//! The edge process: `run` is all of it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::net::UnixListener;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::control::{self, Control};
use crate::handover;
use crate::mirror;
use crate::shared::Shared;
use crate::worker::{self, Command};

/// How an edge process is started.
#[derive(Debug, Clone)]
pub struct EdgeOptions {
    /// Where the last table is kept; must exist.
    pub run_dir: PathBuf,
    /// The control socket to create (see [`crate::wire`]).
    pub socket: PathBuf,
    /// The socket to create on which the keeper lends listening sockets (see [`crate::handover`]).
    pub fd_socket: PathBuf,
    /// Serving threads; 0 is one per available core.
    pub threads: usize,
}

/// Serves until drained: by control, or by SIGTERM with a linger of two seconds. Blocks.
///
/// # Errors
/// A socket cannot be created, or a thread or its runtime cannot be started.
pub fn run(options: EdgeOptions) -> io::Result<()> {
    let threads = match options.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        given => given,
    };
    let shared = Arc::new(Shared::new(threads));
    let control_socket = control::bind(&options.socket)?;
    let fd_socket = control::bind(&options.fd_socket)?;
    let control = Control::new(Arc::clone(&shared), options.run_dir);
    control.load();
    start_mirror(&shared)?;
    let workers = start_workers(&shared)?;
    let lender = Arc::clone(&shared);
    std::thread::Builder::new()
        .name("handover".to_owned())
        .spawn(move || handover::serve(&fd_socket, &lender))?;
    let served = serve_control(control, control_socket);
    shared.listeners.tell_workers(|| Command::Stop);
    // A worker that panicked has ended as well.
    workers.into_iter().for_each(|worker| drop(worker.join()));
    served
}

/// It sleeps until something is to be copied.
fn start_mirror(shared: &Arc<Shared>) -> io::Result<()> {
    let (sender, jobs) = unbounded_channel();
    // Set here alone.
    drop(shared.mirror.jobs.set(sender));
    let shared = Arc::clone(shared);
    let thread = std::thread::Builder::new().name("edge-mirror".to_owned());
    thread.spawn(move || mirror::run(&shared, jobs)).map(drop)
}

fn serve_control(control: std::rc::Rc<Control>, socket: std::os::unix::net::UnixListener) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async { control.run(UnixListener::from_std(socket)?).await })
}

fn start_workers(shared: &Arc<Shared>) -> io::Result<Vec<JoinHandle<io::Result<()>>>> {
    let channels: Vec<(UnboundedSender<Command>, UnboundedReceiver<Command>)> =
        (0..shared.threads()).map(|_| unbounded_channel()).collect();
    let (senders, receivers): (Vec<_>, Vec<_>) = channels.into_iter().unzip();
    shared.listeners.attach(senders);
    let start = |(index, commands)| {
        let shared = Arc::clone(shared);
        let thread = std::thread::Builder::new().name(format!("edge-{index}"));
        thread.spawn(move || worker::run(shared, index, commands))
    };
    receivers.into_iter().enumerate().map(start).collect()
}
