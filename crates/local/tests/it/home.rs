//! A data directory with a keeper of its own, and nothing left of either afterwards.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use staunch_local::protocol::{Identity, InstanceSpec, Listing, ProcessState, ProcessStatus, Request};
use staunch_local::{KeeperClient, Paths};
use staunch_model::{HealthSpec, InstanceId, ProbeSpec, ProbeTarget, RevisionDigest, ServiceName};
use tempfile::TempDir;

/// The most that anything here may take; a condition that holds ends the wait at once.
const BOUND: Duration = Duration::from_secs(15);

pub(crate) fn rig() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join("examples/rig")
}

pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + BOUND;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn some<T>(what: &str, mut get: impl FnMut() -> Option<T>) -> T {
    let mut found = None;
    until(what, || {
        found = get();
        found.is_some()
    });
    found.unwrap()
}

pub(crate) struct Home {
    pub(crate) dir: TempDir,
    pub(crate) paths: Paths,
    pub(crate) client: KeeperClient,
    keeper: Option<Child>,
}

impl Home {
    /// With a running keeper.
    pub(crate) fn new() -> Self {
        let mut home = Self::empty();
        home.start_keeper();
        home
    }

    pub(crate) fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::create(&dir.path().join("data")).unwrap();
        let client = KeeperClient::new(paths.keeper_socket());
        Self { dir, paths, client, keeper: None }
    }

    pub(crate) fn keeper_command(&self) -> Command {
        let mut command = Command::new(rig());
        command.arg("keeper").arg("--data").arg(self.paths.data()).stdin(Stdio::null());
        command
    }

    pub(crate) fn start_keeper(&mut self) {
        self.keeper = Some(self.keeper_command().spawn().unwrap());
        until("the keeper answers", || self.client.hello().is_ok());
    }

    /// As hard as it can be.
    pub(crate) fn kill_keeper(&mut self) {
        let mut keeper = self.keeper.take().unwrap();
        keeper.kill().unwrap();
        keeper.wait().unwrap();
    }

    pub(crate) fn list(&mut self) -> Listing {
        self.client.list().unwrap()
    }

    pub(crate) fn instance(&mut self, id: &InstanceId) -> ProcessStatus {
        self.list().instances.into_iter().find(|status| status.spec.id == *id).unwrap()
    }

    pub(crate) fn spec(&self, behave: &str) -> InstanceSpec {
        InstanceSpec {
            id: InstanceId(format!("shop-{behave}-1")),
            service: ServiceName::try_from("shop".to_owned()).unwrap(),
            revision: RevisionDigest::from_sha256([7; 32]),
            command: vec![rig().display().to_string(), "app".to_owned()],
            dir: self.dir.path().to_owned(),
            env: BTreeMap::from([
                ("BEHAVE".to_owned(), behave.to_owned()),
                ("VERSION".to_owned(), "v1".to_owned()),
            ]),
            port: free_port(),
            stop_signal: staunch_model::StopSignal::Term,
            ask_leader: false,
            grace_ms: 2_000,
            health: health(),
        }
    }

    pub(crate) fn spawn(&mut self, spec: &InstanceSpec) {
        self.client.ask(&Request::Spawn { spec: Box::new(spec.clone()) }).unwrap();
    }

    /// Spawns and waits until the app answers.
    pub(crate) fn spawn_serving(&mut self, spec: &InstanceSpec) -> Identity {
        self.spawn(spec);
        until("the app answers", || get(port(spec), "/").is_some());
        self.instance(&spec.id).process.unwrap()
    }

    pub(crate) fn stop(&mut self, id: &InstanceId, grace_ms: u64) {
        self.client.ask(&Request::Stop { id: id.clone(), grace_ms }).unwrap();
        until("the instance has ended", || self.instance(id).state == ProcessState::Exited);
    }

    pub(crate) fn log(&self, id: &InstanceId) -> String {
        std::fs::read_to_string(self.paths.log(id)).unwrap_or_default()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let state = std::fs::read_to_string(self.paths.run().join("keeper.json")).unwrap_or_default();
        let _refused = self.client.ask(&Request::Shutdown);
        let deadline = Instant::now() + Duration::from_secs(8);
        while self.client.hello().is_ok() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        // A test that failed may have left what no keeper knows.
        let state: serde_json::Value = serde_json::from_str(&state).unwrap_or_default();
        for process in
            ["instances", "edges"].iter().flat_map(|kind| state[*kind].as_array().cloned()).flatten()
        {
            if let Ok(identity) = serde_json::from_value::<Identity>(process["process"].clone())
                && alive(identity)
            {
                kill(identity.pid);
            }
        }
        if let Some(mut keeper) = self.keeper.take() {
            let _ended = keeper.kill();
            let _reaped = keeper.wait();
        }
    }
}

pub(crate) fn health() -> HealthSpec {
    let ready = ProbeSpec {
        target: ProbeTarget::Http { path: "/healthz".to_owned() },
        interval: Duration::from_millis(50),
        timeout: Duration::from_secs(2),
        fall: 2,
        rise: 1,
    };
    HealthSpec { ready, live: None, start_timeout: Duration::from_secs(20) }
}

pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(crate) fn port(spec: &InstanceSpec) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], spec.port))
}

/// The body of a 200.
pub(crate) fn get(addr: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(addr).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = Vec::new();
    let mut chunk = [0; 4_096];
    loop {
        let count = stream.read(&mut chunk).ok()?;
        text.extend_from_slice(&chunk[..count]);
        let answer = String::from_utf8_lossy(&text);
        if let Some((head, body)) = answer.split_once("\r\n\r\n") {
            let length = head.lines().filter_map(|line| line.split_once(':'));
            let length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
            let length: usize = length.filter_map(|(_, value)| value.trim().parse().ok()).next().unwrap_or(0);
            if body.len() >= length {
                return head.starts_with("HTTP/1.1 200").then(|| body.to_owned());
            }
        }
        if count == 0 {
            return None;
        }
    }
}

pub(crate) fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    let _gone = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}

/// The process is there, and no zombie.
pub(crate) fn alive(identity: Identity) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{}/stat", identity.pid)) else { return false };
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[0] != "Z" && fields[19] == identity.start_time.to_string()
}

/// Living members of a process group.
pub(crate) fn group_size(group: u32) -> usize {
    let stats = std::fs::read_dir("/proc").unwrap().flatten();
    let stats = stats.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    let members = stats.filter(|stat| {
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields[0] != "Z" && fields[2] == group.to_string()
    });
    members.count()
}

pub(crate) fn folder_bytes(path: &Path) -> u64 {
    std::fs::read_dir(path)
        .unwrap()
        .flatten()
        .map(|entry| entry.metadata().map_or(0, |meta| meta.len()))
        .sum()
}
