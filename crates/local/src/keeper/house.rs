//! All that the keeper keeps, on one thread.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::rc::Rc;

use staunch_model::{InstanceId, Timestamp};
use tokio::net::UnixListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;

use super::instances::Order;
use super::oom::OutOfMemory;
use super::state::{Saved, store};
use crate::logs::{LogSink, RotatingFile};
use crate::paths::Paths;
use crate::proc;
use crate::protocol::{
    EdgeStatus, Identity, InstanceSpec, KeeperInfo, Listing, PROTOCOL, ProcessState, ProcessStatus,
};
use crate::time::now;

pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) struct House {
    pub(super) paths: Paths,
    pub(super) binary: RefCell<PathBuf>,
    pub(super) me: Identity,
    pub(super) lock: File,
    pub(super) socket: UnixListener,
    pub(super) upgrades: Cell<u64>,
    pub(super) instances: RefCell<BTreeMap<InstanceId, Instance>>,
    pub(super) edges: RefCell<Vec<EdgeStatus>>,
    pub(super) edge_wanted: Cell<bool>,
    pub(super) edge_number: Cell<u64>,
    /// Edges that died young in a row.
    pub(super) edge_streak: Cell<u32>,
    pub(super) listeners: RefCell<BTreeMap<SocketAddr, TcpListener>>,
    pub(super) closing: Cell<bool>,
    pub(super) out_of_memory: OutOfMemory,
    pub(super) closed: Notify,
    /// Counts changes. Begins at the clock: no two keepers count alike.
    number: Cell<u64>,
    log: RefCell<RotatingFile>,
}

/// An instance and the tasks around it.
pub(super) struct Instance {
    pub(super) status: ProcessStatus,
    /// Asked for while the former process was still stopping.
    pub(super) next: Option<InstanceSpec>,
    pub(super) sink: Rc<RefCell<LogSink>>,
    pub(super) pumps: Vec<AbortHandle>,
    /// To the task that supervises it; closed when there is none.
    pub(super) orders: mpsc::UnboundedSender<Order>,
}

impl House {
    pub(super) fn new(
        paths: Paths,
        binary: PathBuf,
        lock: File,
        socket: UnixListener,
        saved: Option<&Saved>,
    ) -> Rc<Self> {
        let me = Identity::of_this_process();
        let upgrades = saved.filter(|saved| saved.keeper == me).map_or(0, |saved| saved.upgrades);
        Rc::new(Self {
            log: RefCell::new(RotatingFile::new(paths.keeper_log())),
            paths,
            binary: RefCell::new(binary),
            me,
            lock,
            socket,
            upgrades: Cell::new(upgrades),
            instances: RefCell::default(),
            edges: RefCell::default(),
            edge_wanted: Cell::new(saved.is_some_and(|saved| saved.edge_wanted)),
            edge_number: Cell::new(saved.map_or(0, |saved| saved.edge_number)),
            edge_streak: Cell::new(0),
            listeners: RefCell::default(),
            closing: Cell::new(false),
            out_of_memory: OutOfMemory::new(),
            closed: Notify::new(),
            number: Cell::new(u64::try_from(now().0).unwrap_or(0)),
        })
    }

    /// A line in the keeper's own log.
    pub(super) fn note(&self, text: &str) {
        let line = format!("{} keeper| {text}\n", now().rfc3339());
        // A full disk silences the log and nothing else.
        let _full = self.log.borrow_mut().write(line.as_bytes());
    }

    pub(super) fn info(&self) -> KeeperInfo {
        KeeperInfo {
            identity: self.me,
            version: VERSION.to_owned(),
            protocol: PROTOCOL,
            upgrades: self.upgrades.get(),
        }
    }

    pub(super) fn listing(&self) -> Listing {
        self.out_of_memory.look();
        Listing {
            number: self.number.get(),
            keeper: self.info(),
            instances: self.instances.borrow().values().map(Instance::status_now).collect(),
            edges: self.edges.borrow().clone(),
            listeners: self.listeners.borrow().keys().copied().collect(),
        }
    }

    /// The number of the present list.
    pub(super) fn number(&self) -> u64 {
        self.number.get()
    }

    pub(super) fn saved(&self) -> Saved {
        let listing = self.listing();
        Saved {
            boot_id: proc::boot_id(),
            keeper: self.me,
            binary: self.binary.borrow().clone(),
            upgrades: self.upgrades.get(),
            edge_number: self.edge_number.get(),
            edge_wanted: self.edge_wanted.get(),
            instances: listing.instances,
            edges: listing.edges,
            listeners: listing.listeners,
            handed_on: None,
        }
    }

    /// A full disk costs the next keeper the newest changes, never this one its work.
    pub(super) fn save(&self) {
        self.number.set(self.number.get() + 1);
        if let Err(error) = store(&self.paths.keeper_state(), &self.saved()) {
            self.note(&format!("the state could not be saved: {error}"));
        }
    }

    /// Changes an instance's status and saves. Does nothing for one that was forgotten.
    pub(super) fn change(&self, id: &InstanceId, change: impl FnOnce(&mut ProcessStatus)) {
        if let Some(instance) = self.instances.borrow_mut().get_mut(id) {
            change(&mut instance.status);
        }
        self.save();
    }

    pub(super) fn spec(&self, id: &InstanceId) -> Option<InstanceSpec> {
        self.instances.borrow().get(id).map(|instance| instance.status.spec.clone())
    }
}

impl Instance {
    fn status_now(&self) -> ProcessStatus {
        let log_dropped = self.sink.borrow().dropped();
        ProcessStatus { log_dropped, ..self.status.clone() }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.pumps.iter().for_each(AbortHandle::abort);
    }
}

/// The status of an instance that was never started.
pub(super) fn fresh(spec: InstanceSpec) -> ProcessStatus {
    ProcessStatus {
        spec,
        state: ProcessState::BackingOff { until: Timestamp(0) },
        process: None,
        started: None,
        exit_count: 0,
        exits: Vec::new(),
        log_dropped: 0,
    }
}
