//! The services as the journal tells them, and the only way to add to both.

use std::collections::BTreeMap;

use staunch_model::{Actor, RolloutId, ServiceName, Timestamp};
use staunch_ports::{Entry, Journal, JournalError, NewEntry, RolloutRow};
use staunch_rollout::{Event, Phase, Rollout, Service};

/// State and history, kept in step.
pub(crate) struct Book {
    journal: Box<dyn Journal>,
    pub(crate) services: BTreeMap<ServiceName, Service>,
    /// Events that were acted on since they lead back to safety, but could not be recorded yet.
    unrecorded: Vec<NewEntry>,
    /// Why the journal refuses, while it does.
    pub(crate) trouble: Option<String>,
}

impl Book {
    /// Checks and folds the whole journal. A damaged one is named and not acted upon.
    pub(crate) fn open(journal: Box<dyn Journal>) -> Result<(Self, Timestamp), JournalError> {
        journal.verify()?;
        let mut book = Self { journal, services: BTreeMap::new(), unrecorded: vec![], trouble: None };
        let mut after = 0;
        let mut last = Timestamp::default();
        loop {
            let entries = book.journal.read(after, 1_000)?;
            let Some(end) = entries.last() else { break };
            (after, last) = (end.sequence, end.at);
            for entry in &entries {
                book.replay(entry)?;
            }
        }
        Ok((book, last))
    }

    fn replay(&mut self, entry: &Entry) -> Result<(), JournalError> {
        let damaged = |what: String| {
            JournalError::Damaged(staunch_ports::ChainFault { sequence: entry.sequence, what })
        };
        let event: Event =
            serde_json::from_value(entry.body.clone()).map_err(|error| damaged(error.to_string()))?;
        self.service(&entry.service).apply(entry.at, &event).map_err(|illegal| damaged(illegal.to_string()))
    }

    pub(crate) fn service(&mut self, name: &ServiceName) -> &mut Service {
        self.services.entry(name.clone()).or_insert_with(|| Service::new(name.clone()))
    }

    pub(crate) fn next_rollout(&mut self) -> Result<RolloutId, JournalError> {
        self.journal.next_rollout()
    }

    /// Records events, then applies them. When the journal cannot take them nothing is applied, with one
    /// exception: going back. Users must not stay on a bad version since a disk is full.
    pub(crate) fn commit(
        &mut self,
        name: &ServiceName,
        at: Timestamp,
        actor: &Actor,
        events: &[Event],
    ) -> Result<Vec<Entry>, JournalError> {
        let mut next = self.services.get(name).cloned().unwrap_or_else(|| Service::new(name.clone()));
        for event in events {
            next.apply(at, event).map_err(|illegal| JournalError::Broken(illegal.to_string()))?;
        }
        let rollout = next.rollout.as_ref().map(|rollout| rollout.spec.id);
        let fresh = events.iter().map(|event| new_entry(name, rollout, at, actor, event));
        let entries: Vec<_> = self.unrecorded.iter().cloned().chain(fresh).collect();
        let rows: Vec<_> = next.rollout.as_ref().map(row).into_iter().collect();
        match self.journal.append(self.journal.head(), entries.clone(), &rows) {
            Ok(written) => {
                self.unrecorded.clear();
                self.trouble = None;
                self.services.insert(name.clone(), next);
                Ok(written)
            }
            Err(error) => {
                self.trouble = Some(error.to_string());
                if events.iter().all(leads_back) {
                    self.unrecorded = entries;
                    self.services.insert(name.clone(), next);
                    return Ok(vec![]);
                }
                Err(error)
            }
        }
    }

    /// Tries again to record what could not be recorded.
    pub(crate) fn settle(&mut self) -> Vec<Entry> {
        if self.unrecorded.is_empty() {
            return vec![];
        }
        let rows: Vec<_> = self.services.values().filter_map(|s| s.rollout.as_ref().map(row)).collect();
        match self.journal.append(self.journal.head(), self.unrecorded.clone(), &rows) {
            Ok(written) => {
                self.unrecorded.clear();
                self.trouble = None;
                written
            }
            Err(error) => {
                self.trouble = Some(error.to_string());
                vec![]
            }
        }
    }

    pub(crate) fn save_checkpoint(&mut self, key: &str, value: &[u8]) {
        // A lost checkpoint costs evidence, never safety.
        if let Err(error) = self.journal.save_checkpoint(key, value) {
            self.trouble = Some(error.to_string());
        }
    }

    pub(crate) fn checkpoint(&self, key: &str) -> Option<Vec<u8>> {
        self.journal.checkpoint(key).ok().flatten()
    }
}

/// Events of a rollback: they may take effect before they can be recorded.
fn leads_back(event: &Event) -> bool {
    matches!(
        event,
        Event::RollbackStarted { .. }
            | Event::RolledBack
            | Event::EvidenceCaptured { .. }
            | Event::TrafficShifted { .. }
    )
}

fn new_entry(
    service: &ServiceName,
    rollout: Option<RolloutId>,
    at: Timestamp,
    actor: &Actor,
    event: &Event,
) -> NewEntry {
    NewEntry {
        at,
        actor: actor.clone(),
        service: service.clone(),
        rollout,
        kind: event.kind().to_owned(),
        body: serde_json::to_value(event).unwrap_or_default(),
    }
}

pub(crate) fn row(rollout: &Rollout) -> RolloutRow {
    let spec = &rollout.spec;
    RolloutRow {
        id: spec.id,
        service: spec.service.clone(),
        from: spec.from.as_ref().map(|from| from.label.clone()),
        to: spec.to.label.clone(),
        kind: kind_name(spec.kind).to_owned(),
        phase: rollout.phase.name().to_owned(),
        started: rollout.admitted,
        ended: rollout.ended,
        outcome: outcome(&rollout.phase),
    }
}

pub(crate) fn kind_name(kind: staunch_model::RolloutKind) -> &'static str {
    match kind {
        staunch_model::RolloutKind::First => "first",
        staunch_model::RolloutKind::Canary => "canary",
        staunch_model::RolloutKind::Rollback => "rollback",
    }
}

fn outcome(phase: &Phase) -> Option<String> {
    match phase {
        Phase::RollingBack { cause } | Phase::RolledBack { cause } => Some(cause.sentence()),
        Phase::Rejected { because } => Some(because.clone()),
        Phase::Succeeded => Some("promoted".to_owned()),
        Phase::Pending
        | Phase::Preparing
        | Phase::Progressing { .. }
        | Phase::Promoting
        | Phase::Baking { .. } => None,
    }
}
