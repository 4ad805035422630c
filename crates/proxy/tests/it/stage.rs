//! An edge on a stage: its keeper, its control, its table, all real.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use staunch_model::{
    Backend, CanaryRoute, EdgeReport, EdgeSpec, Failure, InstanceId, InstanceTraffic, Limits, Outcomes,
    RevisionDigest, RouteTable, Sample, ServiceName, ShieldSpec, SplitGeneration, Upstream, WarmUp, Weight,
};
use staunch_proxy::client::EdgeClient;
use staunch_proxy::edge::{EdgeOptions, run};
use staunch_proxy::handover::put_listener;
use staunch_proxy::wire::{FromEdge, ToEdge};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Polls until `done`, bounded.
pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < until, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) struct Stage {
    pub(crate) dir: TempDir,
    pub(crate) listener: TcpListener,
    pub(crate) addr: SocketAddr,
    pub(crate) edge: Edge,
    pub(crate) control: Control,
    pub(crate) table: RouteTable,
    version: u64,
}

pub(crate) struct Edge {
    pub(crate) socket: PathBuf,
    pub(crate) fd_socket: PathBuf,
    thread: JoinHandle<std::io::Result<()>>,
}

impl Edge {
    pub(crate) fn start(dir: &TempDir, name: &str) -> Self {
        let (socket, fd_socket) =
            (dir.path().join(format!("{name}.sock")), dir.path().join(format!("{name}.fd")));
        let options = EdgeOptions {
            run_dir: dir.path().to_owned(),
            socket: socket.clone(),
            fd_socket: fd_socket.clone(),
            threads: 2,
        };
        let thread = std::thread::spawn(move || run(options));
        let edge = Self { socket, fd_socket, thread };
        wait_for("the sockets", || edge.fd_socket.exists() && edge.socket.exists());
        edge
    }
    pub(crate) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }
    pub(crate) fn end(self) {
        self.thread.join().unwrap().unwrap();
    }
}

/// A control that writes everything down.
pub(crate) struct Control {
    commands: UnboundedSender<ToEdge>,
    messages: Receiver<FromEdge>,
    pub(crate) hello: FromEdge,
    pub(crate) reports: Vec<EdgeReport>,
    pub(crate) refused: Vec<String>,
}

impl Control {
    pub(crate) fn connect(socket: PathBuf) -> Self {
        let (commands, mut wishes) = unbounded_channel::<ToEdge>();
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let (mut reader, mut writer) = EdgeClient::connect(&socket).await.unwrap().split();
                loop {
                    tokio::select! {
                        wish = wishes.recv() => match wish {
                            Some(wish) => writer.send(&wish).await.unwrap(),
                            None => return,
                        },
                        message = reader.next() => {
                            let Some(message) = message else { return };
                            if sender.send(message).is_err() {
                                return;
                            }
                        }
                    }
                }
            });
        });
        let hello = messages.recv_timeout(PATIENCE).unwrap();
        Self { commands, messages, hello, reports: Vec::new(), refused: Vec::new() }
    }
    pub(crate) fn send(&self, message: ToEdge) {
        self.commands.send(message).unwrap();
    }
    /// Reads what has come.
    pub(crate) fn read(&mut self) {
        while let Ok(message) = self.messages.try_recv() {
            match message {
                FromEdge::Report(report) => self.reports.push(report),
                FromEdge::Refused { reason, .. } => self.refused.push(reason),
                FromEdge::Hello { .. } => panic!("a second hello"),
            }
        }
    }
    pub(crate) fn wait(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        wait_for(what, || {
            self.read();
            done(self)
        });
    }
    pub(crate) fn last(&self) -> Option<&EdgeReport> {
        self.reports.last()
    }
    pub(crate) fn outcomes(&self, revision: u8) -> Outcomes {
        self.sum(revision, |_| true)
    }
    pub(crate) fn warming(&self, revision: u8) -> Outcomes {
        self.sum(revision, |sample| sample.warming)
    }
    fn sum(&self, revision: u8, fits: impl Fn(&Sample) -> bool) -> Outcomes {
        let digest = digest(revision);
        let mut sum = Outcomes::default();
        let samples = self.reports.iter().flat_map(|report| &report.samples);
        let fit = samples.filter(|sample| sample.revision == digest && fits(sample));
        fit.for_each(|sample| sum.add(&sample.outcomes));
        sum
    }
    pub(crate) fn latencies(&self, revision: u8) -> u64 {
        let samples = self.reports.iter().flat_map(|report| &report.samples);
        samples
            .filter(|sample| sample.revision == digest(revision))
            .map(|sample| sample.latency.count())
            .sum()
    }
    pub(crate) fn failures(&self) -> Vec<Failure> {
        self.reports.iter().flat_map(|report| report.failures.clone()).collect()
    }
    /// What was last said of an instance.
    pub(crate) fn traffic(&self, instance: &str) -> Option<&InstanceTraffic> {
        let all = self.reports.iter().rev().flat_map(|report| &report.instances);
        all.into_iter().find(|traffic| traffic.instance.0 == instance)
    }
}

pub(crate) fn digest(number: u8) -> RevisionDigest {
    RevisionDigest::from_sha256([number; 32])
}

/// Instances `s1`, `s2`, … for revision 1 and `c1`, … for others.
pub(crate) fn backend(revision: u8, addrs: &[SocketAddr]) -> Backend {
    let letter = if revision == 1 { 's' } else { 'c' };
    let instances = addrs.iter().zip(1..).map(|(addr, n)| (InstanceId(format!("{letter}{n}")), *addr));
    Backend { revision: digest(revision), instances: instances.collect(), since: BTreeMap::new() }
}

pub(crate) fn table(listen: SocketAddr) -> RouteTable {
    RouteTable {
        service: ServiceName::try_from("shop".to_owned()).unwrap(),
        listen,
        tls: None,
        upstream: Upstream::Http1,
        edge: EdgeSpec {
            sticky: None,
            shield: ShieldSpec { enabled: true, after: Duration::from_millis(300) },
            limits: Limits {
                header_bytes: 8_192,
                body_bytes: None,
                connections: 1_000,
                header_timeout: Duration::from_secs(30),
                response_timeout: Duration::from_secs(5),
                idle_timeout: Duration::from_secs(30),
                connect_timeout: Duration::from_secs(1),
            },
            lease: Duration::from_secs(60),
        },
        generation: SplitGeneration(1),
        salt: 1,
        warm_up: WarmUp::default(),
        stable: None,
        canary: None,
        mirror: None,
    }
}

impl Stage {
    /// An edge that has a listener and no table.
    pub(crate) fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let edge = Edge::start(&dir, "a");
        put_listener(&edge.fd_socket, addr, listener.as_fd()).unwrap();
        let control = Control::connect(edge.socket.clone());
        Self { dir, listener, addr, edge, control, table: table(addr), version: 0 }
    }

    /// An edge that serves these stable instances.
    pub(crate) fn stable(addrs: &[SocketAddr]) -> Self {
        let mut stage = Self::empty();
        stage.table.stable = Some(backend(1, addrs));
        stage.publish();
        stage
    }

    /// Stable and canary at this weight.
    pub(crate) fn canary(stable: &[SocketAddr], canary: &[SocketAddr], basis_points: u16) -> Self {
        Self::tuned(stable, canary, basis_points, |_| {})
    }

    pub(crate) fn tuned(
        stable: &[SocketAddr],
        canary: &[SocketAddr],
        basis_points: u16,
        tune: impl FnOnce(&mut RouteTable),
    ) -> Self {
        let mut stage = Self::empty();
        stage.table.stable = Some(backend(1, stable));
        if !canary.is_empty() {
            let weight = Weight::try_from(basis_points).unwrap();
            stage.table.canary =
                Some(CanaryRoute { backend: backend(2, canary), weight, twins: false, who: None });
        }
        tune(&mut stage.table);
        stage.publish();
        stage
    }

    /// Sends the table and waits until every thread has seen it.
    pub(crate) fn publish(&mut self) {
        self.version += 1;
        let version = self.version;
        self.control.send(ToEdge::Table { version, services: vec![self.table.clone()] });
        self.control.wait("the table", |c| c.last().is_some_and(|report| report.table_seen == version));
    }

    /// A new split: next generation, this weight.
    pub(crate) fn shift(&mut self, basis_points: u16) {
        self.table.generation = self.table.generation.next();
        self.table.canary.as_mut().unwrap().weight = Weight::try_from(basis_points).unwrap();
        self.publish();
    }

    pub(crate) fn renew(&self) {
        let leases = BTreeMap::from([("shop".to_owned(), self.table.generation)]);
        self.control.send(ToEdge::Renew { leases });
    }

    /// Waits until so many first attempts of a revision have ended.
    pub(crate) fn settled(&mut self, revision: u8, attempts: u64) -> Outcomes {
        self.control.wait("the counts", |c| {
            let o = c.outcomes(revision);
            o.judged() + o.client_gone >= attempts
        });
        self.control.outcomes(revision)
    }
}
