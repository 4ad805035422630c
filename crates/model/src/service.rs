//! What a service is, apart from how it is rolled out.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    ChecksSpec, ConfidenceSpec, EvidenceSpec, GateSpec, GaugeSpec, InfraSpec, PolicySpec, ServiceName,
    SloSpec, StopSignal, Strategy, TriggerSpec, VersionName, duration_ms,
};

/// One service as the user's file describes it, every default resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceSpec {
    pub name: ServiceName,
    /// The address users call; `None` for a worker, which has no requests.
    pub listen: Option<SocketAddr>,
    pub tls: Option<TlsSpec>,
    /// The command as words; the first is the program.
    pub command: Vec<String>,
    /// What people call this version, if the file gives it.
    pub version: Option<VersionName>,
    /// An identity that replaces the hash of the files, if the file gives it.
    pub id: Option<VersionName>,
    /// Paths, folders and `*` patterns, relative to the file, whose content is part of the revision.
    pub files: Vec<String>,
    pub env: BTreeMap<String, String>,
    /// Full number of instances.
    pub replicas: u32,
    pub upstream: Upstream,
    pub health: HealthSpec,
    pub stop: StopSpec,
    pub edge: EdgeSpec,
    #[serde(alias = "canary")]
    pub strategy: Strategy,
    pub gates: Vec<GateSpec>,
    #[serde(default)]
    pub gauges: Vec<GaugeSpec>,
    pub triggers: TriggerSpec,
    pub evidence: EvidenceSpec,
    /// Reports of other tools that a version needs before it is deployed.
    #[serde(default)]
    pub checks: ChecksSpec,
    /// `None`: no score is asked for.
    #[serde(default)]
    pub confidence: Option<ConfidenceSpec>,
    #[serde(default)]
    pub slo: Option<SloSpec>,
    #[serde(default)]
    pub policy: PolicySpec,
    /// Commands around a version.
    #[serde(default)]
    pub infra: Option<InfraSpec>,
}

impl ServiceSpec {
    /// Nobody sends it requests: its instances are replaced one by one.
    pub fn is_worker(&self) -> bool {
        self.listen.is_none()
    }

    /// A service with every default: one instance that is ready when its port accepts connections.
    pub fn plain(name: ServiceName, listen: SocketAddr, command: Vec<String>) -> Self {
        Self {
            name,
            listen: Some(listen),
            tls: None,
            command,
            version: None,
            id: None,
            files: vec![],
            env: BTreeMap::new(),
            replicas: 1,
            upstream: Upstream::Http1,
            health: HealthSpec::default(),
            stop: StopSpec::default(),
            edge: EdgeSpec::default(),
            strategy: Strategy::default(),
            gates: vec![],
            gauges: vec![],
            triggers: TriggerSpec::default(),
            evidence: EvidenceSpec::default(),
            checks: ChecksSpec::default(),
            confidence: None,
            slo: None,
            policy: PolicySpec::default(),
            infra: None,
        }
    }
}

/// PEM files; ALPN offers h2 and http/1.1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsSpec {
    pub cert: String,
    pub key: String,
}

/// What the instances speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Upstream {
    Http1,
    H2c,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthSpec {
    pub ready: ProbeSpec,
    /// `None`: only the end of the process tells that it is dead.
    pub live: Option<ProbeSpec>,
    /// How long an instance may take from its start to its first success.
    #[serde(with = "duration_ms")]
    pub start_timeout: Duration,
}

impl Default for HealthSpec {
    fn default() -> Self {
        Self { ready: ProbeSpec::default(), live: None, start_timeout: Duration::from_secs(60) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeSpec {
    pub target: ProbeTarget,
    #[serde(with = "duration_ms")]
    pub interval: Duration,
    #[serde(with = "duration_ms")]
    pub timeout: Duration,
    /// Failures in a row until "not ready" or "not alive".
    pub fall: u32,
    /// Successes in a row until "ready".
    pub rise: u32,
}

impl Default for ProbeSpec {
    fn default() -> Self {
        let (interval, timeout) = (Duration::from_secs(2), Duration::from_secs(1));
        Self { target: ProbeTarget::Tcp, interval, timeout, fall: 3, rise: 1 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeTarget {
    /// GET on the instance's port; 200 to 399 is healthy.
    Http { path: String },
    /// A connection to the instance's port.
    Tcp,
    /// Exit status 0 is healthy; `PORT` is set.
    Command { words: Vec<String> },
    /// The instance writes this file into its own folder when it is ready; `STAUNCH_READY_FILE` has its whole path.
    File { path: String },
    /// The process runs for this long.
    Alive {
        #[serde(with = "duration_ms")]
        span: Duration,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopSpec {
    /// What asks it to finish its work and end.
    #[serde(default)]
    pub signal: StopSignal,
    /// From the signal to SIGKILL.
    #[serde(with = "duration_ms")]
    pub grace: Duration,
    /// How long requests in flight may take before an instance is asked to stop.
    #[serde(with = "duration_ms")]
    pub drain: Duration,
}

impl Default for StopSpec {
    fn default() -> Self {
        Self { signal: StopSignal::Term, grace: Duration::from_secs(10), drain: Duration::from_secs(30) }
    }
}

/// How the edge treats requests to this service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EdgeSpec {
    pub sticky: Option<StickyKey>,
    pub shield: ShieldSpec,
    pub limits: Limits,
    /// How long a canary's weight holds when control does not renew it.
    #[serde(with = "duration_ms")]
    pub lease: Duration,
}

impl Default for EdgeSpec {
    fn default() -> Self {
        let shield = ShieldSpec { enabled: true, after: Duration::from_secs(3) };
        Self { sticky: None, shield, limits: Limits::default(), lease: Duration::from_secs(3) }
    }
}

/// What keeps a user on one side of the split. With `None` each request is split on its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StickyKey {
    /// A cookie of the edge's own, set on the first answer; it carries the user's place, never a version.
    Cookie { name: String },
    /// The hash of a request header; requests without it are split on their own.
    Header { name: String },
    /// The hash of the client's address.
    Address,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShieldSpec {
    /// GET and HEAD that fail on the canary are answered from stable.
    pub enabled: bool,
    /// An attempt without response headers for this long counts as failed on either side, and is shielded on the
    /// canary.
    #[serde(with = "duration_ms")]
    pub after: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Largest request head in bytes.
    pub header_bytes: usize,
    /// Largest request body in bytes; `None` is unlimited.
    pub body_bytes: Option<u64>,
    /// Open client connections; further ones wait in the listen queue.
    pub connections: usize,
    #[serde(with = "duration_ms")]
    pub header_timeout: Duration,
    /// From the end of the request to the response's headers.
    #[serde(with = "duration_ms")]
    pub response_timeout: Duration,
    /// An idle client connection is closed after this.
    #[serde(with = "duration_ms")]
    pub idle_timeout: Duration,
    #[serde(with = "duration_ms")]
    pub connect_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            header_bytes: 65_536,
            body_bytes: None,
            connections: 10_000,
            header_timeout: seconds(10),
            response_timeout: seconds(60),
            idle_timeout: seconds(75),
            connect_timeout: seconds(1),
        }
    }
}
