//! The whole platform as the loop uses it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use staunch_local::{LocalOptions, LocalPlatform};
use staunch_model::{
    EdgeSpec, EvidenceSpec, InstanceId, Limits, Outcomes, ProbeSpec, ProbeTarget, Revision, RevisionDigest,
    Sample, ServiceName, ServiceSpec, ShieldSpec, SplitGeneration, StopSpec, Strategy, Timestamp,
    TriggerSpec, Weight,
};
use staunch_ports::{Action, InstanceState, InstanceStatus, Platform, PlatformError, SplitWish};
use tempfile::TempDir;

use crate::home::{alive, free_port, get, health, kill, rig, until};

const SECOND: Duration = Duration::from_secs(1);

struct House {
    dir: TempDir,
    /// None only between the end of one control and the start of the next.
    platform: Option<Arc<LocalPlatform>>,
}

impl House {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let platform = start(dir.path());
        Self { dir, platform: Some(platform) }
    }

    fn platform(&self) -> &LocalPlatform {
        self.platform.as_ref().unwrap()
    }

    /// Control ends and another begins; everything else goes on.
    fn restart_control(&mut self) {
        self.platform = None;
        self.platform = Some(start(self.dir.path()));
    }

    fn run(&self, spec: &ServiceSpec, number: u32) -> (Revision, InstanceId) {
        self.platform().declare(spec).unwrap();
        let revision = self.platform().prepare(spec, "v", Timestamp(0)).unwrap();
        let instance = InstanceId::new(&spec.name, &revision.digest, number);
        let start = Action::Start {
            service: spec.name.clone(),
            revision: Box::new(revision.clone()),
            instance: instance.clone(),
        };
        self.platform().execute(start).unwrap();
        (revision, instance)
    }

    fn run_ready(&self, spec: &ServiceSpec, number: u32) -> (Revision, InstanceId) {
        let (revision, instance) = self.run(spec, number);
        until("the instance is ready", || self.status(&instance).ready);
        (revision, instance)
    }

    fn status(&self, id: &InstanceId) -> InstanceStatus {
        let found = self.platform().observe(&shop()).instances.into_iter().find(|status| status.id == *id);
        found.unwrap()
    }

    fn lists(&self, id: &InstanceId) -> bool {
        self.platform().observe(&shop()).instances.iter().any(|status| status.id == *id)
    }

    fn shift(&self, generation: u64, stable: &RevisionDigest, canary: Option<(&RevisionDigest, f64)>) {
        let wish = wish(generation, stable, canary);
        self.platform().execute(Action::Shift { service: shop(), wish: wish.clone() }).unwrap();
        self.until_seen(&wish);
    }

    fn until_seen(&self, wish: &SplitWish) {
        until("every edge has seen the split", || {
            self.platform().observe(&shop()).split.is_some_and(|split| split.seen && split.wish == *wish)
        });
    }

    /// What one edge has counted since the last question.
    fn samples_of(&self, edge: u32) -> Vec<Sample> {
        let reports = self.platform().reports().into_iter().filter(|report| report.edge == edge);
        reports.flat_map(|report| report.samples).collect()
    }

    fn edge_pids(&self) -> Vec<u32> {
        let listing = self.platform().keeper_status().unwrap().listing;
        listing.edges.iter().filter(|edge| !edge.draining).map(|edge| edge.process.pid).collect()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _no_keeper = self.platform.as_ref().map(|platform| platform.shutdown());
    }
}

fn start(dir: &Path) -> Arc<LocalPlatform> {
    let options = LocalOptions { data: dir.join(".staunch"), project: dir.to_owned(), binary: rig() };
    LocalPlatform::start(options).unwrap()
}

fn shop() -> ServiceName {
    ServiceName::try_from("shop".to_owned()).unwrap()
}

fn wish(generation: u64, stable: &RevisionDigest, canary: Option<(&RevisionDigest, f64)>) -> SplitWish {
    SplitWish {
        generation: SplitGeneration(generation),
        salt: 1,
        stable: Some(stable.clone()),
        canary: canary.map(|(revision, percent)| (revision.clone(), Weight::percent(percent).unwrap())),
        mirror: None,
        twins: false,
        who: None,
    }
}

fn spec(version: &str, listen: SocketAddr) -> ServiceSpec {
    let env = BTreeMap::from([
        ("VERSION".to_owned(), version.to_owned()),
        ("SICK".to_owned(), "/nowhere".to_owned()),
    ]);
    let command = vec![rig().display().to_string(), "app".to_owned()];
    ServiceSpec {
        env,
        health: health(),
        stop: StopSpec { grace: SECOND, drain: SECOND, ..StopSpec::default() },
        edge: EdgeSpec {
            sticky: None,
            shield: ShieldSpec { enabled: true, after: 5 * SECOND },
            limits: Limits {
                header_bytes: 16_384,
                body_bytes: None,
                connections: 1_000,
                header_timeout: 10 * SECOND,
                response_timeout: 10 * SECOND,
                idle_timeout: 30 * SECOND,
                connect_timeout: SECOND,
            },
            lease: 3 * SECOND,
        },
        strategy: Strategy {
            bake: SECOND,
            prepare_deadline: SECOND,
            step_deadline: SECOND,
            pause_deadline: SECOND,
            ..Strategy::default()
        },
        triggers: TriggerSpec { crash_window: SECOND, unready_for: SECOND, ..TriggerSpec::default() },
        evidence: EvidenceSpec { warm_up: SECOND, warm_up_requests: 1, ..EvidenceSpec::default() },
        ..ServiceSpec::plain(shop(), listen, command)
    }
}

fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(since.as_millis() as i64)
}

fn listen_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

fn version_at(addr: SocketAddr) -> Option<String> {
    get(addr, "/").and_then(|body| body.split(' ').next().map(str::to_owned))
}

/// Asks without a pause until it is told to stop; counts answers and failures.
struct Load {
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicU64>,
    failures: Arc<AtomicU64>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Load {
    fn on(addr: SocketAddr) -> Self {
        let (stop, answers, failures) = (Arc::default(), Arc::default(), Arc::default());
        let thread = std::thread::spawn({
            let (stop, answers, failures) = (Arc::clone(&stop), Arc::clone(&answers), Arc::clone(&failures));
            move || {
                while !AtomicBool::load(&stop, Ordering::Relaxed) {
                    let count: &AtomicU64 = if get(addr, "/").is_some() { &answers } else { &failures };
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Self { stop, answers, failures, thread: Some(thread) }
    }

    fn until_more(&self, count: u64) {
        let goal = self.answers.load(Ordering::Relaxed) + count;
        until("requests are answered", || self.answers.load(Ordering::Relaxed) >= goal);
    }

    fn failures(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
        self.failures.load(Ordering::Relaxed)
    }
}

#[test]
fn two_revisions_are_started_split_counted_and_shifted() {
    let house = House::new();
    let woken = Arc::new(AtomicU32::new(0));
    let count = woken.clone();
    house.platform().set_waker(Arc::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
    }));
    let listen = listen_address();
    let (v1, one) = house.run_ready(&spec("v1", listen), 1);
    house.shift(1, &v1.digest, None);
    assert_eq!(version_at(listen).as_deref(), Some("v1"));
    assert!(woken.load(Ordering::Relaxed) > 0);

    let (v2, two) = house.run_ready(&spec("v2", listen), 1);
    house.shift(2, &v1.digest, Some((&v2.digest, 50.0)));
    let load = Load::on(listen);
    load.until_more(200);
    let mut seen: BTreeMap<RevisionDigest, Outcomes> = BTreeMap::new();
    until("both revisions are counted", || {
        house.platform().renew(&shop(), SplitGeneration(2));
        for sample in house.platform().reports().into_iter().flat_map(|report| report.samples) {
            seen.entry(sample.revision).or_default().add(&sample.outcomes);
        }
        [&v1, &v2].iter().all(|revision| seen.get(&revision.digest).is_some_and(|counts| counts.ok > 20))
    });
    house.shift(3, &v2.digest, None);
    house.platform().execute(Action::Stop { instance: one.clone() }).unwrap();
    until("the old one is gone", || !house.lists(&one));
    load.until_more(50);
    assert_eq!(load.failures(), 0);
    assert_eq!(version_at(listen).as_deref(), Some("v2"));
    until("its use of the machine is known", || house.status(&two).memory_bytes > 100_000);
    assert!(house.status(&two).attempts > 0);
    assert!(house.platform().logs(&two, 5).iter().any(|line| line.contains("v2 listens on")));

    // The id of one that was stopped is free for it to come back.
    house.run_ready(&spec("v1", listen), 1);
    house.platform().retain(std::slice::from_ref(&v2.digest));
    assert!(Path::new(&v1.run.dir).exists(), "it runs there");
    house.platform().execute(Action::Stop { instance: one.clone() }).unwrap();
    until("it is gone again", || !house.lists(&one));
    until("its content can go", || {
        house.platform().retain(std::slice::from_ref(&v2.digest));
        !Path::new(&v1.run.dir).exists() && house.platform().logs(&one, 1).is_empty()
    });
    assert_eq!(version_at(listen).as_deref(), Some("v2"));

    let stale = house.platform().execute(Action::Shift { service: shop(), wish: wish(2, &v1.digest, None) });
    assert!(matches!(stale, Err(PlatformError::Stale { .. })), "{stale:?}");
}

#[test]
fn readiness_falls_and_rises_and_the_last_words_are_kept() {
    let house = House::new();
    let sick = house.dir.path().join("sick");
    let mut spec = spec("v1", listen_address());
    spec.env.insert("SICK".to_owned(), sick.display().to_string());
    let (_, id) = house.run_ready(&spec, 1);
    std::fs::write(&sick, "").unwrap();
    until("it is not ready", || !house.status(&id).ready);
    let probe = house.status(&id).probe.unwrap();
    assert_eq!(probe, "GET /healthz: 500 Internal Server Error: the database is gone");
    std::fs::remove_file(&sick).unwrap();
    until("it is ready again", || house.status(&id).ready);
    assert_eq!(house.status(&id).exits.len(), 0);
}

#[test]
fn one_that_is_no_longer_alive_is_restarted_for_that_reason() {
    let house = House::new();
    let sick = house.dir.path().join("sick");
    let mut spec = spec("v1", listen_address());
    spec.env.insert("SICK".to_owned(), sick.display().to_string());
    spec.health.live = Some(spec.health.ready.clone());
    spec.health.ready.target = ProbeTarget::Tcp;
    let (_, id) = house.run_ready(&spec, 1);
    let before = house.status(&id).pid;
    std::fs::write(&sick, "").unwrap();
    until("it was restarted", || {
        house.status(&id).exits.iter().any(|exit| exit.status.contains("liveness: GET"))
    });
    std::fs::remove_file(&sick).unwrap();
    until("it is ready again", || house.status(&id).ready);
    assert_ne!(house.status(&id).pid, before);
}

#[test]
fn what_never_gets_ready_says_what_it_waits_for() {
    let house = House::new();
    let mut silent = spec("v1", listen_address());
    silent.env.insert("BEHAVE".to_owned(), "silent".to_owned());
    silent.health.start_timeout = Duration::from_millis(300);
    let (_, id) = house.run(&silent, 1);
    let reason = "not ready within 300 ms: GET /healthz: connection refused";
    until("it is given up", || house.status(&id).exits.iter().any(|exit| exit.status.contains(reason)));

    let mut command = spec("v2", silent.listen.unwrap());
    command.health.ready = ProbeSpec {
        target: ProbeTarget::Command { words: vec!["sh".to_owned(), "-c".to_owned(), "sleep 60".to_owned()] },
        timeout: Duration::from_millis(100),
        ..command.health.ready
    };
    let (_, id) = house.run(&command, 1);
    until("its probe is ended", || {
        house.status(&id).probe.is_some_and(|words| words.contains("no answer in 100 ms"))
    });

    let mut absent = spec("v3", silent.listen.unwrap());
    absent.command = vec!["no-such-command".to_owned()];
    let (_, id) = house.run(&absent, 1);
    until("it says so", || matches!(house.status(&id).state, InstanceState::CannotExec { .. }));
}

#[test]
fn keeper_edge_and_control_are_lost_one_after_the_other_under_load() {
    let mut house = House::new();
    let listen = listen_address();
    let (v1, id) = house.run_ready(&spec("v1", listen), 1);
    house.shift(1, &v1.digest, None);
    let pid = house.status(&id).pid;
    let load = Load::on(listen);
    load.until_more(50);

    let keeper = house.platform().keeper_status().unwrap().listing.keeper.identity;
    kill(keeper.pid);
    load.until_more(50);
    until("another keeper", || {
        house.platform().keeper_status().is_ok_and(|status| status.listing.keeper.identity != keeper)
    });
    assert_eq!(house.status(&id).pid, pid);

    house.restart_control();
    load.until_more(50);
    until("it is known again", || house.status(&id).ready);
    house.until_seen(&wish(1, &v1.digest, None));
    assert_eq!(house.status(&id).pid, pid);
    assert_eq!(load.failures(), 0);

    // Requests that a killed edge had accepted are lost with it; those that come after are not.
    let edge = house.edge_pids()[0];
    kill(edge);
    assert_eq!(version_at(listen).as_deref(), Some("v1"));
    until("another edge", || house.edge_pids().first().is_some_and(|pid| *pid != edge));
}

#[test]
fn an_instance_warms_up_once_whoever_is_replaced() {
    let mut house = House::new();
    let mut spec = spec("v1", listen_address());
    (spec.evidence.warm_up, spec.evidence.warm_up_requests) = (600 * SECOND, u64::MAX);
    let (v1, id) = house.run_ready(&spec, 1);
    house.shift(1, &v1.digest, None);
    let _load = Load::on(spec.listen.unwrap());
    until("it warms up", || house.samples_of(house.edge_pids()[0]).iter().any(|sample| sample.warming));

    spec.evidence.warm_up = SECOND;
    let ready = house.status(&id).ready_changed;
    until("it is older than that", || wall().since(ready) > SECOND);
    house.platform().declare(&spec).unwrap();
    let edge = house.edge_pids()[0];
    until("the edge knows it", || house.samples_of(edge).iter().any(|sample| !sample.warming));
    kill(edge);
    until("another edge", || house.edge_pids().first().is_some_and(|pid| *pid != edge));
    house.restart_control();
    until("its word on all requests", || {
        let samples = house.samples_of(house.edge_pids()[0]);
        assert!(samples.iter().all(|sample| !sample.warming), "{samples:?}");
        samples.iter().any(|sample| sample.outcomes.ok > 0)
    });
}

#[test]
fn twins_are_given_requests_only_beside_a_canary_that_is_compared_with_them() {
    let house = House::new();
    let listen = listen_address();
    let (v1, own) = house.run_ready(&spec("v1", listen), 1);
    let (_, twin) = house.run_ready(&spec("v1", listen), InstanceId::FIRST_TWIN);
    let (v2, _) = house.run_ready(&spec("v2", listen), 1);
    house.shift(1, &v1.digest, None);
    let load = Load::on(listen);
    load.until_more(50);
    assert_eq!(house.status(&twin).attempts, 0, "its time has not come");

    let beside = SplitWish { twins: true, ..wish(2, &v1.digest, Some((&v2.digest, 30.0))) };
    house.platform().execute(Action::Shift { service: shop(), wish: beside.clone() }).unwrap();
    house.until_seen(&beside);
    until("requests on the twin", || house.status(&twin).attempts > 10);

    house.shift(3, &v1.digest, Some((&v2.digest, 30.0)));
    until("nothing in flight on it", || house.status(&twin).in_flight == 0);
    let (given, before) = (house.status(&twin).attempts, house.status(&own).attempts);
    until("more requests on stable's own", || house.status(&own).attempts > before + 50);
    assert_eq!(house.status(&twin).attempts, given, "its time is over");
    assert_eq!(load.failures(), 0);
}

#[test]
fn an_upgrade_under_load_loses_nothing() {
    let house = House::new();
    let listen = listen_address();
    let (v1, id) = house.run_ready(&spec("v1", listen), 1);
    house.shift(1, &v1.digest, None);
    let process = house.platform().keeper_status().unwrap().listing.instances[0].process.unwrap();
    let load = Load::on(listen);
    load.until_more(50);
    for _ in 0..3 {
        let before = house.edge_pids();
        house.platform().upgrade(&rig()).unwrap();
        load.until_more(50);
        assert_ne!(house.edge_pids(), before);
    }
    assert_eq!(load.failures(), 0);
    assert_eq!(house.platform().keeper_status().unwrap().listing.keeper.upgrades, 3);
    assert!(alive(process));
    assert!(house.status(&id).ready);
}
