//! What the world looks like, and the few ways to move it.

use serde::{Deserialize, Serialize};
use staunch_model::{
    InstanceId, MirrorSpec, Revision, RevisionDigest, ServiceName, SmokeKey, SmokeSpec, SplitGeneration,
    Timestamp, Weight, WhoSpec,
};

/// One service as the platform sees it at one time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    pub at: Timestamp,
    pub instances: Vec<InstanceStatus>,
    pub split: Option<ObservedSplit>,
    /// Checks that run or have ended, until they are forgotten.
    #[serde(default)]
    pub smoke: Vec<SmokeStatus>,
    /// Instances that were stopped and are gone, and did not end by themselves in the time they were given.
    #[serde(default)]
    pub left: Vec<(InstanceId, ExitRecord)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SmokeStatus {
    pub key: SmokeKey,
    pub state: SmokeState,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum SmokeState {
    Running {
        since: Timestamp,
    },
    Passed {
        took_ms: u64,
    },
    /// `why` is `exit status 1` or `no end within 30s`; `output` the last lines it wrote.
    Failed {
        why: String,
        output: Vec<String>,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceStatus {
    pub id: InstanceId,
    pub revision: RevisionDigest,
    pub state: InstanceState,
    pub ready: bool,
    /// When the present readiness (or unreadiness) began.
    pub ready_changed: Timestamp,
    /// When the present process was started.
    pub started: Timestamp,
    pub pid: Option<u32>,
    /// The last exits, oldest first, at most ten.
    pub exits: Vec<ExitRecord>,
    pub memory_bytes: u64,
    /// Share of one core over the last three seconds.
    pub cpu_ratio: f64,
    /// Requests answered by the present process, and those it has now (tunnels included).
    pub attempts: u64,
    pub in_flight: u64,
    /// The last probe's result in words.
    pub probe: Option<String>,
}

impl InstanceStatus {
    /// It can take requests: ready, and nobody has asked it to stop.
    pub fn serves(&self) -> bool {
        self.ready
            && match self.state {
                InstanceState::Starting | InstanceState::Running => true,
                InstanceState::BackingOff { .. }
                | InstanceState::Stopping
                | InstanceState::Exited
                | InstanceState::CannotExec { .. } => false,
            }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum InstanceState {
    Starting,
    Running,
    /// Waiting to be started again.
    BackingOff {
        until: Timestamp,
    },
    Stopping,
    Exited,
    /// The command cannot be executed at all; the text says why.
    CannotExec {
        error: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    pub at: Timestamp,
    /// `exit status 1`, `killed by SIGKILL`, `unknown (adopted)`.
    pub status: String,
    pub uptime_ms: u64,
}

/// What the data plane was last told, and whether it obeys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObservedSplit {
    pub wish: SplitWish,
    /// Every thread of every edge routes by it.
    pub seen: bool,
    /// The canary's lease under this generation has lapsed: all traffic is on stable.
    pub lapsed: bool,
    /// When the wish was given.
    pub since: Timestamp,
}

/// Who shall get the traffic. Without a stable side and a canary nobody does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitWish {
    pub generation: SplitGeneration,
    /// Salt of the assignment of users: one per rollout.
    pub salt: u64,
    pub stable: Option<RevisionDigest>,
    pub canary: Option<(RevisionDigest, Weight)>,
    /// Who gets copies of stable's requests.
    #[serde(default)]
    pub mirror: Option<Box<MirrorWish>>,
    /// Beside the canary, twins of stable get as much as it gets.
    #[serde(default)]
    pub twins: bool,
    /// Who gets the canary by name, whatever its weight.
    #[serde(default)]
    pub who: Option<Box<WhoSpec>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorWish {
    pub revision: RevisionDigest,
    pub spec: MirrorSpec,
}

impl ObservedSplit {
    /// The split in effect: a lapsed canary gets nothing, whatever was wished.
    pub(crate) fn in_effect(&self) -> SplitWish {
        let canary = self.wish.canary.clone().filter(|_| !self.lapsed);
        let mirror = self.wish.mirror.clone().filter(|_| !self.lapsed);
        SplitWish { canary, mirror, ..self.wish.clone() }
    }
}

impl SplitWish {
    /// Somebody shall get traffic.
    pub(crate) fn sends(&self) -> bool {
        self.stable.is_some() || self.canary.is_some()
    }
    pub fn sends_to(&self, revision: &RevisionDigest) -> bool {
        self.stable.as_ref() == Some(revision)
            || self.mirror.as_ref().is_some_and(|mirror| &mirror.revision == revision)
            || self.canary.as_ref().is_some_and(|(canary, _)| canary == revision)
    }
    pub(crate) fn sends_canary(&self, revision: &RevisionDigest) -> bool {
        self.canary.as_ref().is_some_and(|(canary, _)| canary == revision)
    }
    /// The share of all traffic that goes to a revision.
    pub fn share_of(&self, revision: &RevisionDigest) -> Weight {
        match &self.canary {
            Some((canary, weight)) if canary == revision => *weight,
            Some(_) | None if self.stable.as_ref() == Some(revision) => self.canary_weight().complement(),
            Some(_) | None => Weight::ZERO,
        }
    }
    /// The largest share of all traffic that may come to a revision: what is sent by name is on top of its weight.
    pub(crate) fn reach_of(&self, revision: &RevisionDigest) -> Weight {
        let share = self.share_of(revision);
        let who = self.who.as_ref().filter(|_| self.sends_canary(revision));
        who.map_or(share, |who| who.reach(share))
    }
    /// Something of it holds only while it is renewed.
    pub fn is_leased(&self) -> bool {
        self.canary.is_some() || self.mirror.is_some()
    }
    pub fn canary_weight(&self) -> Weight {
        self.canary.as_ref().map_or(Weight::ZERO, |(_, weight)| *weight)
    }
}

/// One move. Idempotent: executing it twice does what executing it once does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Start {
        service: ServiceName,
        revision: Box<Revision>,
        instance: InstanceId,
    },
    /// SIGTERM, the revision's grace, SIGKILL.
    Stop {
        instance: InstanceId,
    },
    Shift {
        service: ServiceName,
        wish: SplitWish,
    },
    /// Runs a command against an instance.
    Smoke {
        key: SmokeKey,
        spec: SmokeSpec,
    },
    /// Ends a check that runs, and forgets what came of it.
    ForgetSmoke {
        key: SmokeKey,
    },
}
