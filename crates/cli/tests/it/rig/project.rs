//! A project in a temporary folder: its file, its data, its `staunch up`.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::said::{self, Running, Said};
use super::{Draft, ports, processes, until};

pub(crate) struct Project {
    dir: tempfile::TempDir,
    data: PathBuf,
    pub(crate) listen: SocketAddr,
    up: Option<Running>,
}

impl Project {
    pub(crate) fn new(draft: &Draft) -> Self {
        let dir = tempfile::Builder::new().prefix("staunch-it-").tempdir().unwrap();
        let data = dir.path().join("data");
        std::fs::create_dir(dir.path().join("app")).unwrap();
        let project = Self { dir, data, listen: ports::free(), up: None };
        project.write(draft);
        project
    }

    /// Healthy, with this release at 100 %.
    pub(crate) fn running(draft: &Draft) -> Self {
        let mut project = Self::new(draft);
        project.up();
        project
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }
    pub(crate) fn app(&self) -> PathBuf {
        self.dir.path().join("app")
    }
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }
    pub(crate) fn journal(&self) -> PathBuf {
        self.data.join("journal.db")
    }

    pub(crate) fn write(&self, draft: &Draft) {
        self.write_text(&draft.text(self.listen));
    }
    pub(crate) fn write_text(&self, text: &str) {
        std::fs::write(self.app().join("staunch.toml"), text).unwrap();
    }

    /// Starts `staunch up` and waits until the service is healthy.
    pub(crate) fn up(&mut self) {
        self.start();
        until("a healthy service", || {
            self.assert_up();
            (self.try_service()?["health"] == "healthy").then_some(())
        });
    }

    pub(crate) fn start(&mut self) {
        self.up = Some(self.spawn(&["up"]));
    }

    fn assert_up(&mut self) {
        let up = self.up.as_mut().unwrap();
        assert!(!up.has_ended(), "`staunch up` ended:\n{}{}", up.read("out"), up.read("err"));
    }

    /// The control plane's process.
    pub(crate) fn control(&self) -> u32 {
        self.up.as_ref().unwrap().pid()
    }

    /// What `staunch up` has told until now.
    pub(crate) fn told(&self) -> String {
        self.up.as_ref().map(|up| up.read("err")).unwrap_or_default()
    }

    /// Waits for the control plane that was killed or told to stop.
    pub(crate) fn up_ends(&mut self) -> Said {
        self.up.take().unwrap().wait()
    }

    /// Kills the control plane as a crash would.
    pub(crate) fn kill_control(&mut self) {
        processes::kill(self.control());
        self.up_ends();
    }

    pub(crate) fn spawn(&self, args: &[&str]) -> Running {
        Running::start(said::command(&self.app(), &self.with_data(args)))
    }

    pub(crate) fn run(&self, args: &[&str]) -> Said {
        said::run(&self.app(), &self.with_data(args))
    }

    fn with_data<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        let data = self.data.to_str().unwrap();
        ["--data", data].iter().chain(args).copied().collect()
    }

    /// Writes the release into the file and deploys it, as a person would.
    pub(crate) fn deploy(&self, draft: &Draft) -> Said {
        self.write(draft);
        self.run(&["deploy", "--timeout", "60s"])
    }

    pub(crate) fn deploy_begins(&self, draft: &Draft) -> Running {
        self.write(draft);
        self.spawn(&["deploy", "--timeout", "60s"])
    }

    pub(crate) fn try_service(&self) -> Option<Value> {
        let said = self.run(&["status", "--output", "json"]);
        (said.exit == 0).then(|| said.json()[0].clone())
    }
    pub(crate) fn service(&self) -> Value {
        until("the service's status", || self.try_service())
    }

    /// Waits until a rollout is in this phase.
    pub(crate) fn until_phase(&self, phase: &str) -> Value {
        until(&format!("the phase {phase}"), || {
            self.try_service().filter(|service| service["rollout"]["phase"] == phase)
        })
    }

    pub(crate) fn until_canary_has_traffic(&self) {
        until("traffic on the canary", || {
            let weight = self.try_service()?["canary_weight_ratio"].as_f64()?;
            (weight > 0.0).then_some(())
        });
    }

    pub(crate) fn report(&self) -> Value {
        self.run(&["explain", "--output", "json"]).exits(0).json()
    }

    /// The code of what took the last rollout back; `none` when nothing did.
    pub(crate) fn taken_back_by(&self) -> String {
        self.report()["back"]["code"].as_str().unwrap_or("none").to_owned()
    }

    /// The triggers of the present rollout.
    pub(crate) fn triggers(&self) -> Vec<Value> {
        self.service()["rollout"]["triggers"].as_array().cloned().unwrap_or_default()
    }

    /// What the journal has of one kind.
    pub(crate) fn entries(&self, kind: &str) -> Vec<Value> {
        let all = self.run(&["audit", "export"]).exits(0).lines();
        all.into_iter().filter(|entry| entry["kind"] == kind).collect()
    }

    /// Processes of the instances of the running version, or of the canary.
    pub(crate) fn instances(&self, stable: bool) -> Vec<u32> {
        let service = self.service();
        let digest = service["stable_digest"].clone();
        let instances = service["instances"].as_array().unwrap();
        let of_side = instances.iter().filter(|instance| (instance["revision"] == digest) == stable);
        of_side.filter_map(|instance| instance["pid"].as_u64()).map(|pid| pid as u32).collect()
    }

    pub(crate) fn keeper(&self) -> u32 {
        self.house()["keeper"]["pid"].as_u64().unwrap() as u32
    }
    pub(crate) fn edge(&self) -> u32 {
        until("an edge that listens", || {
            let house = self.house();
            let edges = house["edges"].as_array()?;
            let edge = edges.iter().find(|edge| edge["listening"] == true && edge["draining"] == false)?;
            edge["process"]["pid"].as_u64().map(|pid| pid as u32)
        })
    }

    /// The keeper's own notes.
    fn house(&self) -> Value {
        until("the keeper's notes", || {
            let text = std::fs::read(self.data.join("run/keeper.json")).ok()?;
            serde_json::from_slice(&text).ok()
        })
    }

    /// The chain of the journal is whole.
    pub(crate) fn audited(&self) {
        self.run(&["audit", "verify"]).exits(0).says("the chain is whole");
    }

    /// Stops everything; nothing may be left.
    pub(crate) fn down(&mut self) {
        self.run(&["down"]).exits(0);
        self.up_ends().exits(0);
        let left = until_gone(self.dir());
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}

fn until_gone(dir: &Path) -> Vec<String> {
    for _ in 0..200 {
        if processes::of(dir).is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    processes::of(dir).into_iter().map(processes::describe).collect()
}

impl Drop for Project {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.data.join("run/keeper.log")).unwrap_or_default();
            drop(writeln!(std::io::stderr(), "--- staunch up told:\n{}--- keeper:\n{log}---", self.told()));
        }
        if !processes::of(self.dir()).is_empty() {
            drop(said::command(&self.app(), &self.with_data(&["down"])).output());
        }
        drop(self.up.take());
        processes::of(self.dir()).into_iter().for_each(processes::kill);
    }
}
