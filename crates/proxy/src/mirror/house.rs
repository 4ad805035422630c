//! The mirror's thread: sends the copies, compares the answers, counts.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use staunch_model::{Backend, ShadowCounts, ShadowDifference, ShadowExample};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::ask::{self, Over};
use super::compare::{Difference, differences, is_unread};
use super::secret::Credentials;
use super::tally::Entry;
use super::{Job, Mirror, Seen};
use crate::clock;
use crate::instance::{Instance, InstanceKey};
use crate::shared::Shared;
use crate::split::mix;

/// Users' threads come first where there is too little processor for all.
const NICE: i32 = 5;
/// Connections that are not used any more are looked for this often.
const IDLE: Duration = Duration::from_secs(1);
/// Differences of one pair that are shown.
const SHOWN: usize = 6;

/// Runs until no user's thread is left that could hand anything over.
pub(crate) fn run(shared: &Arc<Shared>, jobs: UnboundedReceiver<Job>) -> io::Result<()> {
    // Linux counts it per thread. Without it the mirror is only less polite.
    let _impolite = rustix::process::setpriority_process(None, NICE);
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(serve(House::new(shared), jobs));
    Ok(())
}

async fn serve(house: Rc<House>, mut jobs: UnboundedReceiver<Job>) {
    loop {
        let next = if house.is_idle() { Ok(jobs.recv().await) } else { timeout(IDLE, jobs.recv()).await };
        match next {
            Ok(Some(job)) => {
                let house = Rc::clone(&house);
                spawn_local(async move { house.work(job).await });
            }
            Ok(None) => return,
            Err(_) => house.rest(),
        }
    }
}

struct House {
    shared: Arc<Shared>,
    instances: RefCell<HashMap<InstanceKey, Rc<Instance>>>,
    /// Working jobs: their instances stay.
    busy: Cell<usize>,
    random: Cell<u64>,
    turn: Cell<usize>,
}

impl House {
    fn new(shared: &Arc<Shared>) -> Rc<Self> {
        let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
        Rc::new(Self {
            shared: Arc::clone(shared),
            instances: RefCell::default(),
            busy: Cell::new(0),
            random: Cell::new(seed),
            turn: Cell::new(0),
        })
    }

    fn is_idle(&self) -> bool {
        self.instances.borrow().is_empty()
    }

    /// Nothing came for a while: connections are closed, so that instances can end in peace.
    fn rest(&self) {
        if self.busy.get() == 0 {
            self.instances.borrow_mut().retain(|_, instance| instance.retire());
        }
    }

    async fn work(&self, job: Job) {
        self.busy.set(self.busy.get() + 1);
        let entry = self.pair(&job).await;
        self.shared.mirror.tally.add(&job.mirror, entry);
        self.busy.set(self.busy.get() - 1);
    }

    async fn pair(&self, job: &Job) -> Entry {
        let mirror = &*job.mirror;
        let route = mirror.routes.intern(&job.request.method, &job.request.path).1;
        let chance = self.random();
        let asks_stable =
            job.request.is_safe() && self.noise(mirror, |noise| noise.is_due(&route, chance >> 8));
        // In random order: whoever is asked second finds warmer caches.
        let (shadow, control, timed) = if asks_stable && chance.is_multiple_of(2) {
            let control = self.ask_stable(job, Over::New).await;
            let (shadow, warm) = self.ask_shadow(job, Over::New).await;
            (shadow, control, warm)
        } else if asks_stable {
            let (shadow, warm) = self.ask_shadow(job, Over::New).await;
            let control = self.ask_stable(job, Over::New).await;
            (shadow, control, warm)
        } else {
            (self.ask_shadow(job, Over::Kept).await.0, None, false)
        };
        let timed = control.as_ref().filter(|_| timed).map(|control| (micros(&shadow), micros(control)));
        self.compared(job, &route, shadow, control, timed).await
    }

    async fn compared(
        &self,
        job: &Job,
        route: &Arc<str>,
        shadow: Seen,
        mut control: Option<Seen>,
        timed: Option<(Option<u32>, Option<u32>)>,
    ) -> Entry {
        let mirror = &*job.mirror;
        let ignore = &mirror.spec().ignore;
        let found = differences(&job.live, &shadow, ignore);
        let mut open = self.noise(mirror, |noise| unknown(&found, |one| noise.has(route, one)));
        // What differs and is not known to change by itself is looked at once more, where that is allowed.
        if !open.is_empty() && control.is_none() && job.request.is_safe() {
            control = self.ask_stable(job, Over::Kept).await;
        }
        let own = control.as_ref().map(|control| differences(&job.live, control, ignore)).unwrap_or_default();
        let volatile = self.noise(mirror, |noise| learn(noise, route, &own));
        open.retain(|one| !own.iter().any(|other| other.spot() == one.spot()));
        let (live_failed, shadow_failed) = (job.live.ended.failed(), shadow.ended.failed());
        let counts = ShadowCounts {
            pairs: 1,
            shadow_failed: u64::from(shadow_failed && !live_failed),
            stable_failed: u64::from(live_failed && !shadow_failed),
            // No answer is a failure, and no other answer.
            different: u64::from(!open.is_empty() && job.live.ended.is_answer() && shadow.ended.is_answer()),
            volatile: u64::from(open.is_empty() && !found.is_empty()),
            unread: u64::from(is_unread(&job.live, &shadow)),
            controls: u64::from(control.is_some()),
            ..ShadowCounts::default()
        };
        let example = (!open.is_empty()).then(|| example(job, &shadow, &open));
        Entry { counts, timed, volatile, example }
    }

    fn noise<T>(&self, mirror: &Mirror, look: impl FnOnce(&mut super::Noise) -> T) -> T {
        look(&mut mirror.state.noise.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The shadow's answer, and whether its instance is warm.
    async fn ask_shadow(&self, job: &Job, over: Over) -> (Seen, bool) {
        self.ask(job, &job.mirror.route.backend, over).await
    }

    async fn ask_stable(&self, job: &Job, over: Over) -> Option<Seen> {
        let stable = job.mirror.stable()?;
        Some(self.ask(job, stable, over).await.0)
    }

    async fn ask(&self, job: &Job, backend: &Backend, over: Over) -> (Seen, bool) {
        let now = self.shared.clock.micros();
        let Some(instance) = self.instance(&job.mirror, backend) else {
            return (Seen::without_answer(super::Ended::ConnectError, 0), true);
        };
        let warming = instance.takes_warming(now);
        (ask::answer(&instance, job, over, now).await, !warming)
    }

    /// The instances of a side in turn.
    fn instance(&self, mirror: &Mirror, backend: &Backend) -> Option<Rc<Instance>> {
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        let (id, addr) = backend.instances.get(turn.checked_rem(backend.instances.len())?)?;
        let key = InstanceKey { id: id.clone(), addr: *addr, h2c: false };
        let mut instances = self.instances.borrow_mut();
        let open = || {
            let connect_timeout = mirror.table.edge.limits.connect_timeout;
            let instance = Instance::new(&self.shared, key.clone(), connect_timeout);
            let since = backend.since.get(id).copied();
            instance.serves_since(&self.shared, since, mirror.table.warm_up);
            Rc::new(instance)
        };
        Some(Rc::clone(instances.entry(key.clone()).or_insert_with(open)))
    }

    /// SplitMix64: places of copies must differ, not be secret.
    fn random(&self) -> u64 {
        let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random.set(state);
        mix(state)
    }
}

fn unknown(found: &[Difference], known: impl Fn(&Difference) -> bool) -> Vec<Difference> {
    found.iter().filter(|one| !known(one)).cloned().collect()
}

/// Notes what stable answers differently when it is asked twice; gives what of it is news.
fn learn(noise: &mut super::Noise, route: &Arc<str>, own: &[Difference]) -> Vec<String> {
    let news = own.iter().filter(|one| noise.learn(route, one));
    news.map(|one| format!("{route} {}", if one.place.is_empty() { "/" } else { &one.place })).collect()
}

/// Microseconds of an answer; `None` for a failure.
fn micros(seen: &Seen) -> Option<u32> {
    (!seen.ended.failed()).then(|| u32::try_from(seen.micros).unwrap_or(u32::MAX))
}

fn example(job: &Job, shadow: &Seen, open: &[Difference]) -> ShadowExample {
    let credentials = Credentials::of(&job.request.bytes);
    let shown = |one: &Difference| ShadowDifference {
        stable: credentials.shown(&one.place, &one.stable),
        shadow: credentials.shown(&one.place, &one.shadow),
        place: if one.place.is_empty() { "/".to_owned() } else { one.place.clone() },
    };
    ShadowExample {
        at: clock::wall(),
        method: job.request.method.to_string(),
        path: job.request.path.to_string(),
        stable: job.live.ended.words(),
        shadow: shadow.ended.words(),
        differences: open.iter().take(SHOWN).map(shown).collect(),
    }
}
