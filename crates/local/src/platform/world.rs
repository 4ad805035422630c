//! All that is known of this machine's services, behind one lock that is never held over a wait.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use staunch_model::{EdgeReport, InstanceId, Revision, RevisionDigest, ServiceName, ServiceSpec, Timestamp};
use staunch_ports::{ExitRecord, InstanceState, InstanceStatus, SplitWish};

use super::kept::Kept;
use super::smoke::Checks;
use crate::protocol::{EdgeStatus, Identity, InstanceSpec, ProcessState, ProcessStatus};

/// Ten reports a second for a minute and more of two edges; older ones are given up.
const REPORTS_KEPT: usize = 2_000;
/// Ends that nobody may have read yet.
const KILLED_KEPT: usize = 64;

#[derive(Default)]
pub(super) struct World {
    pub(super) services: BTreeMap<ServiceName, Service>,
    pub(super) instances: BTreeMap<InstanceId, Tracked>,
    pub(super) smoke: Checks,
    /// The last that had to be killed, oldest first.
    killed: VecDeque<(ServiceName, InstanceId, ExitRecord)>,
    pub(super) edges: BTreeMap<u32, Edge>,
    pub(super) reports: VecDeque<EdgeReport>,
    /// Version of the newest table. Begins at the clock, so that it rises over restarts.
    pub(super) version: u64,
    /// After an attach no table is sent before those that run have been judged, or this moment has come.
    pub(super) settle_until: Option<Instant>,
    /// The last table that an edge refused, in words.
    pub(super) complaint: Option<String>,
}

/// What must be known again after a restart, so that the edges are never told less than they know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Service {
    pub(super) spec: ServiceSpec,
    pub(super) wish: Option<SplitWish>,
    pub(super) since: Timestamp,
    /// The first table that carried the wish.
    #[serde(skip)]
    pub(super) version: u64,
}

/// One edge and what it last said.
pub(super) struct Edge {
    pub(super) status: EdgeStatus,
    pub(super) connected: bool,
    pub(super) table_seen: u64,
    pub(super) lapsed: BTreeMap<String, staunch_model::SplitGeneration>,
    pub(super) in_flight: BTreeMap<InstanceId, u64>,
}

/// An order that the keeper has not yet been seen to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pending {
    Start,
    Stop,
}

pub(super) struct Tracked {
    pub(super) service: ServiceName,
    pub(super) revision: RevisionDigest,
    pub(super) spec: Option<InstanceSpec>,
    pub(super) state: InstanceState,
    pub(super) pending: Option<Pending>,
    pub(super) process: Option<Identity>,
    pub(super) started: Timestamp,
    pub(super) exits: Vec<ExitRecord>,
    pub(super) ready: bool,
    pub(super) ready_changed: Timestamp,
    /// When the present process was first ready. A process that ran before the platform knew of it was ready at a time
    /// that nobody remembers: then it is the start, so that what has long been warm is not held for young.
    first_ready: Option<Timestamp>,
    /// The keeper had it before this platform knew of it, and has not been heard about it yet.
    found: bool,
    /// The present process has been probed often enough to be judged.
    pub(super) judged: bool,
    pub(super) probe: Option<String>,
    /// Where the app was found to answer.
    pub(super) address: Option<SocketAddr>,
    /// The readiness probe's connection between two looks.
    pub(super) kept: Option<Kept>,
    pub(super) attempts: u64,
    pub(super) memory_bytes: u64,
    pub(super) cpu_ratio: f64,
    /// CPU ticks of the group at the last look.
    pub(super) cpu_ticks: Option<u64>,
}

impl World {
    /// The services that an earlier run knew. None when there is no such record or it cannot be read.
    pub(super) fn remembered(path: &Path) -> Self {
        let text = std::fs::read(path).unwrap_or_default();
        let services: Vec<Service> = serde_json::from_slice(&text).unwrap_or_default();
        let named = services.into_iter().map(|service| (service.spec.name.clone(), service)).collect();
        Self { services: named, ..Self::default() }
    }

    /// A failure is not an error: the next start then waits for control to tell everything again.
    pub(super) fn remember(&self, path: &Path) {
        let services: Vec<&Service> = self.services.values().collect();
        let new = path.with_extension("json.new");
        let text = serde_json::to_vec(&services).unwrap_or_default();
        let _full = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, path));
    }

    /// A service's instances. Their ids begin with its name, so that those of a thousand others are not looked at.
    pub(super) fn of_service<'a>(
        &'a self,
        service: &'a ServiceName,
    ) -> impl Iterator<Item = (&'a InstanceId, &'a Tracked)> {
        let prefix = format!("{service}-");
        let from = InstanceId(prefix.clone());
        let near = self.instances.range(from..).take_while(move |(id, _)| id.0.starts_with(&prefix));
        near.filter(move |(_, tracked)| tracked.service == *service)
    }

    pub(super) fn start(
        &mut self,
        service: ServiceName,
        revision: &Revision,
        id: &InstanceId,
        now: Timestamp,
    ) {
        let tracked = self
            .instances
            .entry(id.clone())
            .or_insert_with(|| Tracked::new(service, revision.digest.clone(), now));
        if matches!(tracked.state, InstanceState::Exited | InstanceState::CannotExec { .. }) {
            *tracked = Tracked::new(tracked.service.clone(), tracked.revision.clone(), now);
        }
        tracked.pending = Some(Pending::Start);
    }

    /// True when the report says something that the loop should look at; the others it reads when it next turns.
    pub(super) fn add_report(&mut self, report: EdgeReport) -> bool {
        let mut news = !report.samples.is_empty() || !report.failures.is_empty();
        for traffic in &report.instances {
            if let Some(tracked) = self.instances.get_mut(&traffic.instance) {
                tracked.attempts += traffic.attempts;
            }
        }
        if let Some(edge) = self.edges.get_mut(&report.edge) {
            news |= (edge.table_seen, &edge.lapsed) != (report.table_seen, &report.lapsed);
            edge.table_seen = report.table_seen;
            edge.lapsed = report.lapsed.clone();
            for traffic in &report.instances {
                edge.in_flight.insert(traffic.instance.clone(), traffic.in_flight);
            }
        }
        if self.reports.len() == REPORTS_KEPT {
            self.reports.pop_front();
        }
        self.reports.push_back(report);
        news
    }

    pub(super) fn left_of(&self, service: &ServiceName) -> Vec<(InstanceId, ExitRecord)> {
        let own = self.killed.iter().filter(|(of, _, _)| of == service);
        own.map(|(_, id, exit)| (id.clone(), exit.clone())).collect()
    }

    /// Nobody looks at one that is over: what is to be said of its end is kept apart.
    pub(super) fn note_killed(&mut self, id: &InstanceId, exit: &crate::protocol::Exit) {
        let Some(tracked) = self.instances.get(id).filter(|tracked| tracked.is_over()) else { return };
        let known = |(_, of, at): &(_, InstanceId, ExitRecord)| of == id && at.at == exit.at;
        if exit.why.is_none() || self.killed.iter().any(known) {
            return;
        }
        if self.killed.len() == KILLED_KEPT {
            self.killed.pop_front();
        }
        self.killed.push_back((tracked.service.clone(), id.clone(), exit_record(exit)));
    }

    /// What a command about an instance finds in its environment, beside what the instance itself has.
    pub(super) fn spec_with_pids(&self, id: &InstanceId) -> Option<InstanceSpec> {
        let tracked = self.instances.get(id)?;
        let mut spec = tracked.spec.clone()?;
        let pid = |tracked: &Tracked| tracked.process.map(|process| process.pid.to_string());
        let alike = self.instances.values().filter(|other| {
            other.service == tracked.service && other.revision == tracked.revision && other.takes_traffic()
        });
        let pids: Vec<String> = alike.filter_map(pid).collect();
        spec.env.insert("STAUNCH_PID".to_owned(), pid(tracked).unwrap_or_default());
        spec.env.insert("STAUNCH_PIDS".to_owned(), pids.join(" "));
        Some(spec)
    }

    pub(super) fn in_flight(&self, id: &InstanceId) -> u64 {
        self.edges.values().filter_map(|edge| edge.in_flight.get(id)).sum()
    }
}

impl Tracked {
    pub(super) fn new(service: ServiceName, revision: RevisionDigest, now: Timestamp) -> Self {
        Self {
            service,
            revision,
            spec: None,
            state: InstanceState::Starting,
            pending: None,
            process: None,
            started: now,
            exits: Vec::new(),
            ready: false,
            ready_changed: now,
            first_ready: None,
            found: false,
            judged: false,
            probe: None,
            address: None,
            kept: None,
            attempts: 0,
            memory_bytes: 0,
            cpu_ratio: 0.0,
            cpu_ticks: None,
        }
    }

    /// One that the keeper has and this platform did not start.
    pub(super) fn found(service: ServiceName, revision: RevisionDigest, now: Timestamp) -> Self {
        Self { found: true, ..Self::new(service, revision, now) }
    }

    /// Takes over what the keeper says. True when something changed that others should know.
    pub(super) fn update(&mut self, status: &ProcessStatus, now: Timestamp) -> bool {
        let before = (self.state.clone(), self.process, self.exits.len());
        if self.process != status.process {
            self.begin_process(status, now);
        }
        self.found = false;
        self.spec = Some(status.spec.clone());
        self.exits = status.exits.iter().map(exit_record).collect();
        self.state = state_of(&status.state);
        if self.state != InstanceState::Running {
            self.kept = None;
            self.set_ready(false, now);
        }
        before != (self.state.clone(), self.process, self.exits.len())
    }

    /// Another process: nothing that was known of the former one holds for it.
    fn begin_process(&mut self, status: &ProcessStatus, now: Timestamp) {
        self.process = status.process;
        self.started = status.started.unwrap_or(now);
        self.first_ready = self.found.then_some(self.started);
        self.set_ready(false, now);
        self.judged = false;
        self.kept = None;
        if status.process.is_some() {
            (self.probe, self.address) = (None, None);
        }
        (self.attempts, self.memory_bytes, self.cpu_ratio, self.cpu_ticks) = (0, 0, 0.0, None);
    }

    pub(super) fn set_ready(&mut self, ready: bool, now: Timestamp) {
        if self.ready != ready {
            self.ready = ready;
            self.ready_changed = now;
        }
        if ready {
            self.first_ready.get_or_insert(now);
        }
    }

    /// Its warm-up begins here.
    pub(super) fn serves_since(&self) -> Timestamp {
        self.first_ready.unwrap_or(self.started)
    }

    /// It was stopped and nobody asked for it since: there is nothing left of it but its log.
    pub(super) fn is_over(&self) -> bool {
        self.shown_state() == InstanceState::Exited
    }

    fn shown_state(&self) -> InstanceState {
        match (self.pending, &self.state) {
            (Some(Pending::Stop), InstanceState::Exited) => InstanceState::Exited,
            (Some(Pending::Stop), _) => InstanceState::Stopping,
            (Some(Pending::Start), InstanceState::Exited) => InstanceState::Starting,
            (Some(Pending::Start) | None, state) => state.clone(),
        }
    }

    /// It may be given requests.
    pub(super) fn takes_traffic(&self) -> bool {
        self.pending != Some(Pending::Stop) && self.state == InstanceState::Running
    }

    pub(super) fn status(&self, id: &InstanceId, in_flight: u64) -> InstanceStatus {
        InstanceStatus {
            id: id.clone(),
            revision: self.revision.clone(),
            state: self.shown_state(),
            ready: self.ready,
            ready_changed: self.ready_changed,
            started: self.started,
            pid: self.process.map(|process| process.pid),
            exits: self.exits.clone(),
            memory_bytes: self.memory_bytes,
            cpu_ratio: self.cpu_ratio,
            attempts: self.attempts,
            in_flight,
            probe: self.probe.clone(),
        }
    }
}

fn exit_record(exit: &crate::protocol::Exit) -> ExitRecord {
    ExitRecord { at: exit.at, status: exit.status(), uptime_ms: exit.uptime_ms }
}

fn state_of(state: &ProcessState) -> InstanceState {
    match state {
        ProcessState::Running => InstanceState::Running,
        // Before its first start.
        ProcessState::BackingOff { until: Timestamp(0) } => InstanceState::Starting,
        ProcessState::BackingOff { until } => InstanceState::BackingOff { until: *until },
        ProcessState::Stopping => InstanceState::Stopping,
        ProcessState::Exited => InstanceState::Exited,
        ProcessState::CannotExec { error } => InstanceState::CannotExec { error: error.clone() },
    }
}

#[cfg(test)]
mod tests {
    use staunch_model::{HealthSpec, ProbeSpec, ProbeTarget};
    use std::time::Duration;

    use super::*;

    const STARTED: Timestamp = Timestamp(100);

    fn service() -> ServiceName {
        ServiceName::try_from("shop".to_owned()).unwrap()
    }

    fn digest() -> RevisionDigest {
        RevisionDigest::from_sha256([1; 32])
    }

    fn running(pid: u32, started: Timestamp) -> ProcessStatus {
        let second = Duration::from_secs(1);
        let ready =
            ProbeSpec { target: ProbeTarget::Tcp, interval: second, timeout: second, fall: 1, rise: 1 };
        ProcessStatus {
            spec: InstanceSpec {
                id: InstanceId("shop-1".to_owned()),
                service: service(),
                revision: digest(),
                command: Vec::new(),
                dir: "/".into(),
                env: BTreeMap::new(),
                port: 1,
                stop_signal: staunch_model::StopSignal::Term,
                ask_leader: false,
                grace_ms: 0,
                health: HealthSpec { ready, live: None, start_timeout: second },
            },
            state: ProcessState::Running,
            process: Some(Identity { pid, start_time: 1 }),
            started: Some(started),
            exit_count: 0,
            exits: Vec::new(),
            log_dropped: 0,
        }
    }

    #[test]
    fn one_that_is_started_serves_since_it_was_first_ready() {
        let mut tracked = Tracked::new(service(), digest(), Timestamp(90));
        tracked.update(&running(7, STARTED), Timestamp(110));
        assert_eq!(tracked.serves_since(), STARTED, "it may get requests for want of a ready one");
        tracked.set_ready(true, Timestamp(200));
        tracked.set_ready(false, Timestamp(300));
        tracked.set_ready(true, Timestamp(400));
        assert_eq!(tracked.serves_since(), Timestamp(200));
    }

    #[test]
    fn one_that_ran_before_counts_from_its_start_however_late_it_is_found() {
        let mut tracked = Tracked::found(service(), digest(), Timestamp(9_000));
        tracked.update(&running(7, STARTED), Timestamp(9_000));
        tracked.set_ready(true, Timestamp(9_100));
        assert_eq!(tracked.serves_since(), STARTED);
    }

    #[test]
    fn another_process_begins_anew() {
        let mut tracked = Tracked::found(service(), digest(), Timestamp(9_000));
        tracked.update(&running(7, STARTED), Timestamp(9_000));
        tracked.set_ready(true, Timestamp(9_100));
        tracked.update(&running(8, Timestamp(9_500)), Timestamp(9_510));
        tracked.set_ready(true, Timestamp(9_600));
        assert_eq!(tracked.serves_since(), Timestamp(9_600));
    }
}
