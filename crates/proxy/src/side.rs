//! One side of a split: a revision's instances as a thread uses them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use staunch_model::{RevisionDigest, Weight};

use crate::count::{Block, BlockKey};
use crate::instance::Instance;
use crate::limits::RetryBudget;
use crate::shared::Shared;
use crate::table::Service;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Stable,
    Canary,
}

/// Among what a first attempt is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// The instance that takes it warms up.
    pub(crate) warming: bool,
    /// See [`staunch_model::Sample::twin`].
    pub(crate) twin: Option<bool>,
    /// Sent to the canary by name.
    pub(crate) chosen: bool,
}

impl Kind {
    const COUNT: usize = 6;

    /// A side knows either no twins or always whether: two answers are enough. The canary has one alone.
    fn index(self) -> usize {
        let apart = if self.chosen { 2 } else { usize::from(self.twin == Some(true)) };
        usize::from(self.warming) + 2 * apart
    }
}

/// Instances that take turns.
struct Ring {
    instances: Vec<Rc<Instance>>,
    next: Cell<usize>,
}

impl Ring {
    fn new(instances: Vec<Rc<Instance>>) -> Self {
        Self { instances, next: Cell::new(0) }
    }

    fn in_turn(&self) -> impl Iterator<Item = &Rc<Instance>> {
        let start = self.next.get();
        self.next.set(if start + 1 < self.instances.len() { start + 1 } else { 0 });
        let (head, tail) = self.instances.split_at(start.min(self.instances.len()));
        tail.iter().chain(head)
    }

    /// The one with the least in flight that is `fit` and not ejected, in turn among equals.
    fn least_busy(&self, now_micros: u64, fit: impl Fn(&Rc<Instance>) -> bool) -> Option<&Rc<Instance>> {
        let up = self.in_turn().filter(|instance| fit(instance) && !instance.is_ejected(now_micros));
        up.min_by_key(|instance| instance.in_flight())
    }
}

pub(crate) struct Side {
    pub(crate) which: Which,
    pub(crate) revision: RevisionDigest,
    ring: Ring,
    /// Stable's own instances and its twins, when a canary is compared with those.
    apart: Option<Box<[Ring; 2]>>,
    pub(crate) budget: RetryBudget,
    /// By number of the route and by [`Kind`].
    blocks: RefCell<Vec<[Option<Arc<Block>>; Kind::COUNT]>>,
}

impl Side {
    pub(crate) fn new(
        which: Which,
        revision: RevisionDigest,
        instances: Vec<Rc<Instance>>,
        apart: bool,
        budget: RetryBudget,
    ) -> Self {
        let part = |twins: bool| instances.iter().filter(move |i| i.key.id.is_twin() == twins).cloned();
        let apart = apart.then(|| Box::new([false, true].map(|twins| Ring::new(part(twins).collect()))));
        Self { which, revision, ring: Ring::new(instances), apart, budget, blocks: RefCell::default() }
    }

    pub(crate) fn instances(&self) -> &[Rc<Instance>] {
        &self.ring.instances
    }

    /// The instance for a first attempt: a twin or not, as it is counted. Rather another one than none.
    pub(crate) fn pick_first(&self, twin: Option<bool>, now_micros: u64) -> Option<Rc<Instance>> {
        let part = self.apart.as_ref().zip(twin).map(|(apart, twin)| &apart[usize::from(twin)]);
        let own = part.and_then(|ring| ring.least_busy(now_micros, |_| true)).cloned();
        own.or_else(|| self.pick(&[], now_micros))
    }

    /// The instance with the least in flight among those not tried and not ejected, in turn among equals. Stable is
    /// never without an instance as long as one is untried: an ejected one is better than none.
    pub(crate) fn pick(&self, tried: &[Rc<Instance>], now_micros: u64) -> Option<Rc<Instance>> {
        let untried = |i: &Rc<Instance>| !tried.iter().any(|t| Rc::ptr_eq(t, i));
        let last_resort = || match self.which {
            Which::Stable => self.ring.in_turn().find(|i| untried(i)),
            Which::Canary => None,
        };
        self.ring.least_busy(now_micros, untried).or_else(last_resort).cloned()
    }

    /// Whether a first attempt counts as warm-up: as the instance does that takes it. One that finds none to take it
    /// counts so while all of them warm up.
    pub(crate) fn takes_warming(&self, chosen: Option<&Instance>, now_micros: u64) -> bool {
        let all =
            || !self.instances().is_empty() && self.instances().iter().all(|i| i.is_warming(now_micros));
        chosen.map_or_else(all, |instance| instance.takes_warming(now_micros))
    }

    pub(crate) fn block(
        &self,
        shared: &Shared,
        service: &Service,
        weight: Weight,
        number: u16,
        name: &Arc<str>,
        kind: Kind,
    ) -> Arc<Block> {
        let mut blocks = self.blocks.borrow_mut();
        let number = usize::from(number);
        if blocks.len() <= number {
            blocks.resize(number + 1, [const { None }; Kind::COUNT]);
        }
        let open = || {
            shared.counts.open(BlockKey {
                service: service.spec.service.clone(),
                revision: self.revision.clone(),
                generation: service.spec.generation,
                weight,
                route: Arc::clone(name),
                warming: kind.warming,
                twin: kind.twin,
                chosen: kind.chosen,
            })
        };
        Arc::clone(blocks[number][kind.index()].get_or_insert_with(open))
    }
}
