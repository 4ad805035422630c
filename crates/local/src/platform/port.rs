//! The port's methods: each reads what is known or hands an order on.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use staunch_model::{
    AllowSpec, DependencyLook, DependencySpec, EdgeReport, InstanceId, KeptList, Revision, RevisionDigest,
    ServiceName, ServiceSpec, SplitGeneration, Timestamp, WhoSpec,
};
use staunch_ports::{Action, Observed, Platform, PlatformError, SplitWish, Waker};

use super::keeper_thread::Order;
use super::shared::unpoisoned;
use super::start::LocalPlatform;
use super::world::{Pending, Service, World};
use super::{measure, smoke, split};
use crate::client::KeeperError;
use crate::lists;
use crate::logs;
use crate::paths::Paths;
use crate::protocol::{InstanceSpec, Request, Response};
use crate::ready_file;
use crate::snapshot;
use crate::time::now;

/// A keeper that was lost is back within this.
const PATIENCE: Duration = Duration::from_secs(5);
const DEFAULT_GRACE_MS: u64 = 10_000;

impl Platform for LocalPlatform {
    fn declare(&self, spec: &ServiceSpec) -> Result<(), PlatformError> {
        let what = || format!("service {}", spec.name);
        if let Some(addr) = spec.listen {
            let fix = "Choose another `listen` address, or stop what has this one".to_owned();
            self.patiently(&Request::Listen { addr }, what, fix)?;
            let fix = "See keeper.log in the data directory's folder `run`".to_owned();
            self.patiently(&Request::EnsureEdge, what, fix)?;
        }
        if let Some(former) = self.note_declared(spec) {
            // Still listening there would be untidy and no more.
            let _untidy = self.patiently(&Request::Unlisten { addr: former }, what, String::new());
        }
        self.shared.publish();
        Ok(())
    }

    fn prepare(&self, spec: &ServiceSpec, label: &str, now: Timestamp) -> Result<Revision, PlatformError> {
        snapshot::prepare(&self.shared.paths, &self.shared.project, spec, label, now).map_err(|error| {
            let what = format!("service {}", spec.name);
            let (why, fix) = (error.to_string(), error.fix().to_owned());
            if error.is_of_the_machine() {
                PlatformError::Refused { what, why, fix }
            } else {
                PlatformError::Content { what, why, fix }
            }
        })
    }

    fn keep_list(&self, allow: &AllowSpec) -> Result<KeptList, PlatformError> {
        let in_use = lists_in_use(&self.shared.world());
        lists::collect_garbage(&self.shared.paths, &in_use);
        lists::keep(&self.shared.paths, &self.shared.project, allow)
    }

    fn observe(&self, service: &ServiceName) -> Observed {
        let world = self.shared.world();
        let of_service = world.of_service(service).filter(|(_, tracked)| !tracked.is_over());
        Observed {
            at: now(),
            instances: of_service.map(|(id, tracked)| tracked.status(id, world.in_flight(id))).collect(),
            split: world.services.get(service).and_then(|service| split::observed(&world, service)),
            smoke: smoke::of_service(&world.smoke, service),
            left: world.left_of(service),
        }
    }

    fn execute(&self, action: Action) -> Result<(), PlatformError> {
        match action {
            Action::Start { service, revision, instance } => {
                self.start_instance(service, &revision, instance)
            }
            Action::Stop { instance } => self.stop_instance(instance),
            Action::Shift { service, wish } => return self.shift(&service, wish),
            Action::Smoke { key, spec } => smoke::begin(&self.shared, key, spec),
            Action::ForgetSmoke { key } => drop(self.shared.world().smoke.remove(&key)),
        }
        Ok(())
    }

    fn reports(&self) -> Vec<EdgeReport> {
        self.shared.world().reports.drain(..).collect()
    }

    fn renew(&self, service: &ServiceName, generation: SplitGeneration) {
        let leases = std::iter::once((service.to_string(), generation)).collect();
        // Without an edge there is no lease to renew.
        let _no_edge = self.shared.leases.send(leases);
    }

    fn logs(&self, instance: &InstanceId, lines: usize) -> Vec<String> {
        logs::tail(&self.shared.paths.log(instance), lines)
    }

    fn measure(&self, instance: &InstanceId, words: &[String], every: Duration) -> Option<f64> {
        let spec = self.shared.world().spec_with_pids(instance)?;
        measure::read(&self.shared.measures, &spec, words, every)
    }

    fn check(&self, instance: &InstanceId, words: &[String], every: Duration) -> Option<bool> {
        let spec = self.shared.world().spec_with_pids(instance)?;
        measure::check(&self.shared.measures, &spec, words, every)
    }

    fn watch_dependencies(&self, service: &ServiceName, specs: Vec<DependencySpec>) {
        self.shared.dependencies.watch(service, specs);
    }

    fn dependencies(&self, service: &ServiceName) -> Vec<DependencyLook> {
        self.shared.dependencies.looks(service)
    }

    fn set_waker(&self, waker: Waker) {
        self.shared.set_waker(waker);
    }

    fn retain(&self, revisions: &[RevisionDigest]) {
        let mut kept: BTreeSet<RevisionDigest> = revisions.iter().cloned().collect();
        let world = self.shared.world();
        // What runs, runs in its snapshot.
        kept.extend(world.instances.values().map(|tracked| tracked.revision.clone()));
        drop(world);
        snapshot::collect_garbage(&self.shared.paths, &kept);
        remove_logs(&self.shared.paths, &kept);
        let named = |name: &str| kept.iter().any(|revision| name.contains(revision.short()));
        ready_file::remove_folders(&self.shared.paths.instances(), named);
    }
}

impl LocalPlatform {
    /// Forgets a service: its address is no longer listened on and the edges no longer know it. Stop its instances
    /// first.
    ///
    /// # Errors
    /// No keeper answers.
    pub fn undeclare(&self, service: &ServiceName) -> Result<(), PlatformError> {
        let mut world = self.shared.world();
        let Some(gone) = world.services.remove(service) else { return Ok(()) };
        world.remember(&self.shared.services_file());
        let Some(listen) = gone.spec.listen else {
            return Ok(());
        };
        let shared_address = world.services.values().any(|other| other.spec.listen == Some(listen));
        drop(world);
        if shared_address {
            return Ok(());
        }
        self.patiently(&Request::Unlisten { addr: listen }, || format!("service {service}"), String::new())
            .map(drop)
    }

    /// Asks the keeper; waits out the moment in which a lost one is replaced.
    fn patiently(
        &self,
        request: &Request,
        what: impl Fn() -> String,
        fix: String,
    ) -> Result<Response, PlatformError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = unpoisoned(&self.shared.client).ask(request);
            match answer {
                Ok(response) => return Ok(response),
                Err(KeeperError::Unreachable(_)) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(KeeperError::Refused(why)) => {
                    return Err(PlatformError::Refused { what: what(), why, fix });
                }
                Err(error @ (KeeperError::Unreachable(_) | KeeperError::Unexpected(_))) => {
                    return Err(PlatformError::Unreachable(error.to_string()));
                }
            }
        }
    }

    /// Gives the address that the service left and nobody else uses.
    fn note_declared(&self, spec: &ServiceSpec) -> Option<SocketAddr> {
        let mut world = self.shared.world();
        let known = world.services.get(&spec.name).cloned();
        let (wish, since, version) =
            known.as_ref().map_or((None, now(), 0), |known| (known.wish.clone(), known.since, known.version));
        world.services.insert(spec.name.clone(), Service { spec: spec.clone(), wish, since, version });
        world.remember(&self.shared.services_file());
        let former = known.and_then(|known| known.spec.listen)?;
        let used = world.services.values().any(|service| service.spec.listen == Some(former));
        (!used).then_some(former)
    }

    fn start_instance(&self, service: ServiceName, revision: &Revision, id: InstanceId) {
        let mut world = self.shared.world();
        world.start(service.clone(), revision, &id, now());
        let ask_leader = world.services.get(&service).is_some_and(|known| known.spec.is_worker());
        drop(world);
        let mut env = revision.run.env.clone();
        ready_file::tell(&mut env, &self.shared.paths, &id, &revision.run.health);
        let spec = InstanceSpec {
            id,
            service,
            revision: revision.digest.clone(),
            command: revision.run.command.clone(),
            dir: revision.run.dir.clone().into(),
            env,
            port: 0,
            stop_signal: revision.run.stop.signal,
            ask_leader,
            grace_ms: millis(revision.run.stop.grace),
            health: revision.run.health.clone(),
        };
        self.shared.order(Order::Start { spec: Box::new(spec) });
    }

    fn stop_instance(&self, id: InstanceId) {
        let mut world = self.shared.world();
        let Some(tracked) = world.instances.get_mut(&id) else { return };
        if tracked.is_over() {
            return;
        }
        tracked.pending = Some(Pending::Stop);
        tracked.kept = None;
        // Not yet handed to the keeper: nothing runs that would need time.
        let grace_ms = tracked.spec.as_ref().map_or(DEFAULT_GRACE_MS, |spec| spec.grace_ms);
        drop(world);
        self.shared.publish();
        self.shared.order(Order::Stop { id, grace_ms });
    }

    fn shift(&self, name: &ServiceName, wish: SplitWish) -> Result<(), PlatformError> {
        let mut world = self.shared.world();
        let Some(service) = world.services.get_mut(name) else { return Err(undeclared(name)) };
        match &service.wish {
            Some(known) if *known == wish => return Ok(()),
            Some(known) if known.generation >= wish.generation => {
                return Err(PlatformError::Stale { offered: wish.generation, known: known.generation });
            }
            Some(_) | None => {}
        }
        (service.wish, service.since, service.version) = (Some(wish), now(), 0);
        world.settle_until = None;
        world.remember(&self.shared.services_file());
        drop(world);
        self.shared.publish();
        Ok(())
    }
}

/// What wishes in force name, and what those that come next will.
fn lists_in_use(world: &World) -> BTreeSet<PathBuf> {
    let kept = |who: &WhoSpec| Some(PathBuf::from(&who.allow.as_ref()?.kept.as_ref()?.path));
    let wished = world.services.values().filter_map(|service| service.wish.as_ref()?.who.as_deref());
    let declared = world.services.values().filter_map(|service| service.spec.strategy.who.as_ref());
    wished.chain(declared).filter_map(kept).collect()
}

/// Logs of instances whose revision is gone; the id in a log's name carries the revision.
fn remove_logs(paths: &Paths, kept: &BTreeSet<RevisionDigest>) {
    for entry in std::fs::read_dir(paths.logs()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !kept.iter().any(|revision| name.contains(revision.short())) {
            let _tried_again_next_time = std::fs::remove_file(entry.path());
        }
    }
}

fn undeclared(name: &ServiceName) -> PlatformError {
    PlatformError::Refused {
        what: format!("service {name}"),
        why: "it is not declared on this machine".to_owned(),
        fix: "Declare it before traffic is sent to it".to_owned(),
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
