//! What one serving thread owns. Nothing here is shared, so nothing here is locked.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::{ArcSwap, Cache};

use crate::alarm::Alarms;
use crate::charge::Charge;
use crate::drain::DrainState;
use crate::instance::{Instance, InstanceKey};
use crate::local::LocalTable;
use crate::shared::Shared;
use crate::split::mix;
use crate::table::Table;

/// An idle thread looks at the table, its pools and its open streams this often.
pub(crate) const TICK: Duration = Duration::from_millis(20);

/// A charge whose body is still streaming.
pub(crate) type StreamingCharge = Rc<RefCell<Option<Box<Charge>>>>;

/// When a streaming charge counts as good, unless it has ended by then.
type Due = (u64, Weak<RefCell<Option<Box<Charge>>>>);

pub(crate) struct Thread {
    pub(crate) shared: Arc<Shared>,
    pub(crate) index: usize,
    pub(crate) drain: DrainState,
    pub(crate) alarms: Alarms,
    /// Milliseconds, as of the last tick or request: for bounds that need no precision.
    pub(crate) coarse_ms: Arc<AtomicU64>,
    cache: RefCell<Cache<Arc<ArcSwap<Table>>, Arc<Table>>>,
    local: RefCell<Rc<LocalTable>>,
    instances: RefCell<HashMap<InstanceKey, Rc<Instance>>>,
    streaming: RefCell<VecDeque<Due>>,
    random: Cell<u64>,
}

impl Thread {
    pub(crate) fn new(shared: Arc<Shared>, index: usize) -> Rc<Self> {
        let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), index);
        Rc::new(Self {
            index,
            drain: DrainState::default(),
            alarms: Alarms::default(),
            coarse_ms: Arc::new(AtomicU64::new(shared.clock.micros() / 1_000)),
            cache: RefCell::new(Cache::new(Arc::clone(&shared.table))),
            local: RefCell::new(Rc::new(LocalTable::empty())),
            instances: RefCell::default(),
            streaming: RefCell::default(),
            random: Cell::new(seed),
            shared,
        })
    }

    /// The table in force. The thread publishes a new version before it returns it: from then on it chooses by
    /// nothing older, since every choice and its in-flight count are made in one step after this call.
    pub(crate) fn table(&self) -> Rc<LocalTable> {
        let mut cache = self.cache.borrow_mut();
        let table = cache.load();
        if !self.local.borrow().is_of(table) {
            self.adopt(table);
        }
        Rc::clone(&self.local.borrow())
    }

    fn adopt(&self, table: &Arc<Table>) {
        let before = Rc::clone(&self.local.borrow());
        let mut instances = self.instances.borrow_mut();
        let local = LocalTable::build(&self.shared, table, &before, &mut instances);
        instances.retain(|_, instance| local.holds(instance) || instance.retire());
        self.local.replace(Rc::new(local));
        self.shared.publish_seen(self.index, table.version);
    }

    /// SplitMix64: places of users must differ, not be secret.
    pub(crate) fn random(&self) -> u64 {
        let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random.set(state);
        mix(state)
    }

    pub(crate) fn note_time(&self, now_micros: u64) {
        self.coarse_ms.store(now_micros / 1_000, Relaxed);
    }

    /// A response that streams for ever counts as well after `due_micros`.
    pub(crate) fn count_when_due(&self, due_micros: u64, charge: &StreamingCharge) {
        self.streaming.borrow_mut().push_back((due_micros, Rc::downgrade(charge)));
    }

    pub(crate) fn tick(&self) {
        let now = self.shared.clock.micros();
        self.note_time(now);
        self.alarms.ring(now);
        self.table();
        self.count_streams(now);
        for instance in self.instances.borrow().values() {
            instance.tick(now);
        }
    }

    fn count_streams(&self, now_micros: u64) {
        let mut streaming = self.streaming.borrow_mut();
        while streaming.front().is_some_and(|(due, _)| *due <= now_micros) {
            let charge = streaming.pop_front().and_then(|(_, charge)| charge.upgrade());
            if let Some(mut charge) = charge.and_then(|charge| charge.borrow_mut().take()) {
                charge.ended_well();
            }
        }
    }
}

impl Thread {
    #[inline]
    pub(crate) fn coarse_micros(&self) -> u64 {
        self.coarse_ms.load(Relaxed) * 1_000
    }
}
