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

pub(crate) struct Side {
    pub(crate) which: Which,
    pub(crate) revision: RevisionDigest,
    pub(crate) instances: Vec<Rc<Instance>>,
    pub(crate) budget: RetryBudget,
    next: Cell<usize>,
    /// By number of the route: after the warm-up, and in it.
    blocks: RefCell<Vec<[Option<Arc<Block>>; 2]>>,
}

impl Side {
    pub(crate) fn new(
        which: Which,
        revision: RevisionDigest,
        instances: Vec<Rc<Instance>>,
        budget: RetryBudget,
    ) -> Self {
        Self { which, revision, instances, budget, next: Cell::new(0), blocks: RefCell::default() }
    }

    /// The instance with the least in flight among those not tried and not ejected, in turn among equals. Stable is
    /// never without an instance as long as one is untried: an ejected one is better than none.
    pub(crate) fn pick(&self, tried: &[Rc<Instance>], now_micros: u64) -> Option<Rc<Instance>> {
        let untried = |i: &&Rc<Instance>| !tried.iter().any(|t| Rc::ptr_eq(t, i));
        let up = self.in_turn().filter(untried).filter(|i| !i.is_ejected(now_micros));
        let best = up.min_by_key(|instance| instance.in_flight());
        let last_resort = || match self.which {
            Which::Stable => self.in_turn().find(untried),
            Which::Canary => None,
        };
        best.or_else(last_resort).cloned()
    }

    fn in_turn(&self) -> impl Iterator<Item = &Rc<Instance>> {
        let start = self.next.get();
        self.next.set(if start + 1 < self.instances.len() { start + 1 } else { 0 });
        let (head, tail) = self.instances.split_at(start.min(self.instances.len()));
        tail.iter().chain(head)
    }

    /// Whether a first attempt counts as warm-up: as the instance does that takes it. One that finds none to take it
    /// counts so while all of them warm up.
    pub(crate) fn takes_warming(&self, chosen: Option<&Instance>, now_micros: u64) -> bool {
        let all = || !self.instances.is_empty() && self.instances.iter().all(|i| i.is_warming(now_micros));
        chosen.map_or_else(all, |instance| instance.takes_warming(now_micros))
    }

    pub(crate) fn block(
        &self,
        shared: &Shared,
        service: &Service,
        weight: Weight,
        number: u16,
        name: &Arc<str>,
        warming: bool,
    ) -> Arc<Block> {
        let mut blocks = self.blocks.borrow_mut();
        let number = usize::from(number);
        if blocks.len() <= number {
            blocks.resize(number + 1, [None, None]);
        }
        let open = || {
            shared.counts.open(BlockKey {
                service: service.spec.service.clone(),
                revision: self.revision.clone(),
                generation: service.spec.generation,
                weight,
                route: Arc::clone(name),
                warming,
            })
        };
        Arc::clone(blocks[number][usize::from(warming)].get_or_insert_with(open))
    }
}
