//! What people decide about a service beside its rollouts: freezes, approvals, and which versions it has seen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use staunch_model::{RevisionDigest, Timestamp};

/// What is recorded of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum PolicyEvent {
    /// No change begins until then; without a moment, until somebody unfreezes.
    Frozen {
        by: String,
        reason: String,
        until: Option<Timestamp>,
    },
    Unfrozen {
        by: String,
        reason: String,
    },
    /// A change waits for others to agree. `plan` is the digest of all that they agree to.
    ApprovalAsked {
        ask: Ask,
    },
    Approved {
        plan: String,
        by: String,
        reason: String,
    },
    Disapproved {
        plan: String,
        by: String,
        reason: String,
    },
    /// Findings that a person overrode in an emergency.
    Overridden {
        by: String,
        reason: String,
        findings: Vec<String>,
    },
}

impl PolicyEvent {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Frozen { .. } => "frozen",
            Self::Unfrozen { .. } => "unfrozen",
            Self::ApprovalAsked { .. } => "approval-asked",
            Self::Approved { .. } => "approved",
            Self::Disapproved { .. } => "disapproved",
            Self::Overridden { .. } => "overridden",
        }
    }

    /// One line of the story.
    pub fn line(&self) -> String {
        let because = |reason: &str| if reason.is_empty() { String::new() } else { format!(": {reason}") };
        match self {
            Self::Frozen { by, reason, until } => {
                let until = until.map_or_else(String::new, |until| format!(" until {until}"));
                format!("frozen by {by}{until}{}", because(reason))
            }
            Self::Unfrozen { by, reason } => format!("unfrozen by {by}{}", because(reason)),
            Self::ApprovalAsked { ask } => {
                format!("{} asks for {} to {} (plan {})", ask.by, people(ask.needs), ask.label, ask.short())
            }
            Self::Approved { by, reason, .. } => format!("approved by {by}{}", because(reason)),
            Self::Disapproved { by, reason, .. } => format!("rejected by {by}{}", because(reason)),
            Self::Overridden { by, reason, findings } => {
                format!("emergency of {by} overrides {}{}", findings.join(", "), because(reason))
            }
        }
    }
}

pub(crate) fn people(count: u32) -> String {
    if count == 1 { "one approval".to_owned() } else { format!("{count} approvals") }
}

/// A person has said that nothing changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    pub by: String,
    pub reason: String,
    pub since: Timestamp,
    pub until: Option<Timestamp>,
}

impl Freeze {
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// A change that waits for others to agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The digest of all that is agreed to: hexadecimal.
    pub plan: String,
    pub label: String,
    pub digest: RevisionDigest,
    pub by: String,
    pub reason: String,
    pub needs: u32,
    /// Who may answer; empty is everyone but the author.
    pub from: Vec<String>,
    pub since: Timestamp,
    pub until: Timestamp,
    #[serde(default)]
    pub votes: Vec<Vote>,
}

impl Ask {
    pub fn short(&self) -> &str {
        self.plan.get(..12).unwrap_or(&self.plan)
    }
    pub fn approved_by(&self) -> Vec<&str> {
        self.votes.iter().filter(|vote| vote.agrees).map(|vote| vote.by.as_str()).collect()
    }
    pub fn rejection(&self) -> Option<&Vote> {
        self.votes.iter().find(|vote| !vote.agrees)
    }
    pub fn stands(&self, now: Timestamp) -> bool {
        now < self.until
    }
    pub fn is_granted(&self) -> bool {
        self.rejection().is_none() && self.approved_by().len() >= self.needs as usize
    }

    /// Why this person cannot answer.
    pub fn refuses(&self, by: &str) -> Option<String> {
        if by == self.by {
            return Some(format!("{by} asked for it: another person has to answer"));
        }
        let may = self.from.is_empty() || self.from.iter().any(|name| name == by);
        (!may).then(|| format!("{by} is not among those who may answer: {}", self.from.join(", ")))
    }

    /// The last word of each person counts.
    fn hear(&mut self, vote: Vote) {
        self.votes.retain(|old| old.by != vote.by);
        self.votes.push(vote);
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    pub by: String,
    pub agrees: bool,
    pub reason: String,
    pub at: Timestamp,
}

/// A version that the journal has seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub digest: RevisionDigest,
    pub first: Timestamp,
    /// It was everyone's at some time.
    pub served: bool,
}

/// More versions than anyone goes back to; the journal has the others.
const SEEN: usize = 1_000;

/// The fold of what people decided.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    pub freeze: Option<Freeze>,
    pub ask: Option<Ask>,
    /// By the version's name.
    pub seen: BTreeMap<String, Seen>,
}

impl Standing {
    pub(crate) fn apply(&mut self, at: Timestamp, event: &PolicyEvent) {
        match event {
            PolicyEvent::Frozen { by, reason, until } => {
                let (by, reason) = (by.clone(), reason.clone());
                self.freeze = Some(Freeze { by, reason, since: at, until: *until });
            }
            PolicyEvent::Unfrozen { .. } => self.freeze = None,
            PolicyEvent::ApprovalAsked { ask } => self.ask = Some(ask.clone()),
            PolicyEvent::Approved { plan, by, reason } => self.vote(plan, by, reason, true, at),
            PolicyEvent::Disapproved { plan, by, reason } => self.vote(plan, by, reason, false, at),
            PolicyEvent::Overridden { .. } => {}
        }
    }

    fn vote(&mut self, plan: &str, by: &str, reason: &str, agrees: bool, at: Timestamp) {
        let Some(ask) = self.ask.as_mut().filter(|ask| ask.plan == plan) else { return };
        ask.hear(Vote { by: by.to_owned(), agrees, reason: reason.to_owned(), at });
    }

    /// A rollout began: what was agreed to is used up.
    pub(crate) fn begin(&mut self, label: &str, digest: &RevisionDigest, at: Timestamp) {
        self.ask = None;
        let fresh = Seen { digest: digest.clone(), first: at, served: false };
        let seen = self.seen.entry(label.to_owned()).or_insert(fresh);
        // The name of a content that never served everyone is free again.
        if !seen.served {
            seen.digest = digest.clone();
        }
        while self.seen.len() > SEEN {
            let oldest = self.seen.iter().min_by_key(|(_, seen)| seen.first).map(|(label, _)| label.clone());
            oldest.map(|label| self.seen.remove(&label));
        }
    }

    pub(crate) fn settle(&mut self, label: &str) {
        if let Some(seen) = self.seen.get_mut(label) {
            seen.served = true;
        }
    }

    pub fn frozen(&self, now: Timestamp) -> Option<&Freeze> {
        self.freeze.as_ref().filter(|freeze| freeze.holds(now))
    }

    /// The request that still waits for an answer.
    pub fn asking(&self, now: Timestamp) -> Option<&Ask> {
        self.ask.as_ref().filter(|ask| ask.stands(now))
    }
}
