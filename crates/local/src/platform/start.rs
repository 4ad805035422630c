//! The platform's own life: start, attach, upgrade, shut down.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use staunch_model::ServiceName;
use tokio::sync::oneshot;

use super::keeper_thread::{KeeperThread, Order, start_keeper};
use super::shared::{Shared, unpoisoned};
use super::world::World;
use crate::client::{KeeperClient, KeeperError};
use crate::paths::Paths;
use crate::protocol::{Listing, PROTOCOL, Request};

/// How long readiness may take to be known again after an attach before the edges are told something.
const SETTLE: Duration = Duration::from_secs(2);
const UPGRADE_PATIENCE: Duration = Duration::from_secs(15);

#[derive(Debug, Clone)]
pub struct LocalOptions {
    /// The data directory: one keeper, one edge, one control.
    pub data: PathBuf,
    /// Where the file lies: `files` and relative words of commands are looked up here.
    pub project: PathBuf,
    /// The program whose subcommands `keeper` and `edge` are the other roles.
    pub binary: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the data directory {path} cannot be used: {source}", path = data.display())]
    Data { data: PathBuf, source: io::Error },
    #[error("no keeper could be started from {binary}: {source}", binary = binary.display())]
    Keeper { binary: PathBuf, source: io::Error },
    /// A keeper of another age holds the processes.
    #[error("the running keeper (version {version}) speaks protocol {theirs}, this program {PROTOCOL}")]
    Protocol { version: String, theirs: u32 },
    #[error("a background thread could not be started: {0}")]
    Thread(#[source] io::Error),
}

#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    #[error(transparent)]
    Keeper(#[from] KeeperError),
    /// Everything goes on as before with what is named.
    #[error("{0} was not replaced in time")]
    TooSlow(&'static str),
}

/// What the keeper says, and what the edges said last.
#[derive(Debug, Clone)]
pub struct KeeperStatus {
    pub listing: Listing,
    /// The last table that an edge refused, in words.
    pub complaint: Option<String>,
}

/// One machine as a platform. Dropping it leaves keeper, edge and instances running; see [`LocalPlatform::shutdown`].
pub struct LocalPlatform {
    pub(super) shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// Dropped, it ends the runtime.
    quit: Option<oneshot::Sender<()>>,
}

impl LocalPlatform {
    /// Attaches to the data directory's keeper, or starts one. Blocks for some milliseconds.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(options: LocalOptions) -> Result<Arc<Self>, StartError> {
        let LocalOptions { data, project, binary } = options;
        let paths = Paths::create(&data).map_err(|source| StartError::Data { data: data.clone(), source })?;
        let mut world = World::remembered(&paths.run().join("services.json"));
        world.begin_versions();
        world.settle_until = Some(Instant::now() + SETTLE);
        let (orders, receiver) = mpsc::channel();
        let shared = Shared::new(paths, project, binary.clone(), world, orders);
        let client = attach(&shared).map_err(|source| StartError::Keeper { binary, source })?;
        refuse_foreign_protocol(&shared)?;
        Self::begin(shared, receiver, client).map_err(StartError::Thread)
    }

    fn begin(
        shared: Arc<Shared>,
        orders: mpsc::Receiver<Order>,
        client: KeeperClient,
    ) -> io::Result<Arc<Self>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let _once = shared.runtime.set(handle.clone());
        let (quit, ended) = oneshot::channel::<()>();
        let tasks = named("platform-tasks", move || {
            let _dropped = runtime.block_on(ended);
        })?;
        let waiting = VecDeque::new();
        let mut keeper = KeeperThread {
            shared: shared.clone(),
            runtime: handle,
            orders,
            client,
            waiting,
            measured: Instant::now(),
            listing: None,
        };
        // The first look happens here, so that what runs already is known to whoever starts this.
        let _revived_by_the_thread = keeper.turn();
        let keeper = named("platform-keeper", move || keeper.run())?;
        Ok(Arc::new(Self { shared, threads: vec![tasks, keeper], quit: Some(quit) }))
    }

    /// What the keeper says now.
    ///
    /// # Errors
    /// No keeper answers.
    pub fn keeper_status(&self) -> Result<KeeperStatus, KeeperError> {
        let listing = unpoisoned(&self.shared.client).list()?;
        Ok(KeeperStatus { listing, complaint: self.shared.world().complaint.clone() })
    }

    /// The services of this data directory, declared in this run or an earlier one.
    pub fn services(&self) -> Vec<ServiceName> {
        self.shared.world().services.keys().cloned().collect()
    }

    /// Replaces the running keeper and edge by another binary, without a refused connection. Blocks for seconds.
    /// The control process, which called this, replaces itself.
    ///
    /// # Errors
    /// The binary does not run or the new parts did not come up; what ran before runs on.
    pub fn upgrade(&self, binary: &Path) -> Result<(), UpgradeError> {
        self.upgrade_keeper(binary)?;
        *unpoisoned(&self.shared.binary) = binary.to_owned();
        self.upgrade_edge(binary)
    }

    fn upgrade_keeper(&self, binary: &Path) -> Result<(), UpgradeError> {
        let mut client = unpoisoned(&self.shared.client);
        let before = client.hello()?;
        match client.ask(&Request::Upgrade { binary: binary.to_owned() }) {
            // The connection ends with the execution.
            Err(KeeperError::Unreachable(_)) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => {}
        }
        wait(|| {
            client.hello().is_ok_and(|now| now.upgrades > before.upgrades || now.identity != before.identity)
        })
        .then_some(())
        .ok_or(UpgradeError::TooSlow("the keeper"))
    }

    fn upgrade_edge(&self, binary: &Path) -> Result<(), UpgradeError> {
        let mut client = unpoisoned(&self.shared.client);
        if client.list()?.edges.is_empty() {
            return Ok(());
        }
        let crate::protocol::Response::Edge(new) =
            client.ask(&Request::ReplaceEdge { binary: binary.to_owned() })?
        else {
            return Err(UpgradeError::TooSlow("the edge"));
        };
        drop(client);
        let replaced = || {
            let listing = unpoisoned(&self.shared.client).list();
            let listens = |edge: &crate::protocol::EdgeStatus| edge.process == new.process && edge.listening;
            listing.is_ok_and(|listing| listing.edges.iter().any(listens))
        };
        wait(replaced).then_some(()).ok_or(UpgradeError::TooSlow("the edge"))
    }

    /// Stops instances, edges and keeper, and waits for it.
    ///
    /// # Errors
    /// There was no keeper to be told.
    pub fn shutdown(&self) -> Result<(), KeeperError> {
        self.shared.closing.store(true, Ordering::Release);
        let mut client = unpoisoned(&self.shared.client);
        let longest =
            client.list()?.instances.iter().map(|instance| instance.spec.grace_ms).max().unwrap_or(0);
        client.ask(&Request::Shutdown)?;
        let deadline = Instant::now() + Duration::from_millis(longest) + Duration::from_secs(10);
        while Instant::now() < deadline && client.hello().is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

fn attach(shared: &Shared) -> io::Result<KeeperClient> {
    let mut client = KeeperClient::new(shared.paths.keeper_socket());
    if client.hello().is_err() {
        start_keeper(shared, &mut client)?;
    }
    Ok(client)
}

fn refuse_foreign_protocol(shared: &Shared) -> Result<(), StartError> {
    match unpoisoned(&shared.client).hello() {
        Ok(info) if info.protocol != PROTOCOL => {
            Err(StartError::Protocol { version: info.version, theirs: info.protocol })
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

fn wait(mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + UPGRADE_PATIENCE;
    while Instant::now() < deadline {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

fn named(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work)
}

impl Drop for LocalPlatform {
    fn drop(&mut self) {
        self.shared.order(Order::Quit);
        drop(self.quit.take());
        for thread in self.threads.drain(..) {
            let _panicked = thread.join();
        }
    }
}
