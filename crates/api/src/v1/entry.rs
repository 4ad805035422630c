//! The journal on the wire.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use staunch_model::Actor;
use staunch_rollout::{Event, HouseEvent};
use utoipa::ToSchema;

use super::Time;
use crate::redact::mask_environment;

/// One recorded event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    pub sequence: u64,
    pub at: Time,
    /// `person` or `staunch`.
    pub actor_kind: String,
    pub actor: String,
    pub service: String,
    pub rollout: Option<u64>,
    /// The event's name, such as `rollback-started`.
    pub kind: String,
    /// The event as one line for people; `None` for bulky evidence.
    pub line: Option<String>,
    /// The event as it was recorded, with the values of environment variables masked.
    pub body: Value,
    /// Something in `body` is masked: the hash was made over the unmasked event.
    pub masked: bool,
    pub previous: String,
    pub hash: String,
}

impl From<&staunch_ports::Entry> for Entry {
    fn from(entry: &staunch_ports::Entry) -> Self {
        let mut body = entry.body.clone();
        let masked = mask_environment(&mut body);
        Self {
            sequence: entry.sequence,
            at: entry.at.into(),
            actor_kind: actor_kind(&entry.actor).to_owned(),
            actor: entry.actor.to_string(),
            service: entry.service.to_string(),
            rollout: entry.rollout.map(|rollout| rollout.0),
            kind: entry.kind.clone(),
            line: line(entry),
            body,
            masked,
            previous: entry.previous.clone(),
            hash: entry.hash.clone(),
        }
    }
}

fn line(entry: &staunch_ports::Entry) -> Option<String> {
    if HouseEvent::is_kind(&entry.kind) {
        let event: HouseEvent = serde_json::from_value(entry.body.clone()).ok()?;
        return Some(event.line());
    }
    let event: Event = serde_json::from_value(entry.body.clone()).ok()?;
    event.line()
}

fn actor_kind(actor: &Actor) -> &'static str {
    match actor {
        Actor::Person(_) => "person",
        Actor::Staunch => "staunch",
    }
}

/// What the reader of the stream has seen is of no use: everything is to be read anew, and the stream goes on behind
/// `sequence`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reset {
    pub sequence: u64,
    pub because: String,
}

/// A page of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Entries {
    pub entries: Vec<Entry>,
    /// `after` of the next page.
    pub next_after: u64,
}

/// A line of the audit export.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExportLine {
    #[serde(flatten)]
    pub entry: Entry,
    /// The rollout's phase after this event, by the name that auditors know.
    pub audit_alias: Option<String>,
}
