//! A stage before any user is on the new revision: copies of requests are sent to it, and its answers are compared.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Backend, RevisionDigest, ServiceName, SplitGeneration, Timestamp, Weight, duration_ms};

/// The stage as it is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShadowSpec {
    pub mirror: MirrorSpec,
    /// The least time the stage lasts, whatever the evidence says.
    #[serde(with = "duration_ms")]
    pub hold: Duration,
    /// Compared pairs before it may pass.
    pub requests: u64,
    /// Largest tolerated share of pairs whose answers differ, 0.01 = 1 %. 1 tolerates all: they are only reported.
    pub max_differences: f64,
    /// By how much more often than stable the shadow may fail, as a share of all pairs.
    pub max_errors: f64,
    /// By how much slower than stable a copy may be, 0.25 = 25 %.
    pub max_slower: f64,
    pub then: ShadowThen,
}

/// What follows a stage that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShadowThen {
    /// The steps, as without a shadow.
    Canary,
    /// The rollout ends without a promotion: the report was wanted.
    Stop,
}

/// What the edge copies, and how it compares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorSpec {
    /// The share of the requests with one of the methods that is copied.
    pub share: Weight,
    /// Upper case.
    pub methods: BTreeSet<String>,
    /// Response headers that are compared, in lower case.
    pub headers: Vec<String>,
    /// What is not compared: paths into JSON such as `/items/*/id`, or `body`.
    pub ignore: Vec<String>,
    /// Larger bodies of requests are not copied, and larger ones of answers not compared, in bytes.
    pub max_body: u64,
    /// Copies that may exist at the same time; what comes on top is not copied.
    pub concurrency: u32,
}

impl MirrorSpec {
    pub const SAFE: [&'static str; 2] = ["GET", "HEAD"];

    /// Methods that may change something when they are sent twice.
    pub fn unsafe_methods(&self) -> impl Iterator<Item = &str> {
        self.methods.iter().map(String::as_str).filter(|method| !Self::SAFE.contains(method))
    }
}

/// A mirror in the edge's table. It lives by the same lease as a canary's weight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorRoute {
    pub backend: Backend,
    pub spec: MirrorSpec,
}

/// What the edge compared under one generation since its last report. Bounded in size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShadowSample {
    pub service: ServiceName,
    /// The shadow's revision.
    pub revision: RevisionDigest,
    pub generation: SplitGeneration,
    pub counts: ShadowCounts,
    /// Copies that were sent to both sides one after the other, in random order: microseconds of the shadow and of
    /// stable, to the end of the body. `None`: it failed.
    pub timed: Vec<(Option<u32>, Option<u32>)>,
    /// What was found to differ between two answers of stable itself, and is not compared any more.
    pub volatile: Vec<String>,
    pub examples: Vec<ShadowExample>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowCounts {
    /// Copies with an answer of both sides, or a failure in its place.
    pub pairs: u64,
    /// Pairs in which only the shadow failed, and in which only stable did.
    pub shadow_failed: u64,
    pub stable_failed: u64,
    /// Pairs whose answers differ in what stable answers the same twice.
    pub different: u64,
    /// Pairs that differ where stable differs from itself as well.
    pub volatile: u64,
    /// Answers too large to be compared beyond status and headers.
    pub unread: u64,
    /// Requests that were not copied: too many copies at once, or too large a body.
    pub dropped: u64,
    pub too_large: u64,
    /// Copies sent to stable.
    pub controls: u64,
}

impl ShadowCounts {
    pub fn add(&mut self, other: &Self) {
        self.pairs += other.pairs;
        self.shadow_failed += other.shadow_failed;
        self.stable_failed += other.stable_failed;
        self.different += other.different;
        self.volatile += other.volatile;
        self.unread += other.unread;
        self.dropped += other.dropped;
        self.too_large += other.too_large;
        self.controls += other.controls;
    }
}

/// Two answers to one request that should be the same. Of the request only method and path are kept, of the answers
/// only what differs, cut short; nothing of what is named like a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowExample {
    pub at: Timestamp,
    pub method: String,
    /// Path without its query: queries carry secrets.
    pub path: String,
    /// How each side ended: `200`, `timeout`, `connect-error`, `reset`.
    pub stable: String,
    pub shadow: String,
    pub differences: Vec<ShadowDifference>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowDifference {
    /// `status`, `header content-type`, `body`, or a path into the JSON: `/items/*/price`.
    pub place: String,
    pub stable: String,
    pub shadow: String,
}
