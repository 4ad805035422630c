//! One instance as a thread uses it: its connections, what is in flight, and whether it refuses connections.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use staunch_model::{InstanceId, Timestamp, WarmUp};

use crate::pool::Pool;
use crate::shared::Shared;
use crate::traffic::Traffic;
use crate::warm_up::WarmingUp;

/// An instance that refuses connections is left alone this long, doubling up to `MAX_EJECTION`; then the next request
/// tries it.
const FIRST_EJECTION_MICROS: u64 = 200_000;
const MAX_EJECTION_MICROS: u64 = 2_000_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct InstanceKey {
    pub(crate) id: InstanceId,
    pub(crate) addr: SocketAddr,
    pub(crate) h2c: bool,
}

pub(crate) struct Instance {
    pub(crate) key: InstanceKey,
    pub(crate) pool: Pool,
    traffic: Arc<Traffic>,
    /// `None` when the table does not say since when it serves.
    warm_up: RefCell<Option<WarmingUp>>,
    ejected_until: Cell<u64>,
    refusals: Cell<u32>,
}

impl Instance {
    pub(crate) fn new(shared: &Shared, key: InstanceKey, connect_timeout: Duration) -> Self {
        Self {
            pool: Pool::new(key.addr, key.h2c, connect_timeout),
            traffic: shared.instances.open(&key.id),
            warm_up: RefCell::default(),
            ejected_until: Cell::new(0),
            refusals: Cell::new(0),
            key,
        }
    }
    /// What the table in force says of its warm-up.
    pub(crate) fn serves_since(&self, shared: &Shared, since: Option<Timestamp>, warm_up: WarmUp) {
        let warmth = since.map(|since| shared.instances.warmth(&self.key.id, since, shared.clock));
        self.warm_up.replace(warmth.map(|warmth| WarmingUp::new(warmth, warm_up)));
    }
    #[inline]
    pub(crate) fn is_warming(&self, now_micros: u64) -> bool {
        self.warm_up.borrow().as_ref().is_some_and(|warm_up| warm_up.is_on(now_micros))
    }
    /// It is chosen for a first attempt. Whether it warms up.
    #[inline]
    pub(crate) fn takes_warming(&self, now_micros: u64) -> bool {
        self.warm_up.borrow().as_ref().is_some_and(|warm_up| warm_up.takes(now_micros))
    }
    #[inline]
    pub(crate) fn is_ejected(&self, now_micros: u64) -> bool {
        now_micros < self.ejected_until.get()
    }
    pub(crate) fn in_flight(&self) -> u64 {
        self.traffic.in_flight()
    }
    pub(crate) fn failed(&self) {
        self.traffic.failed();
    }
    /// It refused a connection. Attempts that were already under way when it was ejected do not prolong the ejection.
    pub(crate) fn refused(&self, now_micros: u64) {
        if self.is_ejected(now_micros) {
            return;
        }
        let span = (FIRST_EJECTION_MICROS << self.refusals.get().min(8)).min(MAX_EJECTION_MICROS);
        self.refusals.set(self.refusals.get() + 1);
        self.ejected_until.set(now_micros + span);
        self.traffic.set_ejected(true);
    }
    #[inline]
    pub(crate) fn answered(&self) {
        if self.refusals.get() > 0 {
            self.refusals.set(0);
            self.ejected_until.set(0);
            self.traffic.set_ejected(false);
        }
    }
    /// It left the table: its idle connections are closed so that it can end in peace. Returns false, "forget it".
    pub(crate) fn retire(&self) -> bool {
        self.pool.close();
        false
    }
    pub(crate) fn tick(&self, now_micros: u64) {
        self.pool.expire(now_micros);
    }
}

/// One attempt in flight on an instance, tunnels included.
pub(crate) struct Flight(Rc<Instance>);

impl Flight {
    pub(crate) fn begin(instance: &Rc<Instance>) -> Self {
        instance.traffic.begin();
        Self(Rc::clone(instance))
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.traffic.end();
    }
}
