//! A thread's own view of the table: pools, counters and everything that is worked out once instead of per request.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use http::Method;
use http::request::Parts;
use staunch_model::{Backend, Upstream, Weight};
use tokio::sync::mpsc::UnboundedSender;

use crate::count::Block;
use crate::instance::{Instance, InstanceKey};
use crate::limits::RetryBudget;
use crate::mirror::{Job, Mirror};
use crate::route::Route;
use crate::shared::Shared;
use crate::side::{Kind, Side, Which};
use crate::split::{hash_bytes, is_canary, is_twin};
use crate::table::{Service, Table};
use crate::who::Choice;

/// Paths whose route a thread remembers per service; beyond it forgets all and starts again.
const REMEMBERED_PATHS: usize = 4_096;

pub(crate) struct LocalTable {
    table: Arc<Table>,
    services: HashMap<SocketAddr, Rc<LocalService>>,
}

pub(crate) struct LocalService {
    pub(crate) shared: Arc<Service>,
    pub(crate) stable: Option<Rc<Side>>,
    pub(crate) canary: Option<Rc<Side>>,
    /// Set only where requests are copied.
    pub(crate) mirror: Option<(Arc<Mirror>, UnboundedSender<Job>)>,
    weight: Weight,
    /// Beside the canary there are twins of stable.
    twins: bool,
    routes: RefCell<HashMap<u64, Route>>,
}

impl LocalTable {
    pub(crate) fn empty() -> Self {
        Self { table: Arc::new(Table::default()), services: HashMap::new() }
    }

    pub(crate) fn is_of(&self, table: &Arc<Table>) -> bool {
        Arc::ptr_eq(&self.table, table)
    }

    pub(crate) fn service(&self, listen: SocketAddr) -> Option<&Rc<LocalService>> {
        self.services.get(&listen)
    }

    pub(crate) fn build(
        shared: &Shared,
        table: &Arc<Table>,
        before: &Self,
        instances: &mut HashMap<InstanceKey, Rc<Instance>>,
    ) -> Self {
        let mut services = HashMap::new();
        for service in table.services.values() {
            let same = before.service(service.spec.listen).filter(|s| Arc::ptr_eq(&s.shared, service));
            let local =
                same.cloned().unwrap_or_else(|| Rc::new(LocalService::build(shared, service, instances)));
            services.insert(service.spec.listen, local);
        }
        Self { table: Arc::clone(table), services }
    }

    pub(crate) fn holds(&self, instance: &Rc<Instance>) -> bool {
        let sides = self.services.values().flat_map(|s| s.stable.iter().chain(&s.canary));
        sides.flat_map(|side| side.instances()).any(|held| Rc::ptr_eq(held, instance))
    }
}

impl LocalService {
    fn build(
        shared: &Shared,
        service: &Arc<Service>,
        instances: &mut HashMap<InstanceKey, Rc<Instance>>,
    ) -> Self {
        let spec = &service.spec;
        let weight = spec.canary.as_ref().map_or(Weight::ZERO, |canary| canary.weight);
        let twins = spec.canary.as_ref().is_some_and(|canary| canary.twins && !canary.weight.is_zero());
        let h2c = spec.upstream == Upstream::H2c;
        let mut side = |which, backend: &Backend| {
            let instances = backend.instances.iter().map(|(id, addr)| {
                let key = InstanceKey { id: id.clone(), addr: *addr, h2c };
                let connect_timeout = spec.edge.limits.connect_timeout;
                let known = instances.entry(key.clone());
                let instance = known.or_insert_with(|| Rc::new(Instance::new(shared, key, connect_timeout)));
                instance.serves_since(shared, backend.since.get(id).copied(), spec.warm_up);
                Rc::clone(instance)
            });
            let budget = RetryBudget::new(shared.clock.micros());
            let apart = twins && which == Which::Stable;
            Rc::new(Side::new(which, backend.revision.clone(), instances.collect(), apart, budget))
        };
        Self {
            stable: spec.stable.as_ref().map(|backend| side(Which::Stable, backend)),
            canary: spec.canary.as_ref().map(|canary| side(Which::Canary, &canary.backend)),
            mirror: service.mirror.clone().zip(shared.mirror.jobs.get().cloned()),
            weight,
            twins,
            routes: RefCell::default(),
            shared: Arc::clone(service),
        }
    }

    /// The side of a user with this key. Without a stable side the canary serves whatever its lease says: a service's
    /// first revision has nothing to lapse to.
    pub(crate) fn assign(&self, key: u64, now_micros: u64) -> Which {
        let weight = self.weight.basis_points();
        if weight == 0 {
            return Which::Stable;
        }
        let canary = self.stable.is_none()
            || (is_canary(self.shared.spec.salt, key, weight) && self.shared.lease.holds(now_micros));
        if canary { Which::Canary } else { Which::Stable }
    }

    /// Whether the request goes to the canary by name, which then has a lease.
    pub(crate) fn choose(&self, head: &Parts, now_micros: impl FnOnce() -> u64) -> Choice {
        let Some(who) = self.shared.who.as_ref().filter(|_| self.stable.is_some()) else {
            return Choice::Chance;
        };
        let now = now_micros();
        if self.shared.lease.holds(now) { who.choose(head, now) } else { Choice::Chance }
    }

    /// What the first attempt of a user with this key is counted as, see [`staunch_model::Sample::twin`].
    pub(crate) fn twin(&self, which: Which, key: u64) -> Option<bool> {
        self.twins.then(|| match which {
            Which::Stable => is_twin(self.shared.spec.salt, key, self.weight),
            Which::Canary => true,
        })
    }

    pub(crate) fn side(&self, which: Which) -> Option<&Rc<Side>> {
        match which {
            Which::Stable => self.stable.as_ref(),
            Which::Canary => self.canary.as_ref(),
        }
    }

    /// Stable, if it is there to answer for the canary.
    pub(crate) fn stable_with_instances(&self) -> Option<&Rc<Side>> {
        self.stable.as_ref().filter(|side| !side.instances().is_empty())
    }

    /// The thread's counters for a request's route.
    pub(crate) fn block(
        &self,
        shared: &Shared,
        side: &Side,
        method: &Method,
        path: &str,
        kind: Kind,
    ) -> Arc<Block> {
        let key = hash_bytes(path.as_bytes()) ^ hash_bytes(method.as_str().as_bytes());
        let mut routes = self.routes.borrow_mut();
        if routes.len() > REMEMBERED_PATHS {
            routes.clear();
        }
        let (number, name) = routes.entry(key).or_insert_with(|| self.shared.routes.intern(method, path));
        side.block(shared, &self.shared, self.weight, *number, name, kind)
    }
}
