//! Services on the wire.

use serde::{Deserialize, Serialize};
use staunch_control::ServiceView;
use staunch_rollout::{ExitRecord, InstanceState, InstanceStatus};
use utoipa::ToSchema;

use super::{Approval, Budget, Frozen, Rollout, Time};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceList {
    pub services: Vec<Service>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Service {
    pub name: String,
    /// The address users call; empty for a worker.
    pub listen: String,
    /// It has no requests: its instances are replaced one by one, and `canary_weight_ratio` is a share of them.
    #[serde(default)]
    pub worker: bool,
    pub at: Time,
    pub stable: Option<String>,
    pub stable_digest: Option<String>,
    /// Labels one can go back to, latest first.
    pub previous: Vec<String>,
    pub replicas: u32,
    pub ready: u32,
    /// `healthy`, `degraded`, `down` or `empty`.
    pub health: String,
    /// The canary's share of the traffic, 0 to 1.
    pub canary_weight_ratio: f64,
    pub generation: u64,
    /// The edge took the canary out by itself since control was silent.
    pub lapsed: bool,
    pub instances: Vec<Instance>,
    pub stable_traffic: Traffic,
    pub canary_traffic: Traffic,
    /// One point a second, oldest first, at most two minutes.
    pub series: Vec<Point>,
    /// The present rollout or the last one.
    pub rollout: Option<Rollout>,
    /// Failures have risen above what is usual, and are still high.
    pub alarm: Option<String>,
    /// What keeps the loop from recording, such as a full disk.
    pub trouble: Option<String>,
    /// Absent without `[slo]`.
    #[serde(default)]
    pub budget: Option<Budget>,
    /// A person has said that nothing changes.
    #[serde(default)]
    pub frozen: Option<Frozen>,
    /// A change that waits for others to agree.
    #[serde(default)]
    pub approval: Option<Approval>,
}

/// The last ten seconds of one side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Traffic {
    pub requests_per_second: f64,
    pub error_ratio: Option<f64>,
    /// Absent without a request, and when more than 5 % failed: what failed counts as slower than any, and has no time.
    pub p95_ms: Option<f64>,
}

/// Requests, failed ones and the 95th percentile of one second, absent where that is a request that failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Point {
    pub at: Time,
    pub stable: u64,
    pub stable_failed: u64,
    pub stable_p95_ms: Option<f64>,
    pub canary: u64,
    pub canary_failed: u64,
    pub canary_p95_ms: Option<f64>,
}

/// One second of a service, in the event stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceSample {
    pub service: String,
    #[serde(flatten)]
    pub point: Point,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Instance {
    pub id: String,
    /// The revision's digest.
    pub revision: String,
    /// `starting`, `running`, `backing-off`, `stopping`, `exited` or `cannot-exec`.
    pub state: String,
    /// When an instance that backs off is started again.
    pub restart_at: Option<Time>,
    /// Why the command cannot be executed.
    pub error: Option<String>,
    pub ready: bool,
    pub ready_changed_at: Time,
    pub started_at: Time,
    pub pid: Option<u32>,
    /// Oldest first, at most ten.
    pub exits: Vec<Exit>,
    pub memory_bytes: u64,
    /// Share of one core over the last three seconds.
    pub cpu_ratio: f64,
    pub attempts: u64,
    pub in_flight: u64,
    /// The last probe's result in words.
    pub probe: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Exit {
    pub at: Time,
    /// `exit status 1`, `killed by SIGKILL`.
    pub status: String,
    pub uptime_ms: u64,
}

/// The last lines of several instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Logs {
    pub logs: Vec<InstanceLog>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstanceLog {
    pub instance: String,
    pub revision: String,
    /// Oldest first.
    pub lines: Vec<String>,
}

impl From<&ServiceView> for Service {
    fn from(view: &ServiceView) -> Self {
        Self {
            name: view.name.clone(),
            listen: view.listen.clone(),
            worker: view.worker,
            at: view.at.into(),
            stable: view.stable.clone(),
            stable_digest: view.stable_digest.clone(),
            previous: view.previous.clone(),
            replicas: view.replicas,
            ready: view.ready,
            health: view.health.clone(),
            canary_weight_ratio: view.weight.ratio(),
            generation: view.generation.0,
            lapsed: view.lapsed,
            instances: view.instances.iter().map(Instance::from).collect(),
            stable_traffic: view.stable_rates.into(),
            canary_traffic: view.canary_rates.into(),
            series: view.series.iter().map(Point::from).collect(),
            rollout: view.rollout.as_ref().map(Rollout::from),
            alarm: view.alarm.clone(),
            trouble: view.trouble.clone(),
            budget: view.budget.as_ref().map(Budget::from),
            frozen: view.freeze.as_ref().map(Frozen::from),
            approval: view.asking.as_ref().map(Approval::from),
        }
    }
}

impl From<staunch_control::ArmRates> for Traffic {
    fn from(rates: staunch_control::ArmRates) -> Self {
        let staunch_control::ArmRates { per_second, error_ratio, p95_ms } = rates;
        Self { requests_per_second: per_second, error_ratio, p95_ms }
    }
}

impl From<&staunch_control::Point> for Point {
    fn from(point: &staunch_control::Point) -> Self {
        Self {
            at: point.at.into(),
            stable: point.stable,
            stable_failed: point.stable_failed,
            stable_p95_ms: point.stable_p95_ms,
            canary: point.canary,
            canary_failed: point.canary_failed,
            canary_p95_ms: point.canary_p95_ms,
        }
    }
}

impl From<&InstanceStatus> for Instance {
    fn from(status: &InstanceStatus) -> Self {
        let (state, restart_at, error) = state(&status.state);
        Self {
            id: status.id.to_string(),
            revision: status.revision.to_string(),
            state: state.to_owned(),
            restart_at,
            error,
            ready: status.ready,
            ready_changed_at: status.ready_changed.into(),
            started_at: status.started.into(),
            pid: status.pid,
            exits: status.exits.iter().map(Exit::from).collect(),
            memory_bytes: status.memory_bytes,
            cpu_ratio: status.cpu_ratio,
            attempts: status.attempts,
            in_flight: status.in_flight,
            probe: status.probe.clone(),
        }
    }
}

fn state(state: &InstanceState) -> (&'static str, Option<Time>, Option<String>) {
    match state {
        InstanceState::Starting => ("starting", None, None),
        InstanceState::Running => ("running", None, None),
        InstanceState::BackingOff { until } => ("backing-off", Some(Time(*until)), None),
        InstanceState::Stopping => ("stopping", None, None),
        InstanceState::Exited => ("exited", None, None),
        InstanceState::CannotExec { error } => ("cannot-exec", None, Some(error.clone())),
    }
}

impl From<&ExitRecord> for Exit {
    fn from(exit: &ExitRecord) -> Self {
        Self { at: exit.at.into(), status: exit.status.clone(), uptime_ms: exit.uptime_ms }
    }
}
