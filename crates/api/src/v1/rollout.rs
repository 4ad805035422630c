//! Rollouts on the wire: the row of a list, the live view, and what commands answer.

use serde::{Deserialize, Serialize};
use staunch_control::RolloutView;
use staunch_rollout::{Cause, Pace, Phase};
use utoipa::ToSchema;

use super::{Judgement, Time, Trigger, wire_name};

/// A line of the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RolloutRow {
    pub id: u64,
    pub service: String,
    pub from: Option<String>,
    pub to: String,
    /// `first`, `rollback`, or the strategy: `canary`, `blue-green`.
    pub kind: String,
    pub phase: String,
    pub started_at: Time,
    pub ended_at: Option<Time>,
    /// One sentence.
    pub outcome: Option<String>,
    /// Requests of users that broke an objective on the new revision, and their share of the error budget; known
    /// when it has ended, for a service with `[slo]`.
    #[serde(default)]
    pub spent_requests: Option<u64>,
    #[serde(default)]
    pub spent_ratio: Option<f64>,
}

/// Newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RolloutList {
    pub rollouts: Vec<RolloutRow>,
    /// Absent at the end.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// One rollout; `live` while it is its service's present or last one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RolloutDetail {
    #[serde(flatten)]
    pub row: RolloutRow,
    pub live: Option<Rollout>,
    /// Sequence of the journal's last entry when this was read: the `after` of the next long poll.
    pub sequence: u64,
}

/// A rollout as the loop sees it now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rollout {
    pub id: u64,
    pub kind: String,
    pub active: bool,
    /// `pending`, `preparing`, `progressing`, `promoting`, `baking`, `succeeded`, `rolling-back`, `rolled-back` or
    /// `rejected`.
    pub phase: String,
    pub from: Option<String>,
    pub to: String,
    pub digest: String,
    /// Weights of the steps, 1 last.
    pub steps_ratio: Vec<f64>,
    /// The rules by which users get it whatever its weight, in words; a first step of no weight is theirs alone.
    #[serde(default)]
    pub who: Vec<String>,
    /// Index into `steps_ratio`; its length when all is done.
    pub step: usize,
    pub admitted_at: Time,
    pub entered_at: Time,
    pub ended_at: Option<Time>,
    pub by: String,
    pub paused: Option<Pause>,
    pub bake_until: Option<Time>,
    /// Why it goes or went back.
    pub back: Option<WhyBack>,
    /// Why it was refused before anything ran.
    pub rejected: Option<String>,
    pub waiting: Option<Waiting>,
    /// Commands that are possible now, as the last part of their address.
    pub allowed_actions: Vec<String>,
    pub judgement: Option<Judgement>,
    /// What is armed while users are on the new revision, and how it stands.
    #[serde(default)]
    pub triggers: Vec<Trigger>,
    /// When the gates of this step will have passed, if the new revision is as good as the old.
    pub eta: Option<Eta>,
    /// From the decision to go back until no edge sent anything to the new revision.
    pub traffic_back_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pause {
    pub by: String,
    pub reason: String,
    pub since: Time,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhyBack {
    /// `gate-failed`, `crash-loop`, `aborted`, …
    pub code: String,
    /// One sentence with the numbers.
    pub because: String,
    /// A person ended it, not a gate or trigger.
    pub by_person: bool,
}

/// Why it is not going on right now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    /// `evidence`, `hold`, `health`, `approval`, …
    pub on: String,
    pub because: String,
    pub since: Time,
    /// When the waiting ends at the latest, and what happens then.
    pub until: Time,
    pub then: String,
}

impl From<&staunch_ports::RolloutRow> for RolloutRow {
    fn from(row: &staunch_ports::RolloutRow) -> Self {
        Self {
            id: row.id.0,
            service: row.service.to_string(),
            from: row.from.clone(),
            to: row.to.clone(),
            kind: row.kind.clone(),
            phase: row.phase.clone(),
            started_at: row.started.into(),
            ended_at: row.ended.map(Time),
            outcome: row.outcome.clone(),
            spent_requests: row.spent_requests,
            spent_ratio: row.spent_ratio,
        }
    }
}

impl From<&RolloutView> for Rollout {
    fn from(view: &RolloutView) -> Self {
        Self {
            id: view.id,
            kind: view.kind.clone(),
            active: view.active,
            phase: view.phase.name().to_owned(),
            from: view.from.clone(),
            to: view.to.clone(),
            digest: view.digest.to_string(),
            steps_ratio: view.steps.iter().map(|percent| percent / 100.0).collect(),
            who: view.who.clone(),
            step: view.step,
            admitted_at: view.admitted.into(),
            entered_at: view.entered.into(),
            ended_at: view.ended.map(Time),
            by: view.by.clone(),
            paused: view.phase.pace().and_then(pause),
            bake_until: bake_until(&view.phase),
            back: cause(&view.phase).map(WhyBack::from),
            rejected: rejected(&view.phase),
            waiting: view.waiting.as_ref().map(Waiting::from),
            allowed_actions: view.allowed.iter().map(|name| command_key(name)).collect(),
            judgement: view.judgement.as_ref().map(Judgement::from),
            triggers: view.triggers.iter().map(Trigger::from).collect(),
            eta: view.eta.map(Eta::from),
            traffic_back_ms: view.traffic_back_ms,
        }
    }
}

fn pause(pace: &Pace) -> Option<Pause> {
    match pace {
        Pace::Automatic => None,
        Pace::Paused { by, reason, since } => {
            Some(Pause { by: by.clone(), reason: reason.clone(), since: (*since).into() })
        }
    }
}

fn bake_until(phase: &Phase) -> Option<Time> {
    if let Phase::Baking { until, .. } = phase { Some(Time(*until)) } else { None }
}

fn cause(phase: &Phase) -> Option<&Cause> {
    if let Phase::RollingBack { cause } | Phase::RolledBack { cause } = phase { Some(cause) } else { None }
}

fn rejected(phase: &Phase) -> Option<String> {
    if let Phase::Rejected { because } = phase { Some(because.clone()) } else { None }
}

impl From<&Cause> for WhyBack {
    fn from(cause: &Cause) -> Self {
        Self { code: cause.code().to_owned(), because: cause.sentence(), by_person: cause.is_personal() }
    }
}

impl From<&staunch_rollout::Waiting> for Waiting {
    fn from(waiting: &staunch_rollout::Waiting) -> Self {
        Self {
            on: wire_name(waiting.on),
            because: waiting.because.clone(),
            since: waiting.since.into(),
            until: waiting.until.into(),
            then: waiting.then.clone(),
        }
    }
}

/// A command's name as the last part of its address: `promote --full` → `promote-full`.
pub(crate) fn command_key(name: &str) -> String {
    name.replace(" --", "-")
}

/// The answer to a deploy or a rollback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", tag = "result")]
pub enum Deployed {
    Started {
        rollout: u64,
        from: Option<String>,
        to: String,
    },
    /// The content is what runs: nothing to do.
    Unchanged {
        revision: String,
    },
    /// The content is what runs; only the number of instances changes.
    Scaled {
        revision: String,
        replicas: u32,
    },
    /// A rollout to this very content is under way.
    AlreadyRunning {
        rollout: u64,
        to: String,
    },
}

impl From<staunch_control::Deployed> for Deployed {
    fn from(deployed: staunch_control::Deployed) -> Self {
        match deployed {
            staunch_control::Deployed::Started { rollout, from, to } => Self::Started { rollout, from, to },
            staunch_control::Deployed::Unchanged { revision } => Self::Unchanged { revision },
            staunch_control::Deployed::Scaled { revision, replicas } => Self::Scaled { revision, replicas },
            staunch_control::Deployed::AlreadyRunning { rollout, to } => Self::AlreadyRunning { rollout, to },
        }
    }
}

/// The answer to a command: which rollout heard it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Commanded {
    pub rollout: u64,
    pub command: String,
}

/// Milliseconds from now: half the time less than `median_ms`, nine times in ten between the other two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Eta {
    pub low_ms: u64,
    pub median_ms: u64,
    /// Absent: one time in twenty it takes longer than can be said.
    pub high_ms: Option<u64>,
}

impl From<staunch_control::Eta> for Eta {
    fn from(eta: staunch_control::Eta) -> Self {
        let staunch_control::Eta { low_ms, median_ms, high_ms } = eta;
        Self { low_ms, median_ms, high_ms }
    }
}
