//! Looking at what services need, in the background: a thread for each dependency that is watched, so that one that
//! hangs holds up neither the loop nor the others.

mod ask;
mod command;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use staunch_model::{DependencyLook, DependencySpec, ServiceName};

/// All that is watched now.
pub(crate) struct Dependencies {
    /// Where commands are run.
    project: PathBuf,
    workers: Mutex<BTreeMap<ServiceName, Vec<Worker>>>,
}

/// One dependency and the thread that asks it. Dropping it ends the thread after its present look.
struct Worker {
    spec: DependencySpec,
    shared: Arc<Shared>,
}

struct Shared {
    look: Mutex<DependencyLook>,
    stopped: Mutex<bool>,
    stop: Condvar,
}

impl Dependencies {
    pub(crate) fn new(project: &Path) -> Self {
        Self { project: project.to_owned(), workers: Mutex::new(BTreeMap::new()) }
    }

    /// Watches exactly these for the service. What is watched already goes on.
    pub(crate) fn watch(&self, service: &ServiceName, specs: Vec<DependencySpec>) {
        let mut workers = unpoisoned(&self.workers);
        let mut before = workers.remove(service).unwrap_or_default();
        let now: Vec<_> = specs.into_iter().filter_map(|spec| self.worker(spec, &mut before)).collect();
        if !now.is_empty() {
            workers.insert(service.clone(), now);
        }
    }

    /// The one there is, or a new one; `None` when the machine gives no thread, and then nothing is known of it.
    fn worker(&self, spec: DependencySpec, before: &mut Vec<Worker>) -> Option<Worker> {
        match before.iter().position(|worker| worker.spec == spec) {
            Some(place) => Some(before.swap_remove(place)),
            None => Worker::start(spec, self.project.clone()).ok(),
        }
    }

    pub(crate) fn looks(&self, service: &ServiceName) -> Vec<DependencyLook> {
        let workers = unpoisoned(&self.workers);
        let own = workers.get(service).into_iter().flatten();
        own.map(|worker| unpoisoned(&worker.shared.look).clone()).collect()
    }
}

impl Worker {
    fn start(spec: DependencySpec, project: PathBuf) -> std::io::Result<Self> {
        let look = DependencyLook { name: spec.name.clone(), ..DependencyLook::default() };
        let shared =
            Arc::new(Shared { look: Mutex::new(look), stopped: Mutex::new(false), stop: Condvar::new() });
        let (own, asked) = (shared.clone(), spec.clone());
        std::thread::Builder::new()
            .name("staunch-needs".to_owned())
            .spawn(move || own.run(&asked, &project))?;
        Ok(Self { spec, shared })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        *unpoisoned(&self.shared.stopped) = true;
        self.shared.stop.notify_all();
    }
}

impl Shared {
    fn run(&self, spec: &DependencySpec, project: &Path) {
        loop {
            let answer = ask::ask(&spec.target, spec.timeout, project);
            self.note(answer);
            if self.stops_within(spec.interval) {
                return;
            }
        }
    }

    fn note(&self, answer: Result<String, String>) {
        let mut look = unpoisoned(&self.look);
        look.looks += 1;
        look.failures_in_row = if answer.is_ok() { 0 } else { look.failures_in_row.saturating_add(1) };
        look.words = answer.unwrap_or_else(|error| error);
    }

    fn stops_within(&self, interval: Duration) -> bool {
        let stopped = unpoisoned(&self.stopped);
        let waited = self.stop.wait_timeout_while(stopped, interval, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
