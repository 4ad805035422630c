//! The thread that speaks with the keeper: carries orders out, reads the list, and replaces a keeper that is gone.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use staunch_model::{InstanceId, Timestamp};
use staunch_ports::InstanceState;
use tokio::runtime::Handle;

use super::prober::Prober;
use super::shared::{Shared, unpoisoned};
use super::world::{Edge, Pending, Tracked, World};
use super::{links, ports, usage};
use crate::client::{KeeperClient, KeeperError};
use crate::protocol::{EdgeStatus, Identity, InstanceSpec, Listing, Request};
use crate::time::now;

const TURN: Duration = Duration::from_millis(100);
const USAGE_EVERY: Duration = Duration::from_secs(3);
/// How long a keeper may take from its start to its first answer, the taking over of sockets included, on a machine
/// that does everything else at once, as after a boot.
const KEEPER_START: Duration = Duration::from_secs(60);
/// One that ends as soon as it is started has found another keeper at its place, which answers by then, or cannot run.
const ANOTHER_KEEPER: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) enum Order {
    /// The port is chosen when the order is carried out.
    Start {
        spec: Box<InstanceSpec>,
    },
    Stop {
        id: InstanceId,
        grace_ms: u64,
    },
    /// Only if it is still this process.
    Restart {
        id: InstanceId,
        process: Identity,
        why: String,
    },
    Forget {
        id: InstanceId,
    },
    Quit,
}

pub(super) struct KeeperThread {
    pub(super) shared: Arc<Shared>,
    pub(super) runtime: Handle,
    pub(super) orders: Receiver<Order>,
    pub(super) client: KeeperClient,
    /// Orders that no keeper was there to take.
    pub(super) waiting: VecDeque<Order>,
    pub(super) measured: Instant,
    /// The last list: asked for anew only when it has changed.
    pub(super) listing: Option<Listing>,
}

impl KeeperThread {
    /// Until the platform is dropped.
    pub(super) fn run(mut self) {
        while self.collect_orders() {
            if let Err(KeeperError::Unreachable(_)) = self.turn() {
                self.revive();
            }
            if self.measured.elapsed() >= USAGE_EVERY {
                self.measure();
            }
        }
    }

    /// Waits for orders, a turn at most. False when the platform is gone.
    fn collect_orders(&mut self) -> bool {
        let mut next = match self.orders.recv_timeout(TURN) {
            Ok(order) => Some(order),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return false,
        };
        while let Some(order) = next {
            if matches!(order, Order::Quit) {
                return false;
            }
            self.waiting.push_back(order);
            next = self.orders.try_recv().ok();
        }
        true
    }

    pub(super) fn turn(&mut self) -> Result<(), KeeperError> {
        let ordered = !self.waiting.is_empty();
        while let Some(order) = self.waiting.pop_front() {
            if let Err(error) = self.carry_out(&order) {
                self.waiting.push_front(order);
                return Err(error);
            }
        }
        let seen = self.listing.as_ref().map_or(0, |listing| listing.number);
        let (listing, newer) = match (self.client.list_since(seen)?, self.listing.take()) {
            (Some(newer), _) => (newer, true),
            (None, Some(same)) => (same, false),
            (None, None) => return Ok(()),
        };
        self.promote_joining_edge(&listing);
        // The same list means something else only after an order, and while the end of the settling is awaited.
        if newer || ordered || self.shared.world().settle_until.is_some() {
            self.absorb(&listing);
        }
        self.listing = Some(listing);
        Ok(())
    }

    /// What the keeper refuses is noted with the instance. An error means that there is no keeper.
    fn carry_out(&mut self, order: &Order) -> Result<(), KeeperError> {
        let (id, request) = match order {
            Order::Start { spec } => (&spec.id, self.spawn_request(spec)),
            Order::Stop { id, grace_ms } => (id, Some(Request::Stop { id: id.clone(), grace_ms: *grace_ms })),
            Order::Restart { id, process, why } => (id, self.restart_request(id, *process, why)),
            Order::Forget { id } => (id, Some(Request::Forget { id: id.clone() })),
            Order::Quit => return Ok(()),
        };
        let answer = request.map_or(Ok(()), |request| self.client.ask(&request).map(drop));
        if matches!(answer, Err(KeeperError::Unreachable(_))) {
            return answer;
        }
        self.settle_order(id, order, answer.err());
        Ok(())
    }

    fn settle_order(&self, id: &InstanceId, order: &Order, refused: Option<KeeperError>) {
        let mut world = self.shared.world();
        let Some(tracked) = world.instances.get_mut(id) else { return };
        match (order, refused) {
            (Order::Start { .. }, Some(error)) => {
                tracked.state = InstanceState::CannotExec { error: error.to_string() };
                tracked.pending = None;
            }
            // Never known to the keeper: it is stopped.
            (Order::Stop { .. }, Some(_unknown)) => {
                tracked.state = InstanceState::Exited;
                tracked.pending = None;
            }
            (Order::Start { .. } | Order::Stop { .. }, None)
            | (Order::Restart { .. } | Order::Forget { .. } | Order::Quit, _) => {}
        }
    }

    /// A known instance keeps its port, and asking for one that runs changes nothing.
    fn spawn_request(&self, spec: &InstanceSpec) -> Option<Request> {
        let mut spec = spec.clone();
        let mut world = self.shared.world();
        let known = world.instances.get(&spec.id).and_then(|tracked| tracked.spec.as_ref());
        let taken: BTreeSet<u16> = world
            .instances
            .values()
            .filter_map(|tracked| tracked.spec.as_ref())
            .map(|spec| spec.port)
            .collect();
        let seed = (self.shared.paths.data(), &spec.id);
        let port = known.map(|known| known.port).or_else(|| ports::choose(&seed, &taken));
        let tracked = world.instances.get_mut(&spec.id)?;
        let Some(port) = port else {
            let error = "no port between 20000 and 31999 is free".to_owned();
            (tracked.state, tracked.pending) = (InstanceState::CannotExec { error }, None);
            return None;
        };
        spec.port = port;
        tracked.spec = Some(spec.clone());
        Some(Request::Spawn { spec: Box::new(spec) })
    }

    fn restart_request(&self, id: &InstanceId, process: Identity, why: &str) -> Option<Request> {
        let same =
            self.shared.world().instances.get(id).is_some_and(|tracked| tracked.process == Some(process));
        same.then(|| Request::Restart { id: id.clone(), why: why.to_owned() })
    }

    fn absorb(&self, listing: &Listing) {
        let mut world = self.shared.world();
        let instances_changed = self.absorb_instances(&mut world, listing);
        let edges_changed = self.absorb_edges(&mut world, &listing.edges);
        drop(world);
        self.shared.publish();
        if instances_changed || edges_changed {
            self.shared.wake();
        }
    }

    fn absorb_instances(&self, world: &mut World, listing: &Listing) -> bool {
        let at = now();
        let mut changed = false;
        for status in &listing.instances {
            let spec = &status.spec;
            let tracked = world
                .instances
                .entry(spec.id.clone())
                .or_insert_with(|| Tracked::found(spec.service.clone(), spec.revision.clone(), at));
            let before = tracked.process;
            changed |= tracked.update(status, at);
            tracked.settle_pending();
            if let Some(process) = status.process
                && before != Some(process)
            {
                self.start_probing(spec, process, tracked.started);
            }
            if let Some(exit) = status.exits.last() {
                world.note_killed(&spec.id, exit);
            }
        }
        self.forget_what_is_over(world);
        let before = world.instances.len();
        let listed: BTreeSet<&InstanceId> = listing.instances.iter().map(|status| &status.spec.id).collect();
        world.instances.retain(|id, tracked| listed.contains(id) || tracked.outlives_the_list());
        changed || before != world.instances.len()
    }

    /// Its place is free for another start under the same id.
    fn forget_what_is_over(&self, world: &World) {
        for (id, _) in world.instances.iter().filter(|(_, tracked)| tracked.is_over()) {
            self.shared.order(Order::Forget { id: id.clone() });
        }
    }

    fn start_probing(&self, spec: &InstanceSpec, process: Identity, started: Timestamp) {
        let prober = Prober { shared: self.shared.clone(), instance: spec.clone(), process, started };
        self.runtime.spawn(prober.run());
    }

    fn absorb_edges(&self, world: &mut World, listed: &[EdgeStatus]) -> bool {
        let before = world.edges.len();
        world.edges.retain(|_, edge| listed.iter().any(|status| status.process == edge.status.process));
        let mut changed = before != world.edges.len();
        for status in listed {
            if let Some(edge) = world.edges.get_mut(&status.process.pid) {
                edge.status = status.clone();
                continue;
            }
            changed = true;
            world.edges.insert(status.process.pid, Edge::new(status.clone()));
            self.runtime.spawn(links::link(self.shared.clone(), status.clone()));
        }
        changed
    }

    /// A new edge gets the sockets once it has the present table, and not before.
    fn promote_joining_edge(&mut self, listing: &Listing) {
        let knows_the_table = |edge: &&EdgeStatus| {
            let version = self.shared.table.borrow().as_ref().map_or(0, |table| table.0);
            let world = self.shared.world();
            let known = world.edges.get(&edge.process.pid);
            known.is_some_and(|known| known.connected && known.table_seen >= version)
        };
        let joining =
            listing.edges.iter().filter(|edge| !edge.listening && !edge.draining).find(knows_the_table);
        if let Some(edge) = joining {
            // Refused or not: the next list tells how it stands.
            let _next_turn = self.client.ask(&Request::Promote { edge: edge.process });
        }
    }

    fn measure(&mut self) {
        let leaders: BTreeSet<u32> = {
            let world = self.shared.world();
            world
                .instances
                .values()
                .filter_map(|tracked| tracked.process)
                .map(|process| process.pid)
                .collect()
        };
        let groups = usage::groups(&leaders);
        usage::measure(&mut self.shared.world(), &groups, self.measured.elapsed());
        self.measured = Instant::now();
    }

    fn revive(&mut self) {
        if !self.shared.closing.load(Ordering::Acquire) {
            // Tried again in the next turn.
            let _next_turn = start_keeper(&self.shared, &mut self.client);
        }
    }
}

/// Starts a keeper that outlives this process, and waits for its first answer.
///
/// # Errors
/// The binary cannot be started, or no keeper answered in time.
pub(super) fn start_keeper(shared: &Shared, client: &mut KeeperClient) -> io::Result<()> {
    let binary = unpoisoned(&shared.binary).clone();
    let mut command = Command::new(if binary.exists() { binary } else { "/proc/self/exe".into() });
    command.arg("keeper").arg("--data").arg(shared.paths.data());
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let ended = reap_when_it_ends(child)?;
    let mut deadline = Instant::now() + KEEPER_START;
    loop {
        if ended.swap(false, Ordering::AcqRel) {
            deadline = deadline.min(Instant::now() + ANOTHER_KEEPER);
        }
        match client.hello() {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(io::Error::other(error)),
            Err(_not_yet) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// What it gives becomes true at the end.
fn reap_when_it_ends(mut child: std::process::Child) -> io::Result<Arc<AtomicBool>> {
    let ended = Arc::new(AtomicBool::new(false));
    let told = ended.clone();
    let thread = std::thread::Builder::new().name("keeper-reaper".to_owned()).stack_size(64 << 10);
    thread.spawn(move || {
        // However it ended, it has.
        drop(child.wait());
        told.store(true, Ordering::Release);
    })?;
    Ok(ended)
}

impl Tracked {
    /// The list shows the order followed.
    fn settle_pending(&mut self) {
        let followed = match self.pending {
            Some(Pending::Start) => self.state != InstanceState::Exited,
            Some(Pending::Stop) => matches!(self.state, InstanceState::Stopping | InstanceState::Exited),
            None => false,
        };
        if followed {
            self.pending = None;
        }
    }

    /// Ordered but not yet listed, or refused: there is something to be said about it still.
    fn outlives_the_list(&self) -> bool {
        let refused = matches!(self.state, InstanceState::CannotExec { .. });
        self.pending == Some(Pending::Start) || (refused && self.process.is_none())
    }
}

impl Edge {
    fn new(status: EdgeStatus) -> Self {
        Self {
            status,
            connected: false,
            table_seen: 0,
            lapsed: std::collections::BTreeMap::new(),
            in_flight: std::collections::BTreeMap::new(),
        }
    }
}
