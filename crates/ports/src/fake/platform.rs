//! A platform without a machine: instances become ready at once and every split is seen at once, unless told
//! otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use staunch_model::{
    EdgeReport, InstanceId, Revision, RevisionDigest, RunSpec, ServiceName, ServiceSpec, SmokeKey,
    SplitGeneration, Timestamp,
};
use staunch_rollout::{
    Action, InstanceState, InstanceStatus, Observed, ObservedSplit, SmokeState, SmokeStatus, SplitWish,
};

use crate::{Platform, PlatformError, Waker};

#[derive(Default)]
pub struct FakePlatform {
    world: Mutex<World>,
}

#[derive(Default)]
struct World {
    services: BTreeMap<ServiceName, Place>,
    reports: Vec<EdgeReport>,
    logs: BTreeMap<InstanceId, Vec<String>>,
    renewed: BTreeMap<ServiceName, u64>,
    never_ready: BTreeSet<RevisionDigest>,
    refusal: Option<String>,
    waker: Option<Waker>,
}

#[derive(Default)]
struct Place {
    instances: Vec<InstanceStatus>,
    split: Option<ObservedSplit>,
    smoke: Vec<SmokeStatus>,
}

impl FakePlatform {
    /// Instances of this revision that are started from now on stay unready.
    pub fn never_ready(&self, revision: &RevisionDigest) {
        self.lock().never_ready.insert(revision.clone());
    }

    /// `declare` and `prepare` are refused for this reason, until `None`.
    pub fn refuse(&self, why: Option<&str>) {
        self.lock().refusal = why.map(str::to_owned);
    }

    /// What the edges will have counted at the next call of `reports`.
    pub fn count(&self, report: EdgeReport) {
        self.change(|world| world.reports.push(report));
    }

    pub fn write_log(&self, instance: &InstanceId, line: &str) {
        self.lock().logs.entry(instance.clone()).or_default().push(line.to_owned());
    }

    /// Changes what is seen of one instance.
    pub fn alter(&self, instance: &InstanceId, change: impl FnOnce(&mut InstanceStatus)) {
        self.change(|world| {
            let mut all = world.services.values_mut().flat_map(|place| place.instances.iter_mut());
            if let Some(found) = all.find(|status| &status.id == instance) {
                change(found);
            }
        });
    }

    /// The canary's lease lapses now.
    pub fn lapse(&self, service: &ServiceName) {
        self.change(|world| {
            let split = world.services.get_mut(service).and_then(|place| place.split.as_mut());
            if let Some(split) = split {
                split.lapsed = true;
            }
        });
    }

    /// How often the lease of this service was renewed under its present split.
    pub fn renewals(&self, service: &ServiceName) -> u64 {
        self.lock().renewed.get(service).copied().unwrap_or(0)
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The waker is called without the lock: it may call back.
    fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.lock();
        let answer = change(&mut world);
        let waker = world.waker.clone();
        drop(world);
        if let Some(waker) = waker {
            waker();
        }
        answer
    }
}

impl Platform for FakePlatform {
    fn declare(&self, spec: &ServiceSpec) -> Result<(), PlatformError> {
        let mut world = self.lock();
        world.willing(&spec.name)?;
        world.services.entry(spec.name.clone()).or_default();
        Ok(())
    }

    fn prepare(&self, spec: &ServiceSpec, label: &str, now: Timestamp) -> Result<Revision, PlatformError> {
        self.lock().willing(&spec.name)?;
        let run = RunSpec {
            infra: None,
            command: spec.command.clone(),
            dir: "/nowhere".to_owned(),
            env: spec.env.clone(),
            health: spec.health.clone(),
            stop: spec.stop.clone(),
        };
        Ok(Revision {
            digest: digest(spec),
            service: spec.name.clone(),
            label: label.to_owned(),
            run,
            files: vec![],
            created: now,
        })
    }

    fn observe(&self, service: &ServiceName) -> Observed {
        let world = self.lock();
        let Some(place) = world.services.get(service) else {
            return Observed { at: now(), ..Observed::default() };
        };
        Observed {
            at: now(),
            instances: place.instances.clone(),
            split: place.split.clone(),
            smoke: place.smoke.clone(),
            left: vec![],
        }
    }

    fn execute(&self, action: Action) -> Result<(), PlatformError> {
        self.change(|world| match action {
            Action::Start { service, revision, instance } => world.start(service, &revision, instance),
            Action::Stop { instance } => world.stop(&instance),
            Action::Shift { service, wish } => world.shift(&service, wish),
            Action::Smoke { key, .. } => world.check(key),
            Action::ForgetSmoke { key } => world.forget_check(&key),
        })
    }

    fn reports(&self) -> Vec<EdgeReport> {
        std::mem::take(&mut self.lock().reports)
    }

    fn renew(&self, service: &ServiceName, generation: SplitGeneration) {
        let mut world = self.lock();
        let split = world.services.get(service).and_then(|place| place.split.as_ref());
        if split.is_some_and(|split| split.wish.generation == generation) {
            *world.renewed.entry(service.clone()).or_default() += 1;
        }
    }

    fn logs(&self, instance: &InstanceId, lines: usize) -> Vec<String> {
        let world = self.lock();
        let all = world.logs.get(instance).map(Vec::as_slice).unwrap_or_default();
        all[all.len().saturating_sub(lines)..].to_vec()
    }

    fn measure(&self, _: &InstanceId, _: &[String], _: Duration) -> Option<f64> {
        None
    }

    fn set_waker(&self, waker: Waker) {
        self.lock().waker = Some(waker);
    }

    fn retain(&self, _revisions: &[RevisionDigest]) {}
}

impl World {
    fn willing(&self, service: &ServiceName) -> Result<(), PlatformError> {
        let Some(why) = self.refusal.clone() else { return Ok(()) };
        Err(PlatformError::Refused { what: service.to_string(), why, fix: "try again".to_owned() })
    }

    fn start(
        &mut self,
        service: ServiceName,
        revision: &Revision,
        id: InstanceId,
    ) -> Result<(), PlatformError> {
        let ready = !self.never_ready.contains(&revision.digest);
        let place = self.services.entry(service).or_default();
        if place.instances.iter().any(|instance| instance.id == id) {
            return Ok(());
        }
        place.instances.push(InstanceStatus {
            id,
            revision: revision.digest.clone(),
            state: InstanceState::Running,
            ready,
            ready_changed: now(),
            started: now(),
            pid: None,
            exits: vec![],
            memory_bytes: 0,
            cpu_ratio: 0.0,
            attempts: 0,
            in_flight: 0,
            probe: Some(if ready { "200 OK" } else { "connection refused" }.to_owned()),
        });
        Ok(())
    }

    /// Every check is satisfied at once.
    fn check(&mut self, key: SmokeKey) -> Result<(), PlatformError> {
        let mut places = self.services.values_mut();
        if let Some(place) = places.find(|place| place.instances.iter().any(|known| known.id == key.instance))
        {
            place.smoke.retain(|status| status.key != key);
            place.smoke.push(SmokeStatus { key, state: SmokeState::Passed { took_ms: 1 } });
        }
        Ok(())
    }

    fn forget_check(&mut self, key: &SmokeKey) -> Result<(), PlatformError> {
        self.services.values_mut().for_each(|place| place.smoke.retain(|status| &status.key != key));
        Ok(())
    }

    fn stop(&mut self, id: &InstanceId) -> Result<(), PlatformError> {
        for place in self.services.values_mut() {
            place.instances.retain(|instance| &instance.id != id);
        }
        Ok(())
    }

    fn shift(&mut self, service: &ServiceName, wish: SplitWish) -> Result<(), PlatformError> {
        let place = self.services.entry(service.clone()).or_default();
        if let Some(known) = place.split.as_ref().map(|split| split.wish.generation)
            && wish.generation < known
        {
            return Err(PlatformError::Stale { offered: wish.generation, known });
        }
        place.split = Some(ObservedSplit { wish, seen: true, lapsed: false, since: now() });
        self.renewed.remove(service);
        Ok(())
    }
}

/// Content is what the file says: another command, environment or id is another revision.
fn digest(spec: &ServiceSpec) -> RevisionDigest {
    let mut bytes = [0u8; 32];
    for (part, chunk) in bytes.chunks_mut(8).enumerate() {
        let mut hasher = DefaultHasher::new();
        (part, &spec.command, &spec.env, &spec.id).hash(&mut hasher);
        chunk.copy_from_slice(&hasher.finish().to_be_bytes());
    }
    RevisionDigest::from_sha256(bytes)
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
