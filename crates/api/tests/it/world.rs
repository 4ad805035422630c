use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use staunch_api::client::{Client, Target};
use staunch_api::v1::{DeployRequest, Deployed, DoctorCheck, Service, Validation};
use staunch_api::{Admin, Desk, Door, FileValue, FileValues, ServeOptions, Serving, serve};
use staunch_control::{Control, Handle, Parts};
use staunch_model::{
    EdgeSpec, EvidenceSpec, HealthSpec, Limits, ProbeSpec, ProbeTarget, ServiceName, ServiceSpec, ShieldSpec,
    Step, StopSpec, Strategy, TriggerSpec, Weight,
};
use staunch_ports::fake::{FakePlatform, MemoryJournal, MemoryKeyring};

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const SECRET: &str = "hunter2-of-the-database";

/// What the server was asked to do with itself.
#[derive(Default)]
pub(crate) struct FakeAdmin {
    pub(crate) shutdowns: Mutex<u32>,
    pub(crate) upgrades: Mutex<Vec<Option<PathBuf>>>,
}

impl Admin for FakeAdmin {
    fn shutdown(&self) {
        *self.shutdowns.lock().unwrap() += 1;
    }
    fn upgrade(&self, binary: Option<PathBuf>) -> Result<String, String> {
        self.upgrades.lock().map_err(|error| error.to_string())?.push(binary.clone());
        match binary {
            Some(path) => Err(format!("{} is not Staunch", path.display())),
            None => Ok("replaced".to_owned()),
        }
    }
}

/// Knows one file and one machine.
pub(crate) struct FakeDesk;

impl Desk for FakeDesk {
    fn validate(&self, text: &str, environment: Option<&str>) -> Validation {
        let (valid, services) =
            (text.starts_with("service"), environment.map(str::to_owned).into_iter().collect());
        Validation { valid, findings: vec![], services }
    }
    fn doctor(&self) -> Vec<DoctorCheck> {
        let (id, state, text) = ("data.space".to_owned(), "ok".to_owned(), "enough".to_owned());
        vec![DoctorCheck { id, state, text, fix: None }]
    }
    fn environments(&self) -> Result<Vec<String>, String> {
        Ok(vec!["production".to_owned(), "staging".to_owned()])
    }
    fn values(&self, _: &ServiceName) -> FileValues {
        let about = "The full number of instances.".to_owned();
        let replicas =
            FileValue { key: "replicas".to_owned(), given: None, default: Some("1".to_owned()), about };
        let env = BTreeMap::from([("DATABASE_PASSWORD".to_owned(), SECRET.to_owned())]);
        FileValues { file: "staunch.toml".to_owned(), environment: None, values: Ok(vec![replicas]), env }
    }
}

pub(crate) struct World {
    pub(crate) handle: Handle,
    pub(crate) platform: Arc<FakePlatform>,
    pub(crate) journal: MemoryJournal,
    pub(crate) specs: Arc<Mutex<Result<Vec<ServiceSpec>, String>>>,
    pub(crate) admin: Arc<FakeAdmin>,
    pub(crate) serving: Serving,
    pub(crate) unix: Client,
    pub(crate) tcp: Client,
    pub(crate) dir: tempfile::TempDir,
    // Last: the loop outlives whoever asks it.
    _control: Control,
}

impl World {
    pub(crate) async fn new() -> Self {
        let platform = Arc::new(FakePlatform::default());
        let journal = MemoryJournal::default();
        let specs = Arc::new(Mutex::new(Ok(vec![spec("shop"), spec("blog")])));
        let source = specs.clone();
        let (control, handle) = staunch_control::start(Parts {
            journal: Box::new(journal.clone()),
            reader: Box::new(journal.clone()),
            platform: platform.clone(),
            recorder: Box::new(staunch_ports::Forgetful),
            releases: std::sync::Arc::new(|| Ok(std::sync::Arc::default())),
            checks: staunch_control::no_checks(),
            attestor: Arc::new(staunch_ports::Forgetful),
            runner: staunch_control::no_runner(),
            specs: Arc::new(move || source.lock().unwrap().clone().map(Arc::new)),
        })
        .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let admin = Arc::new(FakeAdmin::default());
        let serving = serve(handle.clone(), options(&dir, admin.clone())).await.unwrap();
        let unix = Client::connect(Target::Unix(dir.path().join("api.sock")));
        let tcp = Client::connect(Target::parse(&format!("http://{}", serving.tcp())).unwrap());
        Self { handle, platform, journal, specs, admin, serving, unix, tcp, dir, _control: control }
    }

    /// Changes the file: the next deploy is of another revision.
    pub(crate) fn edit(&self, value: &str) {
        if let Ok(specs) = self.specs.lock().unwrap().as_mut() {
            for spec in specs {
                spec.env.insert("DATABASE_PASSWORD".to_owned(), format!("{SECRET} {value}"));
            }
        }
    }

    pub(crate) async fn deploy(&self, service: &str) -> u64 {
        let deployed = self.unix.deploy(service, &DeployRequest::default()).await.unwrap();
        let Deployed::Started { rollout, .. } = deployed else { panic!("{deployed:?}") };
        rollout
    }

    /// `v1` runs, and a rollout to `v2` waits at its first step for a person.
    pub(crate) async fn with_canary(service: &str) -> (Self, u64) {
        let world = Self::new().await;
        world.deploy(service).await;
        world.until(service, |service| service.health == "healthy").await;
        world.edit("two");
        let id = world.deploy(service).await;
        world.until(service, |service| service.canary_weight_ratio > 0.0).await;
        (world, id)
    }

    /// Watches the service until it is as described.
    pub(crate) async fn until(&self, name: &str, described: impl Fn(&Service) -> bool) -> Service {
        let mut stream = self.unix.watch(Some(name)).await.unwrap();
        within(async {
            loop {
                let service = stream.next().await.unwrap().expect("the stream goes on");
                if described(&service) {
                    return service;
                }
            }
        })
        .await
    }

    pub(crate) async fn until_phase(&self, name: &str, phase: &str) -> Service {
        self.until(name, |service| service.rollout.as_ref().is_some_and(|rollout| rollout.phase == phase))
            .await
    }
}

pub(crate) fn options(dir: &tempfile::TempDir, admin: Arc<dyn Admin>) -> ServeOptions {
    ServeOptions {
        tcp: ([127, 0, 0, 1], 0).into(),
        unix: dir.path().join("api.sock"),
        door: Door::default(),
        oidc: None,
        keyring: Arc::new(Mutex::new(MemoryKeyring::default())),
        environment: None,
        version: "9.9.9".to_owned(),
        data_dir: dir.path().to_owned(),
        admin,
        desk: Arc::new(FakeDesk),
    }
}

/// A bound on every wait, so that a broken server fails a test instead of hanging it.
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it happens within the bound")
}

pub(crate) fn name(text: &str) -> ServiceName {
    ServiceName::try_from(text.to_owned()).unwrap()
}

pub(crate) fn spec(service: &str) -> ServiceSpec {
    let second = Duration::from_secs(1);
    let ready = ProbeSpec { target: ProbeTarget::Tcp, interval: second, timeout: second, fall: 3, rise: 1 };
    let minutes = |n: u64| Duration::from_secs(60 * n);
    ServiceSpec {
        env: BTreeMap::from([("DATABASE_PASSWORD".to_owned(), SECRET.to_owned())]),
        replicas: 2,
        health: HealthSpec { ready, live: None, start_timeout: minutes(1) },
        stop: StopSpec { grace: second, drain: second, ..StopSpec::default() },
        edge: EdgeSpec {
            sticky: None,
            shield: ShieldSpec { enabled: true, after: second },
            limits: limits(),
            lease: 3 * second,
        },
        strategy: Strategy {
            steps: vec![Step { weight: Weight::percent(10.0).unwrap(), hold: Duration::ZERO, pause: true }],
            step_deadline: minutes(10),
            pause_deadline: minutes(10),
            ..Strategy::default()
        },
        triggers: TriggerSpec { unready_for: minutes(1), ..TriggerSpec::default() },
        evidence: EvidenceSpec { warm_up: Duration::ZERO, warm_up_requests: 0, ..EvidenceSpec::default() },
        ..ServiceSpec::plain(name(service), ([127, 0, 0, 1], 0).into(), vec!["./app".to_owned()])
    }
}

fn limits() -> Limits {
    let minute = Duration::from_secs(60);
    Limits {
        header_bytes: 65_536,
        body_bytes: None,
        connections: 100,
        header_timeout: minute,
        response_timeout: minute,
        idle_timeout: minute,
        connect_timeout: minute,
    }
}
