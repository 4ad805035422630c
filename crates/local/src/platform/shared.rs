//! What the platform's tasks share, and how a change travels: world → table → edges, and a call to the loop.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use staunch_model::{InstanceId, RouteTable, SplitGeneration};
use staunch_ports::{InstanceState, Waker};
use tokio::runtime::Handle;
use tokio::sync::{broadcast, watch};

use super::keeper_thread::Order;
use super::measure::Measures;
use super::split;
use super::world::{Tracked, World};
use crate::client::KeeperClient;
use crate::dependencies::Dependencies;
use crate::paths::Paths;
use crate::protocol::Identity;
use crate::time::now;

/// A version and the tables it stands for.
pub(super) type Table = Arc<(u64, Vec<RouteTable>)>;
pub(super) type Leases = BTreeMap<String, SplitGeneration>;

pub(super) struct Shared {
    pub(super) paths: Paths,
    pub(super) project: PathBuf,
    pub(super) binary: Mutex<PathBuf>,
    world: Mutex<World>,
    pub(super) measures: Arc<Measures>,
    pub(super) dependencies: Dependencies,
    waker: Mutex<Option<Waker>>,
    /// For questions that are waited for; the keeper thread has a connection of its own.
    pub(super) client: Mutex<KeeperClient>,
    pub(super) orders: Sender<Order>,
    pub(super) table: watch::Sender<Option<Table>>,
    pub(super) leases: broadcast::Sender<Leases>,
    /// A keeper that ends now shall not be replaced.
    pub(super) closing: AtomicBool,
    /// Where background work runs, once it does.
    pub(super) runtime: OnceLock<Handle>,
}

impl Shared {
    pub(super) fn new(
        paths: Paths,
        project: PathBuf,
        binary: PathBuf,
        world: World,
        orders: Sender<Order>,
    ) -> Arc<Self> {
        let client = Mutex::new(KeeperClient::new(paths.keeper_socket()));
        Arc::new(Self {
            paths,
            dependencies: Dependencies::new(&project),
            project,
            binary: Mutex::new(binary),
            world: Mutex::new(world),
            measures: Arc::default(),
            waker: Mutex::new(None),
            client,
            orders,
            table: watch::Sender::new(None),
            leases: broadcast::Sender::new(64),
            closing: AtomicBool::new(false),
            runtime: OnceLock::new(),
        })
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        unpoisoned(&self.world)
    }

    pub(super) fn services_file(&self) -> PathBuf {
        self.paths.run().join("services.json")
    }

    pub(super) fn set_waker(&self, waker: Waker) {
        *unpoisoned(&self.waker) = Some(waker);
    }

    pub(super) fn wake(&self) {
        let waker = unpoisoned(&self.waker).clone();
        if let Some(waker) = waker {
            waker();
        }
    }

    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = self.runtime.get() {
            runtime.spawn(work);
        }
    }

    pub(super) fn order(&self, order: Order) {
        // The thread ends only with the platform.
        let _ended = self.orders.send(order);
    }

    /// Changes an instance as long as it is still this process.
    pub(super) fn with_process<T>(
        &self,
        id: &InstanceId,
        process: Identity,
        change: impl FnOnce(&mut Tracked) -> T,
    ) -> Option<T> {
        let mut world = self.world();
        let tracked = world.instances.get_mut(id)?;
        let present = tracked.process == Some(process) && tracked.state == InstanceState::Running;
        present.then(|| change(tracked))
    }

    /// Sends the edges a table if it differs from the last.
    pub(super) fn publish(&self) {
        let mut world = self.world();
        if world.settles() {
            return;
        }
        let tables = split::tables(&world);
        let same = self.table.borrow().as_ref().map_or(tables.is_empty(), |last| last.1 == tables);
        if !same {
            self.send(&mut world, tables);
        }
    }

    /// An edge that has seen a later version would refuse ours: go beyond it.
    pub(super) fn overtake(&self, version: u64) {
        let mut world = self.world();
        if version < world.version {
            return;
        }
        world.version = version;
        world.services.values_mut().for_each(|service| service.version = 0);
        if self.table.borrow().is_some() {
            let tables = split::tables(&world);
            self.send(&mut world, tables);
        }
    }

    fn send(&self, world: &mut World, tables: Vec<RouteTable>) {
        world.version += 1;
        let version = world.version;
        let unsent =
            world.services.values_mut().filter(|service| service.version == 0 && service.wish.is_some());
        unsent.for_each(|service| service.version = version);
        self.table.send_replace(Some(Arc::new((version, tables))));
    }
}

impl World {
    /// Still finding out who is ready after an attach.
    fn settles(&mut self) -> bool {
        let unjudged = |tracked: &Tracked| tracked.takes_traffic() && !tracked.judged;
        let settles = self.settle_until.is_some_and(|until| Instant::now() < until)
            && (self.edges.is_empty() || self.instances.values().any(unjudged));
        if !settles {
            self.settle_until = None;
        }
        settles
    }

    /// A version above every earlier one of this machine, as long as its clock is not set back; an edge's greeting
    /// puts that right too.
    pub(super) fn begin_versions(&mut self) {
        self.version = u64::try_from(now().0).unwrap_or(0);
    }
}

/// No code panics with a lock held half-way through a change that matters.
pub(super) fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
