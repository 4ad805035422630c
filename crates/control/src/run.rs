//! Starting the loop's thread, and its rhythm.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use staunch_model::{Actor, RolloutSpec, ServiceName, ServiceSpec};
use staunch_ports::{Clock, Entry, Journal, Platform};
use staunch_rollout::Event;
use tokio::sync::{Notify, broadcast, mpsc, watch};

use crate::book::Book;
use crate::handle::{Deployed, Handle, Refused, SpecSource, Views};
use crate::order::{Admission, Instruction, Order};
use crate::turn::Watch;
use crate::{ServiceView, SteadyClock};

/// A turn at least this often while a rollout runs …
const ACTIVE: Duration = Duration::from_millis(100);
/// … and otherwise.
const IDLE: Duration = Duration::from_secs(1);
/// Wakes come in bursts: they share a turn.
const SHORTEST: Duration = Duration::from_millis(10);
/// Entries a slow reader of the live stream may lag behind before it must read the journal.
const STREAM: usize = 1_024;

/// What the loop is made of. `reader` is a second view of the same journal for everyone who only looks.
pub struct Parts {
    pub journal: Box<dyn Journal>,
    pub reader: Box<dyn Journal>,
    pub platform: Arc<dyn Platform>,
    pub specs: SpecSource,
}

/// Keeps the loop's thread; dropping the stop sender ends it.
pub struct Control {
    stop: Arc<Notify>,
    thread: JoinHandle<()>,
}

impl Control {
    /// Ends the loop after its present turn. Instances and traffic stay as they are.
    pub fn stop(self) {
        self.stop.notify_one();
        // The thread ends by itself; a panic in it has been reported already.
        drop(self.thread.join());
    }
}

/// Folds the journal, declares the services and begins to turn.
pub fn start(parts: Parts) -> Result<(Control, Handle), Refused> {
    let (book, end) = Book::open(parts.journal).map_err(|error| Refused::Journal(error.to_string()))?;
    let specs = (parts.specs)().map_err(Refused::Config)?;
    for spec in &specs {
        parts.platform.declare(spec).map_err(|error| Refused::Platform(error.to_string()))?;
    }
    let clock: Arc<dyn Clock> = Arc::new(SteadyClock::starting_after(end));
    let (orders, inbox) = mpsc::channel(64);
    let (publish, views) = watch::channel(Views::default());
    let (entries, _) = broadcast::channel(STREAM);
    let handle = Handle {
        orders,
        views,
        entries: entries.clone(),
        reader: Arc::new(Mutex::new(parts.reader)),
        platform: parts.platform.clone(),
        specs: parts.specs,
        clock: clock.clone(),
    };
    let stop = Arc::new(Notify::new());
    let mut looping = Loop::new(book, specs, parts.platform, clock, entries, publish);
    let stopped = stop.clone();
    let thread = std::thread::Builder::new()
        .name("staunch-loop".to_owned())
        .spawn(move || looping.run(inbox, &stopped))
        .map_err(|error| Refused::Platform(error.to_string()))?;
    Ok((Control { stop, thread }, handle))
}

pub(crate) struct Loop {
    pub(crate) book: Book,
    pub(crate) watches: BTreeMap<ServiceName, Watch>,
    pub(crate) platform: Arc<dyn Platform>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entries: broadcast::Sender<Arc<Entry>>,
    publish: watch::Sender<Views>,
    shown: BTreeMap<ServiceName, Arc<ServiceView>>,
}

/// Why the loop turns.
enum Wake {
    Order(Order),
    Changed,
    Tick,
    Stop,
}

impl Loop {
    fn new(
        mut book: Book,
        specs: Vec<ServiceSpec>,
        platform: Arc<dyn Platform>,
        clock: Arc<dyn Clock>,
        entries: broadcast::Sender<Arc<Entry>>,
        publish: watch::Sender<Views>,
    ) -> Self {
        let now = clock.now();
        let watches = specs
            .into_iter()
            .map(|spec| {
                let watch = Watch::resume(spec, &mut book, now);
                (watch.spec.name.clone(), watch)
            })
            .collect();
        Self { book, watches, platform, clock, entries, publish, shown: BTreeMap::new() }
    }

    fn run(&mut self, mut inbox: mpsc::Receiver<Order>, stop: &Notify) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let Ok(runtime) = runtime else { return };
        let changed = Arc::new(Notify::new());
        let bell = changed.clone();
        self.platform.set_waker(Arc::new(move || bell.notify_one()));
        self.pass(true);
        let mut last_full = self.clock.now();
        loop {
            let rhythm = if self.is_active() { ACTIVE } else { IDLE };
            let wake = runtime.block_on(next_wake(&mut inbox, &changed, stop, rhythm));
            match wake {
                Wake::Stop => return,
                Wake::Order(order) => self.obey(order),
                Wake::Changed => std::thread::sleep(SHORTEST),
                Wake::Tick => {}
            }
            let now = self.clock.now();
            let full = now.since(last_full) >= IDLE;
            if full {
                last_full = now;
            }
            self.pass(full);
        }
    }

    fn is_active(&self) -> bool {
        self.book.services.values().any(|service| service.active().is_some())
            || self.watches.values().any(|watch| watch.restless)
    }

    /// One turn of every service that needs one.
    fn pass(&mut self, full: bool) {
        let reports = self.platform.reports();
        let settled = self.book.settle();
        self.tell(settled);
        let names: Vec<_> = self.watches.keys().cloned().collect();
        for name in names {
            let active = self.book.services.get(&name).is_some_and(|service| service.active().is_some());
            let restless = self.watches.get(&name).is_some_and(|watch| watch.restless);
            if !full && !active && !restless {
                self.note_reports(&name, &reports);
                continue;
            }
            let view = self.turn(&name, &reports);
            self.shown.insert(name, Arc::new(view));
        }
        self.publish.send_replace(Arc::new(self.shown.clone()));
    }

    pub(crate) fn tell(&self, entries: Vec<Entry>) {
        for entry in entries {
            // No one listening is fine: the journal keeps it.
            drop(self.entries.send(Arc::new(entry)));
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Admit(admission, reply) => drop(reply.send(self.admit(*admission))),
            Order::Command(instruction, reply) => drop(reply.send(self.command(&instruction))),
            Order::Tell { service, reply } => {
                let known = self.book.services.get(&service).cloned();
                drop(reply.send(known.ok_or_else(|| Refused::UnknownService(service.to_string()))));
            }
            Order::Rollback { service, to, by, reason, reply } => {
                drop(reply.send(self.rollback(&service, to.as_deref(), &by, &reason)));
            }
        }
    }

    fn admit(&mut self, admission: Admission) -> Result<Deployed, Refused> {
        let Admission { spec, mut revision, by, reason } = admission;
        let service = self.book.service(&spec.name).clone();
        if let Some(active) = service.active() {
            return already(&service.name, active, &revision.digest);
        }
        if service.stable.as_ref().is_some_and(|stable| stable.digest == revision.digest) {
            let label = service.stable.map(|stable| stable.label).unwrap_or_default();
            return self.keep(&spec, label, service.replicas, by);
        }
        revision.label = spec.version.clone().unwrap_or_else(|| service.label_for(&revision.digest));
        self.platform.declare(&spec).map_err(|error| Refused::Platform(error.to_string()))?;
        let id = self.book.next_rollout().map_err(|error| Refused::Journal(error.to_string()))?;
        let from = service.stable.clone();
        let kind = if from.is_some() {
            staunch_model::RolloutKind::Canary
        } else {
            staunch_model::RolloutKind::First
        };
        let rollout = RolloutSpec { kind, ..rollout_spec(&spec, id, from, revision) };
        self.begin(&spec, rollout, by, reason)
    }

    /// The content runs already; at most the number of instances is new.
    fn keep(
        &mut self,
        spec: &ServiceSpec,
        revision: String,
        now: u32,
        by: String,
    ) -> Result<Deployed, Refused> {
        if spec.replicas == now {
            return Ok(Deployed::Unchanged { revision });
        }
        let replicas = spec.replicas;
        self.record(&spec.name, &Actor::Person(by.clone()), &[Event::Scaled { replicas, by }])?;
        if let Some(watch) = self.watches.get_mut(&spec.name) {
            watch.restless = true;
        }
        Ok(Deployed::Scaled { revision, replicas })
    }

    fn begin(
        &mut self,
        spec: &ServiceSpec,
        mut rollout: RolloutSpec,
        by: String,
        reason: Option<String>,
    ) -> Result<Deployed, Refused> {
        if rollout.kind != staunch_model::RolloutKind::Canary {
            rollout.canary.steps = vec![];
            rollout.canary.bake = Duration::ZERO;
            rollout.gates = vec![];
        }
        let started = Deployed::Started {
            rollout: rollout.id.0,
            from: rollout.from.as_ref().map(|from| from.label.clone()),
            to: rollout.to.label.clone(),
        };
        let actor = Actor::Person(by.clone());
        let watch = Watch::for_rollout(spec.clone(), &rollout, self.clock.now());
        let event = Event::Admitted { spec: Box::new(rollout), by, reason };
        self.record(&spec.name, &actor, &[event])?;
        let old = self.watches.remove(&spec.name);
        self.watches.insert(spec.name.clone(), watch.after(old));
        Ok(started)
    }

    pub(crate) fn record(
        &mut self,
        name: &ServiceName,
        actor: &Actor,
        events: &[Event],
    ) -> Result<(), Refused> {
        let now = self.clock.now();
        let entries = self
            .book
            .commit(name, now, actor, events)
            .map_err(|error| Refused::Journal(error.to_string()))?;
        self.tell(entries);
        Ok(())
    }

    fn command(&mut self, instruction: &Instruction) -> Result<u64, Refused> {
        let name = &instruction.service;
        let unknown = || Refused::UnknownService(name.to_string());
        let service = self.book.services.get(name).ok_or_else(unknown)?;
        let conflict = |message: String, allowed: Vec<String>| Refused::Conflict {
            service: name.to_string(),
            message,
            allowed,
        };
        let rollout = service
            .rollout
            .as_ref()
            .ok_or_else(|| conflict("there is no rollout; `staunch deploy` starts one".to_owned(), vec![]))?;
        expected(rollout, instruction).map_err(|message| conflict(message, vec![]))?;
        let events =
            staunch_rollout::command(rollout, instruction.command, &instruction.by, &instruction.reason)
                .map_err(|refusal| conflict(refusal.to_string(), refusal.allowed.clone()))?;
        let id = rollout.spec.id.0;
        self.enact(name, &Actor::Person(instruction.by.clone()), &events)?;
        Ok(id)
    }

    fn rollback(
        &mut self,
        name: &ServiceName,
        to: Option<&str>,
        by: &str,
        reason: &str,
    ) -> Result<Deployed, Refused> {
        let unknown = || Refused::UnknownService(name.to_string());
        let service = self.book.services.get(name).ok_or_else(unknown)?.clone();
        if let Some(active) = service.active() {
            return self.rollback_running(name, active.clone(), to, by, reason);
        }
        let target = goal(&service, to)?;
        let spec = self.watches.get(name).map(|watch| watch.spec.clone()).ok_or_else(unknown)?;
        let id = self.book.next_rollout().map_err(|error| Refused::Journal(error.to_string()))?;
        let rollout = rollout_spec(&spec, id, service.stable.clone(), target);
        let rollout = RolloutSpec { kind: staunch_model::RolloutKind::Rollback, ..rollout };
        let reason = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
        self.begin(&spec, rollout, by.to_owned(), reason)
    }

    /// While a rollout runs, going back means ending it; another goal has to wait for that.
    fn rollback_running(
        &mut self,
        name: &ServiceName,
        active: staunch_rollout::Rollout,
        to: Option<&str>,
        by: &str,
        reason: &str,
    ) -> Result<Deployed, Refused> {
        let from = active.spec.from.as_ref().map(|from| from.label.clone());
        if to.is_some() && to != from.as_deref() {
            return Err(Refused::Conflict {
                service: name.to_string(),
                message: format!(
                    "rollout {} runs; abort it first, then roll back to another revision",
                    active.spec.id
                ),
                allowed: vec!["abort".to_owned()],
            });
        }
        let events = staunch_rollout::command(&active, staunch_rollout::Command::Abort, by, reason).map_err(
            |refusal| Refused::Conflict {
                service: name.to_string(),
                message: refusal.to_string(),
                allowed: refusal.allowed.clone(),
            },
        )?;
        self.enact(name, &Actor::Person(by.to_owned()), &events)?;
        let to = from.unwrap_or_else(|| "nothing".to_owned());
        Ok(Deployed::Started { rollout: active.spec.id.0, from: Some(active.spec.to.label), to })
    }
}

fn already(
    name: &ServiceName,
    active: &staunch_rollout::Rollout,
    digest: &staunch_model::RevisionDigest,
) -> Result<Deployed, Refused> {
    if &active.spec.to.digest == digest {
        return Ok(Deployed::AlreadyRunning { rollout: active.spec.id.0, to: active.spec.to.label.clone() });
    }
    Err(Refused::Conflict {
        service: name.to_string(),
        message: format!(
            "rollout {} to {} is {}; wait for it, abort it, or deploy with --replace",
            active.spec.id,
            active.spec.to.label,
            active.phase.name()
        ),
        allowed: staunch_rollout::allowed(active).iter().map(|c| c.name().to_owned()).collect(),
    })
}

fn expected(rollout: &staunch_rollout::Rollout, instruction: &Instruction) -> Result<(), String> {
    let expect = &instruction.expect;
    if expect.rollout.is_some_and(|id| id != rollout.spec.id.0) {
        return Err(format!("the present rollout is {}, not the one you looked at", rollout.spec.id));
    }
    let at_step =
        |step| matches!(rollout.phase, staunch_rollout::Phase::Progressing { step: now, .. } if now == step);
    if expect.step.is_some_and(|step| !at_step(step)) {
        return Err("the rollout has moved on since you looked".to_owned());
    }
    Ok(())
}

fn goal(service: &staunch_rollout::Service, to: Option<&str>) -> Result<staunch_model::Revision, Refused> {
    let stable = service.stable.as_ref().map(|stable| stable.digest.clone());
    let found = match to {
        Some(name) => service.find(name).cloned(),
        None => service.previous.last().cloned(),
    };
    let known = || {
        let labels: Vec<_> = service.previous.iter().map(|revision| revision.label.clone()).collect();
        if labels.is_empty() { "none before the present one".to_owned() } else { labels.join(", ") }
    };
    let found = found.ok_or_else(|| Refused::UnknownRevision {
        service: service.name.to_string(),
        name: to.unwrap_or("before").to_owned(),
        known: known(),
    })?;
    if Some(&found.digest) == stable.as_ref() {
        return Err(Refused::Conflict {
            service: service.name.to_string(),
            message: format!("{} is what runs", found.label),
            allowed: vec![],
        });
    }
    Ok(found)
}

fn rollout_spec(
    spec: &ServiceSpec,
    id: staunch_model::RolloutId,
    from: Option<staunch_model::Revision>,
    to: staunch_model::Revision,
) -> RolloutSpec {
    RolloutSpec {
        id,
        service: spec.name.clone(),
        kind: staunch_model::RolloutKind::Canary,
        from,
        to,
        replicas: spec.replicas,
        canary: spec.canary.clone(),
        gates: spec.gates.clone(),
        triggers: spec.triggers.clone(),
        evidence: spec.evidence.clone(),
    }
}

async fn next_wake(
    inbox: &mut mpsc::Receiver<Order>,
    changed: &Notify,
    stop: &Notify,
    rhythm: Duration,
) -> Wake {
    tokio::select! {
        biased;
        () = stop.notified() => Wake::Stop,
        order = inbox.recv() => order.map_or(Wake::Stop, Wake::Order),
        () = changed.notified() => Wake::Changed,
        () = tokio::time::sleep(rhythm) => Wake::Tick,
    }
}
