//! Starting the loop's thread, and its rhythm.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use staunch_model::{Actor, ServiceName, ServiceSpec, Timestamp};
use staunch_ports::{Attestor, Clock, Entry, Journal, Platform, Recorder};
use staunch_rollout::Event;
use tokio::sync::{Notify, broadcast, mpsc, watch};

use crate::book::Book;
use crate::handle::{Handle, Refused, ReleaseSource, SpecSource, Views};
use crate::infra::{Runner, no_runner};
use crate::inspect::Inspector;
use crate::order::{Answer, Order};
use crate::thrift::Writing;
use crate::watch::Watch;
use crate::{ServiceView, SteadyClock};

/// A turn at least this often while a rollout runs …
const ACTIVE: Duration = Duration::from_millis(100);
/// … and otherwise.
const IDLE: Duration = Duration::from_secs(1);
/// Wakes come in bursts: they share a turn.
const SHORTEST: Duration = Duration::from_millis(10);
/// Entries a slow reader of the live stream may lag behind before it must read the journal.
const STREAM: usize = 1_024;

/// Orders that may be on their way to the loop, and as many that may wait for a late journal.
const ORDERS: usize = 64;

/// What the loop is made of. `reader` is a second view of the same journal for everyone who only looks.
pub struct Parts {
    pub journal: Box<dyn Journal>,
    pub reader: Box<dyn Journal>,
    pub platform: Arc<dyn Platform>,
    pub specs: SpecSource,
    pub releases: ReleaseSource,
    /// Reads the reports of checks.
    pub checks: Inspector,
    /// Runs the commands around a version.
    pub runner: Runner,
    /// Keeps the numbers of rollouts, for looking at them again.
    pub recorder: Box<dyn Recorder>,
    /// Hears and tells what has baked in which environment.
    pub attestor: Arc<dyn Attestor>,
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
    refuse_orphans(&book, &specs)?;
    crate::kinds::refuse_changed(&book, &specs)?;
    for spec in specs.iter() {
        parts.platform.declare(spec).map_err(|error| Refused::Platform(error.to_string()))?;
    }
    let clock: Arc<dyn Clock> = Arc::new(SteadyClock::starting_after(end));
    let (orders, inbox) = mpsc::channel(ORDERS);
    let (publish, views) = watch::channel(Views::default());
    let (entries, _) = broadcast::channel(STREAM);
    let handle = Handle {
        orders,
        views,
        entries: entries.clone(),
        reader: Arc::new(Mutex::new(parts.reader)),
        auditor: Arc::default(),
        platform: parts.platform.clone(),
        specs: parts.specs,
        releases: parts.releases,
        checks: parts.checks,
        attestor: parts.attestor.clone(),
        recordings: parts.recorder.recordings(),
        clock: clock.clone(),
    };
    let stop = Arc::new(Notify::new());
    let hands = (parts.platform, parts.recorder, parts.attestor);
    let mut looping = Loop::new(book, specs.to_vec(), hands, clock, entries, publish);
    looping.runner = parts.runner;
    let stopped = stop.clone();
    let thread = std::thread::Builder::new()
        .name("staunch-loop".to_owned())
        .spawn(move || looping.run(inbox, &stopped))
        .map_err(|error| Refused::Platform(error.to_string()))?;
    Ok((Control { stop, thread }, handle))
}

/// A rollout cannot go on, nor back, without its service's description. Meanwhile the edges serve from stable.
fn refuse_orphans(book: &Book, specs: &[ServiceSpec]) -> Result<(), Refused> {
    let described = |name: &ServiceName| specs.iter().any(|spec| spec.name == *name);
    let orphans = book.services.iter().filter(|(name, _)| !described(name));
    let orphans = orphans.filter_map(|(name, service)| Some((name, service.active()?.spec.id)));
    let told: Vec<String> = orphans
        .map(|(name, id)| {
            format!("rollout {id} of `{name}` is under way, but the file no longer has this service: put it back until the rollout has ended")
        })
        .collect();
    if told.is_empty() { Ok(()) } else { Err(Refused::Config(told.join("\n"))) }
}

pub(crate) struct Loop {
    pub(crate) book: Book,
    pub(crate) watches: BTreeMap<ServiceName, Watch>,
    pub(crate) platform: Arc<dyn Platform>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) recorder: Box<dyn Recorder>,
    pub(crate) attestor: Arc<dyn Attestor>,
    pub(crate) runner: Runner,
    pub(crate) commands: BTreeMap<ServiceName, crate::infra::Command>,
    pub(crate) entries: broadcast::Sender<Arc<Entry>>,
    publish: watch::Sender<Views>,
    shown: BTreeMap<ServiceName, Arc<ServiceView>>,
    /// Given when the turn that follows has been shown: whoever asks next sees what came of the order.
    answers: Vec<Answer>,
    /// What came while the journal was late, oldest first.
    deferred: VecDeque<Order>,
    /// Counts of error budgets that are being written, and when they were handed over last.
    pub(crate) writing: Option<Writing>,
    pub(crate) counts_written: Timestamp,
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
        (platform, recorder, attestor): (Arc<dyn Platform>, Box<dyn Recorder>, Arc<dyn Attestor>),
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
        Self {
            book,
            watches,
            platform,
            clock,
            recorder,
            attestor,
            runner: no_runner(),
            commands: BTreeMap::new(),
            entries,
            publish,
            shown: BTreeMap::new(),
            answers: vec![],
            deferred: VecDeque::new(),
            writing: None,
            counts_written: now,
        }
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
                Wake::Stop => return self.write_counts(true),
                Wake::Order(order) => self.take(order),
                Wake::Changed => std::thread::sleep(SHORTEST),
                Wake::Tick => {}
            }
            let now = self.clock.now();
            let full = now.since(last_full) >= IDLE;
            if full {
                last_full = now;
            }
            self.pass(full);
            self.give_answers();
            self.take_deferred();
        }
    }

    /// An order that nothing hurries waits for a late journal, instead of being refused by it.
    fn take(&mut self, order: Order) {
        if self.book.is_late() && !order.cannot_wait() && self.deferred.len() < ORDERS {
            self.deferred.push_back(order);
            return;
        }
        let answer = self.obey(order);
        self.answers.push(answer);
    }

    fn take_deferred(&mut self) {
        while !self.book.is_late()
            && let Some(order) = self.deferred.pop_front()
        {
            self.take(order);
        }
    }

    /// What would be acted on only when it is recorded is not promised before.
    fn give_answers(&mut self) {
        let (held, due): (Vec<_>, Vec<_>) = self
            .answers
            .drain(..)
            .partition(|answer| answer.service.as_ref().is_some_and(|name| self.book.is_held(name)));
        self.answers = held;
        due.into_iter().for_each(|answer| (answer.give)());
    }

    fn is_active(&self) -> bool {
        self.book.is_late()
            || !self.book.releases.is_empty()
            || self.book.services.values().any(|service| service.active().is_some())
            || self.watches.values().any(|watch| watch.restless)
    }

    /// One turn of every service that needs one.
    fn pass(&mut self, full: bool) {
        let reports = self.platform.reports();
        let trouble = self.book.trouble.clone();
        let settled = self.book.settle();
        self.tell(settled);
        self.drive_releases();
        // It is part of every view.
        let full = full || trouble != self.book.trouble;
        self.write_counts(false);
        let names: Vec<_> = self.watches.keys().cloned().collect();
        let mut turned = false;
        for name in names {
            let active = self.book.services.get(&name).is_some_and(|service| service.active().is_some());
            let restless = self.watches.get(&name).is_some_and(|watch| watch.restless);
            if !full && !active && !restless {
                self.note_reports(&name, &reports);
                continue;
            }
            turned = true;
            let view = self.turn(&name, &reports);
            self.shown.insert(name, Arc::new(view));
        }
        if turned {
            self.publish.send_replace(Arc::new(self.shown.clone()));
        }
    }

    pub(crate) fn record(
        &mut self,
        name: &ServiceName,
        actor: &Actor,
        events: &[Event],
    ) -> Result<(), Refused> {
        let settled = self.book.settle();
        self.tell(settled);
        let now = self.clock.now();
        let entries = self
            .book
            .commit(name, now, actor, events)
            .map_err(|error| Refused::Journal(error.to_string()))?;
        self.tell(entries);
        Ok(())
    }

    pub(crate) fn tell(&self, entries: Vec<Entry>) {
        for entry in entries {
            // No one listening is fine: the journal keeps it.
            drop(self.entries.send(Arc::new(entry)));
        }
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
