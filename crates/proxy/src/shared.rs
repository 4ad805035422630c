//! What all threads of one edge share.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use tokio::sync::mpsc::UnboundedSender;

use crate::clock::Clock;
use crate::count::Counts;
use crate::failures::Failures;
use crate::listeners::Listeners;
use crate::mirror::{Job, Tally};
use crate::table::Table;
use crate::traffic::Instances;

/// What the mirror's thread is given, and what it found.
#[derive(Debug, Default)]
pub(crate) struct Mirrors {
    /// Set once, before anything is served.
    pub(crate) jobs: OnceLock<UnboundedSender<Job>>,
    pub(crate) tally: Tally,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) table: Arc<ArcSwap<Table>>,
    pub(crate) counts: Counts,
    pub(crate) failures: Failures,
    pub(crate) instances: Instances,
    pub(crate) listeners: Listeners,
    pub(crate) mirror: Mirrors,
    pub(crate) draining: AtomicBool,
    /// Open client connections and tunnels: a draining edge ends when none is left.
    pub(crate) open: AtomicUsize,
    /// Accepting loops that still run.
    pub(crate) accepting: AtomicUsize,
    seen: Vec<AtomicU64>,
}

impl Shared {
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            clock: Clock::start(),
            table: Arc::new(ArcSwap::from_pointee(Table::default())),
            counts: Counts::default(),
            failures: Failures::default(),
            instances: Instances::default(),
            listeners: Listeners::default(),
            mirror: Mirrors::default(),
            draining: AtomicBool::new(false),
            open: AtomicUsize::new(0),
            accepting: AtomicUsize::new(0),
            seen: (0..threads).map(|_| AtomicU64::new(0)).collect(),
        }
    }
    pub(crate) fn threads(&self) -> usize {
        self.seen.len()
    }
    /// The thread will never again choose by an older table. Release: its in-flight counts come first.
    pub(crate) fn publish_seen(&self, thread: usize, version: u64) {
        self.seen[thread].store(version, Ordering::Release);
    }
    pub(crate) fn table_seen(&self) -> u64 {
        self.seen.iter().map(|seen| seen.load(Ordering::Acquire)).min().unwrap_or(0)
    }
}

/// One open connection or tunnel, from its acceptance to its end.
#[derive(Debug)]
pub(crate) struct Open(Arc<Shared>);

impl Open {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        shared.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
