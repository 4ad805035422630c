//! What the edge counted: handed to control several times a second as deltas.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Histogram, InstanceId, RevisionDigest, ServiceName, ShadowSample, SplitGeneration, Timestamp, Weight,
    duration_ms,
};

/// All that one edge process counted since its last report. Reports of one edge are numbered without gaps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EdgeReport {
    /// The edge's process id: evidence of two edges that overlap during an upgrade is added up.
    pub edge: u32,
    pub sequence: u64,
    pub at: Timestamp,
    #[serde(with = "duration_ms")]
    pub covers: Duration,
    pub samples: Vec<Sample>,
    /// A bounded selection of failed attempts, oldest first.
    pub failures: Vec<Failure>,
    /// Failures that found no room in `failures`; they are in the counts.
    pub failures_dropped: u64,
    /// Per instance since the last report, and how many attempts are in flight now, tunnels included.
    pub instances: Vec<InstanceTraffic>,
    /// The table version that every thread has seen.
    pub table_seen: u64,
    /// Services whose canary weight has lapsed, with the generation that lapsed.
    pub lapsed: BTreeMap<String, SplitGeneration>,
    pub connections: u64,
    /// What was compared with a shadow.
    #[serde(default)]
    pub shadow: Vec<ShadowSample>,
}

/// Counts for one route of one revision under one split, those of warming instances apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    pub service: ServiceName,
    pub revision: RevisionDigest,
    /// The split under which the attempts were assigned, and the canary's share in it.
    pub generation: SplitGeneration,
    pub weight: Weight,
    /// `GET /orders/:id`
    pub route: String,
    /// Given to instances that were warming up when they were chosen: no part of comparisons.
    #[serde(default)]
    pub warming: bool,
    /// `None`: there are no twins of stable. Beside them: given to one or, on the canary, to be compared with one
    /// (`true`), or stable's others (`false`), which are no part of comparisons.
    #[serde(default)]
    pub twin: Option<bool>,
    /// Sent to the canary by name and not by chance: no part of comparisons, whatever else it is.
    #[serde(default)]
    pub chosen: bool,
    pub outcomes: Outcomes,
    /// Time to response headers of first attempts. Failed ones are in the last bucket, however fast they failed.
    pub latency: Histogram,
}

/// First attempts by how they ended. A retry is never counted again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// Assigned to the revision, whether or not they have ended.
    pub assigned: u64,
    /// 1xx to 3xx
    pub ok: u64,
    /// 4xx: the client's fault unless a gate says otherwise.
    pub client_error: u64,
    /// 5xx, or a `grpc-status` that blames the server.
    pub server_error: u64,
    pub connect_error: u64,
    /// No response headers in time.
    pub timeout: u64,
    /// The connection ended inside the response.
    pub reset: u64,
    /// The client went away: nobody's fault.
    pub client_gone: u64,
    /// Failed attempts whose client was answered from stable.
    pub shielded: u64,
    /// Failed attempts whose client got a good answer from another attempt on the same revision.
    #[serde(default)]
    pub retried: u64,
    /// Of the assigned: a rule fits, but more came than may be sent by name, so chance has decided.
    #[serde(default)]
    pub surplus: u64,
}

impl Outcomes {
    /// Attempts that count against the version.
    pub fn failed(&self) -> u64 {
        self.server_error + self.connect_error + self.timeout + self.reset
    }
    /// Failed attempts that were what the user got: neither the shield nor a retry made them good.
    pub fn seen(&self) -> u64 {
        self.failed().saturating_sub(self.shielded + self.retried)
    }
    /// Attempts that ended in a way that says something about the version.
    pub fn judged(&self) -> u64 {
        self.ok + self.client_error + self.failed()
    }
    pub fn add(&mut self, other: &Self) {
        self.assigned += other.assigned;
        self.ok += other.ok;
        self.client_error += other.client_error;
        self.server_error += other.server_error;
        self.connect_error += other.connect_error;
        self.timeout += other.timeout;
        self.reset += other.reset;
        self.client_gone += other.client_gone;
        self.shielded += other.shielded;
        self.retried += other.retried;
        self.surplus += other.surplus;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    ServerError,
    ConnectError,
    Timeout,
    Reset,
}

/// One failed first attempt, as an example and for counting distinct clients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    pub at: Timestamp,
    pub service: ServiceName,
    pub revision: RevisionDigest,
    pub instance: InstanceId,
    pub generation: SplitGeneration,
    pub route: String,
    pub method: String,
    /// Path without its query: queries carry secrets.
    pub path: String,
    pub status: Option<u16>,
    pub kind: FailureKind,
    pub micros: u64,
    /// Hash of the sticky key; with no sticky key a fresh number, since each request is then assigned on its own.
    pub client: u64,
    /// The trace id of the request's `traceparent`, if it had one.
    pub trace: Option<String>,
    pub shielded: bool,
    /// Counted in a sample that is `warming`.
    #[serde(default)]
    pub warming: bool,
    /// As in the sample that counts it.
    #[serde(default)]
    pub twin: Option<bool>,
    #[serde(default)]
    pub chosen: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceTraffic {
    pub instance: InstanceId,
    pub attempts: u64,
    pub failed: u64,
    pub in_flight: u64,
    /// Taken out by the edge itself since it refuses connections.
    pub ejected: bool,
}
