//! What ends a rollout at any time between its first user and the end of the bake.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Metric, duration_ms};

/// Always armed, from the first request on the new revision to the end of the bake.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriggerSpec {
    /// Exits of the canary's instances within `crash_window` that make a crash loop.
    pub crash_exits: u32,
    #[serde(with = "duration_ms")]
    pub crash_window: Duration,
    /// How long the canary may have fewer ready instances than its share needs.
    #[serde(with = "duration_ms")]
    pub unready_for: Duration,
    /// Resident memory of one canary instance, in bytes; `None` is unlimited.
    pub memory_bytes: Option<u64>,
    /// Share of requests failing during warm-up at which everything plainly fails (0.2 = 20 %).
    pub catastrophic: f64,
    /// What the file asks to be watched beyond that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<TriggerRule>,
    /// From the admission to the promotion, at most; pauses are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout_deadline_ms: Option<u64>,
}

impl Default for TriggerSpec {
    fn default() -> Self {
        Self {
            crash_exits: 3,
            crash_window: Duration::from_secs(60),
            unready_for: Duration::from_secs(10),
            memory_bytes: None,
            catastrophic: 0.2,
            rules: vec![],
            rollout_deadline_ms: None,
        }
    }
}

impl TriggerSpec {
    pub fn dependencies(&self) -> impl Iterator<Item = &DependencySpec> {
        self.rules.iter().filter_map(|rule| match &rule.signal {
            Signal::Dependency(spec) => Some(spec),
            Signal::ErrorRate { .. }
            | Signal::SuccessRate { .. }
            | Signal::Latency { .. }
            | Signal::Throughput
            | Signal::Healthy
            | Signal::ErrorSpike { .. }
            | Signal::Cpu
            | Signal::CpuVsStable
            | Signal::Memory
            | Signal::MemoryVsStable
            | Signal::Restarts { .. }
            | Signal::OutOfMemory => None,
        })
    }

    /// The file says itself how many instances may be missing.
    pub fn watches_health(&self) -> bool {
        self.rules.iter().any(|rule| rule.signal == Signal::Healthy)
    }
}

/// One thing that is watched, and how bad it may be. Limits are in the signal's unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriggerRule {
    pub signal: Signal,
    /// Beyond this people are told; nothing is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn: Option<f64>,
    /// Beyond this the new revision is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<f64>,
    /// How long it must have been beyond the limit without a break.
    #[serde(with = "duration_ms")]
    pub sustain: Duration,
    /// After a warning, how long nothing more is said.
    #[serde(with = "duration_ms")]
    pub cooldown: Duration,
}

/// What a trigger looks at, on the new revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Signal {
    /// The share of requests that fail; at most the limit.
    ErrorRate { min_count: u64 },
    /// The share of requests that do not fail; at least the limit.
    SuccessRate { min_count: u64 },
    /// A quantile of latency in microseconds; at most the limit.
    Latency { metric: Metric, min_count: u64 },
    /// Requests per second; at least the limit.
    Throughput,
    /// The share of needed instances that are ready; at least the limit.
    Healthy,
    /// How much more often requests fail than on stable, over `window`, in parts of stable's rate (0.5 = half as much
    /// again); at most the limit. At least `min_count` must have failed.
    ErrorSpike {
        #[serde(with = "duration_ms")]
        window: Duration,
        min_count: u64,
    },
    /// The busiest instance's share of one core; at most the limit.
    Cpu,
    /// How much more of a core than stable, for an instance and for a request, in parts of stable's.
    CpuVsStable,
    /// The largest instance's resident memory in bytes; at most the limit.
    Memory,
    /// How much more memory an instance has than stable's on average, in parts of stable's.
    MemoryVsStable,
    /// Ends of processes within `window`; at most the limit.
    Restarts {
        #[serde(with = "duration_ms")]
        window: Duration,
    },
    /// Processes that were killed for want of memory.
    OutOfMemory,
    /// Something that the service needs answers.
    Dependency(DependencySpec),
}

impl Signal {
    /// As it stands in the file: unique within a service.
    pub fn name(&self) -> String {
        match self {
            Self::ErrorRate { .. } => "error-rate".to_owned(),
            Self::SuccessRate { .. } => "success-rate".to_owned(),
            Self::Latency { metric, .. } => metric.name().to_owned(),
            Self::Throughput => "throughput".to_owned(),
            Self::Healthy => "healthy".to_owned(),
            Self::ErrorSpike { .. } => "error-spike".to_owned(),
            Self::Cpu => "cpu".to_owned(),
            Self::CpuVsStable => "cpu vs stable".to_owned(),
            Self::Memory => "memory".to_owned(),
            Self::MemoryVsStable => "memory vs stable".to_owned(),
            Self::Restarts { .. } => "restarts".to_owned(),
            Self::OutOfMemory => "oom".to_owned(),
            Self::Dependency(spec) => format!("dependency {}", spec.name),
        }
    }

    /// The limit is the least that is allowed, not the most.
    pub fn is_floor(&self) -> bool {
        match self {
            Self::SuccessRate { .. } | Self::Throughput | Self::Healthy => true,
            Self::ErrorRate { .. }
            | Self::Latency { .. }
            | Self::ErrorSpike { .. }
            | Self::Cpu
            | Self::CpuVsStable
            | Self::Memory
            | Self::MemoryVsStable
            | Self::Restarts { .. }
            | Self::OutOfMemory
            | Self::Dependency(_) => false,
        }
    }

    /// It is a share of the requests.
    pub fn counts_requests(&self) -> bool {
        matches!(self, Self::ErrorRate { .. } | Self::SuccessRate { .. } | Self::Latency { .. })
    }

    /// The code of a rollback that it caused.
    pub fn code(&self) -> TriggerCode {
        match self {
            Self::ErrorRate { .. } | Self::SuccessRate { .. } | Self::Latency { .. } | Self::Throughput => {
                TriggerCode::Threshold
            }
            Self::Healthy => TriggerCode::Unhealthy,
            Self::ErrorSpike { .. } => TriggerCode::ErrorSpike,
            Self::Cpu | Self::CpuVsStable | Self::Memory | Self::MemoryVsStable => TriggerCode::Resource,
            Self::Restarts { .. } => TriggerCode::Restarts,
            Self::OutOfMemory => TriggerCode::OutOfMemory,
            Self::Dependency(_) => TriggerCode::Dependency,
        }
    }
}

/// Kinds of triggers, as a rollback's code tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TriggerCode {
    Threshold,
    Unhealthy,
    ErrorSpike,
    Resource,
    Restarts,
    OutOfMemory,
    Dependency,
}

impl TriggerCode {
    pub const ALL: [Self; 7] = [
        Self::Threshold,
        Self::Unhealthy,
        Self::ErrorSpike,
        Self::Resource,
        Self::Restarts,
        Self::OutOfMemory,
        Self::Dependency,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Threshold => "trigger-threshold",
            Self::Unhealthy => "trigger-unhealthy",
            Self::ErrorSpike => "trigger-error-spike",
            Self::Resource => "trigger-resource",
            Self::Restarts => "trigger-restarts",
            Self::OutOfMemory => "trigger-out-of-memory",
            Self::Dependency => "trigger-dependency",
        }
    }
}

/// Something outside of the service that it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DependencySpec {
    pub name: String,
    pub target: DependencyTarget,
    #[serde(with = "duration_ms")]
    pub interval: Duration,
    #[serde(with = "duration_ms")]
    pub timeout: Duration,
    /// Failures in a row until it counts as failing.
    pub fall: u32,
    /// What its failure means when stable needs it too.
    pub shared: SharedFault,
    /// Stable needs it too. `None` in a file that does not say so: it is found out when a rollout is admitted, by
    /// whether stable was deployed with the same target.
    pub of_stable: Option<bool>,
}

impl DependencySpec {
    /// `db (postgres 127.0.0.1:5432)`
    pub fn title(&self) -> String {
        format!("{} ({})", self.name, self.target.words())
    }
}

/// What is asked. Addresses are `host:port`; names are looked up at each look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "probe")]
pub enum DependencyTarget {
    /// A connection.
    Tcp { address: String },
    /// GET over plain HTTP; 200 to 399 is healthy.
    Http { address: String, path: String },
    /// The server answers the first message of PostgreSQL's protocol; nobody logs in.
    Postgres { address: String },
    /// `PING` is answered, if only by a demand for a password.
    Redis { address: String },
    /// Exit status 0.
    Command { words: Vec<String> },
}

impl DependencyTarget {
    pub fn words(&self) -> String {
        match self {
            Self::Tcp { address } => format!("tcp {address}"),
            Self::Http { address, path } => format!("http://{address}{path}"),
            Self::Postgres { address } => format!("postgres {address}"),
            Self::Redis { address } => format!("redis {address}"),
            Self::Command { words } => format!("command {}", words.join(" ")),
        }
    }
}

/// A dependency that both versions need fails: nobody is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SharedFault {
    /// People are told, the rollout goes on.
    Page,
    Rollback,
}

/// How a dependency answered last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DependencyLook {
    pub name: String,
    /// Answers that have come, good or bad: a number that stands still is no news.
    pub looks: u64,
    pub failures_in_row: u32,
    /// What was asked and what came of it.
    pub words: String,
}
