//! The services as the journal tells them, and the only way to add to both.
//!
//! The loop does not wait for a slow disk. What it decides is handed over and counts at once, but is acted on only
//! when it is known to be recorded; until then the service is held. Going back is the exception: it is acted on
//! whatever the journal does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use serde::Deserialize as _;
use staunch_model::{Actor, RolloutId, ServiceName, Timestamp};
use staunch_ports::{CountChanges, Entry, Journal, JournalError, KeptCounts, NewEntry, RolloutRow};
use staunch_rollout::{BudgetEvent, Event, HouseEvent, Phase, Release, ReleaseEvent, Rollout, Service};

use crate::scribe::Scribe;

/// Longer than a disk usually takes and half of a turn: what is recorded by then is acted on in the same turn.
const PATIENCE: Duration = Duration::from_millis(50);
/// A disk that is late for less is not worth a word to people.
const SLOW_AFTER: Duration = Duration::from_secs(1);
/// Nothing is begun without a number, so a deploy waits for one, and the loop with it: the one wait in which a canary
/// beside it has only its lease. Refusing sooner would leave a service undeployed for a disk that was slow for a moment.
const NUMBER_PATIENCE: Duration = Duration::from_secs(10);

const SLOW: &str = "the disk is slow: what was decided last is not recorded yet";
const BEHIND: &str = "the disk is slow or full, and what was decided before is not recorded yet; try again";
const ENDED: &str = "the thread that writes it has ended";

/// State and history, kept in step.
pub(crate) struct Book {
    scribe: Scribe,
    pub(crate) services: BTreeMap<ServiceName, Service>,
    /// Those that are under way.
    pub(crate) releases: BTreeMap<RolloutId, Release>,
    /// Entries that count already: handed over and not answered yet, or refused and to be offered again.
    unrecorded: Vec<NewEntry>,
    /// The answer for the first of them.
    awaited: Option<Awaited>,
    /// Services with entries among them that do not lead back.
    held: BTreeSet<ServiceName>,
    checkpoints: BTreeMap<String, Receiver<Result<(), JournalError>>>,
    /// Why the journal refuses, while it does.
    pub(crate) trouble: Option<String>,
}

/// Entries that were handed over.
struct Awaited {
    since: Instant,
    answer: Receiver<Result<Vec<Entry>, JournalError>>,
}

/// What became of them.
enum Offered {
    Written(Vec<Entry>),
    Refused(JournalError),
    Late(Awaited),
}

impl Book {
    /// Checks and folds the whole journal. A damaged one is named and not acted upon.
    pub(crate) fn open(journal: Box<dyn Journal>) -> Result<(Self, Timestamp), JournalError> {
        journal.verify()?;
        let mut services = BTreeMap::new();
        let mut releases = BTreeMap::new();
        let mut after = 0;
        let mut last = Timestamp::default();
        loop {
            let entries = journal.read(after, 1_000)?;
            let Some(end) = entries.last() else { break };
            (after, last) = (end.sequence, end.at);
            for entry in &entries {
                match entry.kind.starts_with(ReleaseEvent::PREFIX) {
                    // What is done to the control plane itself changes no service.
                    false if HouseEvent::is_kind(&entry.kind) => {}
                    true => replay_release(&mut releases, entry)?,
                    false => replay(&mut services, entry)?,
                }
            }
        }
        let book = Self {
            scribe: Scribe::start(journal)?,
            services,
            releases,
            unrecorded: vec![],
            awaited: None,
            held: BTreeSet::new(),
            checkpoints: BTreeMap::new(),
            trouble: None,
        };
        Ok((book, last))
    }

    pub(crate) fn service(&mut self, name: &ServiceName) -> &mut Service {
        self.services.entry(name.clone()).or_insert_with(|| Service::new(name.clone()))
    }

    pub(crate) fn next_rollout(&mut self) -> Result<RolloutId, JournalError> {
        let number = self.scribe.ask(|journal| journal.next_rollout());
        number
            .recv_timeout(NUMBER_PATIENCE)
            .unwrap_or_else(|_late| Err(JournalError::Broken(SLOW.to_owned())))
    }

    /// Whether what was decided must not be acted on yet.
    pub(crate) fn is_held(&self, name: &ServiceName) -> bool {
        self.held.contains(name)
    }

    /// Whether it is only a matter of time until everything is recorded: nothing was refused.
    pub(crate) fn is_late(&self) -> bool {
        self.is_behind() && (self.awaits() || self.trouble.is_none())
    }

    /// Whether anything counts that is not known to be recorded.
    fn is_behind(&self) -> bool {
        !self.unrecorded.is_empty()
    }

    /// Whether something that was handed over has not been answered.
    pub(crate) fn awaits(&self) -> bool {
        self.awaited.is_some()
    }

    /// Hands events to the journal and applies them. What the journal refuses is not applied, with one exception:
    /// going back. Users must not stay on a bad version since a disk is full or slow.
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
        let active = next.active().is_some();
        let entries = events.iter().map(|event| {
            // A freeze after a rollout is no part of it.
            let apart = !active && matches!(event, Event::Budget { entry } if entry.is_of_service());
            new_entry(name, rollout.filter(|_| !apart), at, actor, event)
        });
        let entries = entries.collect();
        let written =
            self.hand_over(name, entries, next.rollout.as_ref().map(row), events.iter().all(leads_back))?;
        self.services.insert(name.clone(), next);
        Ok(written)
    }

    /// The same for a release. What takes it back may take effect before it can be recorded.
    pub(crate) fn commit_release(
        &mut self,
        id: RolloutId,
        at: Timestamp,
        actor: &Actor,
        event: &ReleaseEvent,
    ) -> Result<Vec<Entry>, JournalError> {
        let broken =
            |illegal: staunch_rollout::IllegalReleaseEvent| JournalError::Broken(illegal.to_string());
        let next = match self.releases.get(&id).cloned() {
            Some(mut release) => release.apply(at, event).map(|()| release).map_err(broken)?,
            None => Release::begin(id, at, event).map_err(broken)?,
        };
        let entry = NewEntry {
            at,
            actor: actor.clone(),
            service: next.name.clone(),
            rollout: Some(id),
            kind: event.kind().to_owned(),
            body: serde_json::to_value(event).unwrap_or_default(),
        };
        let row = Some(release_row(&next));
        let written = self.hand_over(&next.name, vec![entry], row, next.turned.is_some())?;
        if next.is_active() {
            self.releases.insert(id, next);
        } else {
            self.releases.remove(&id);
        }
        Ok(written)
    }

    /// What is done to the control plane itself.
    pub(crate) fn commit_house(
        &mut self,
        place: &ServiceName,
        at: Timestamp,
        actor: &Actor,
        event: &HouseEvent,
    ) -> Result<Vec<Entry>, JournalError> {
        let entry = NewEntry {
            at,
            actor: actor.clone(),
            service: place.clone(),
            rollout: None,
            kind: event.kind().to_owned(),
            body: serde_json::to_value(event).unwrap_or_default(),
        };
        self.hand_over(place, vec![entry], None, false)
    }

    /// An error means that the entries do not count. They do when they are late, or lead back.
    fn hand_over(
        &mut self,
        name: &ServiceName,
        mut entries: Vec<NewEntry>,
        row: Option<RolloutRow>,
        leads_back: bool,
    ) -> Result<Vec<Entry>, JournalError> {
        if self.is_behind() {
            if !leads_back {
                return Err(JournalError::Broken(BEHIND.to_owned()));
            }
            self.unrecorded.append(&mut entries);
            return Ok(vec![]);
        }
        match self.offer(entries.clone(), row.into_iter().collect()) {
            Offered::Written(written) => {
                self.trouble = None;
                return Ok(written);
            }
            Offered::Late(awaited) => {
                self.await_answer(awaited);
                if !leads_back {
                    self.held.insert(name.clone());
                }
            }
            Offered::Refused(error) => {
                self.trouble = Some(error.to_string());
                if !leads_back {
                    return Err(error);
                }
            }
        }
        self.unrecorded = entries;
        Ok(vec![])
    }

    fn offer(&self, entries: Vec<NewEntry>, rows: Vec<RolloutRow>) -> Offered {
        let since = Instant::now();
        let answer = self.scribe.ask(move |journal| journal.append(journal.head(), entries, &rows));
        match answer.recv_timeout(PATIENCE) {
            Ok(Ok(written)) => Offered::Written(written),
            Ok(Err(error)) => Offered::Refused(error),
            Err(RecvTimeoutError::Timeout) => Offered::Late(Awaited { since, answer }),
            Err(RecvTimeoutError::Disconnected) => Offered::Refused(JournalError::Broken(ENDED.to_owned())),
        }
    }

    fn await_answer(&mut self, awaited: Awaited) {
        if awaited.since.elapsed() >= SLOW_AFTER {
            self.trouble = Some(SLOW.to_owned());
        }
        self.awaited = Some(awaited);
    }

    /// Takes late answers, and offers again what was refused: the entries that are recorded now.
    pub(crate) fn settle(&mut self) -> Vec<Entry> {
        self.take_checkpoints();
        if !self.is_behind() {
            return vec![];
        }
        let offered = match self.awaited.take() {
            Some(awaited) => awaited.poll(),
            None => {
                let rows = self.services.values().filter_map(|s| s.rollout.as_ref().map(row));
                let rows = rows.chain(self.releases.values().map(release_row)).collect();
                self.offer(self.unrecorded.clone(), rows)
            }
        };
        match offered {
            Offered::Written(written) => {
                self.unrecorded.drain(..written.len().min(self.unrecorded.len()));
                self.trouble = None;
                if !self.is_behind() {
                    self.held.clear();
                }
                written
            }
            Offered::Refused(error) => {
                self.trouble = Some(error.to_string());
                vec![]
            }
            Offered::Late(awaited) => {
                self.await_answer(awaited);
                vec![]
            }
        }
    }

    /// One at a time for each key: a disk that is slow gets no queue.
    pub(crate) fn save_checkpoint(&mut self, key: &str, value: Vec<u8>) {
        if self.checkpoints.contains_key(key) {
            return;
        }
        let name = key.to_owned();
        let saved = self.scribe.ask(move |journal| journal.save_checkpoint(&name, &value));
        self.checkpoints.insert(key.to_owned(), saved);
    }

    /// A lost checkpoint costs evidence, never safety.
    fn take_checkpoints(&mut self) {
        let trouble = &mut self.trouble;
        self.checkpoints.retain(|_, saved| match saved.try_recv() {
            Ok(Err(error)) => {
                *trouble = Some(error.to_string());
                false
            }
            Ok(Ok(())) | Err(TryRecvError::Disconnected) => false,
            Err(TryRecvError::Empty) => true,
        });
    }

    pub(crate) fn counts(&self, name: &ServiceName) -> Receiver<Result<KeptCounts, JournalError>> {
        let name = name.clone();
        self.scribe.ask(move |journal| journal.counts(&name))
    }

    pub(crate) fn save_counts(&self, changes: Vec<CountChanges>) -> Receiver<Result<(), JournalError>> {
        self.scribe.ask(move |journal| journal.save_counts(&changes))
    }

    pub(crate) fn checkpoint(&self, key: &str) -> Option<Vec<u8>> {
        let key = key.to_owned();
        self.scribe.ask(move |journal| journal.checkpoint(&key)).recv().ok()?.ok()?
    }
}

impl Awaited {
    fn poll(self) -> Offered {
        match self.answer.try_recv() {
            Ok(Ok(written)) => Offered::Written(written),
            Ok(Err(error)) => Offered::Refused(error),
            Err(TryRecvError::Empty) => Offered::Late(self),
            Err(TryRecvError::Disconnected) => Offered::Refused(JournalError::Broken(ENDED.to_owned())),
        }
    }
}

fn replay_release(releases: &mut BTreeMap<RolloutId, Release>, entry: &Entry) -> Result<(), JournalError> {
    let damaged =
        |what: String| JournalError::Damaged(staunch_ports::ChainFault { sequence: entry.sequence, what });
    let id = entry.rollout.ok_or_else(|| damaged("a release without a number".to_owned()))?;
    let event: ReleaseEvent =
        ReleaseEvent::deserialize(&entry.body).map_err(|error| damaged(error.to_string()))?;
    let release = match releases.remove(&id) {
        Some(mut release) => release.apply(entry.at, &event).map(|()| release),
        None => Release::begin(id, entry.at, &event),
    };
    let release = release.map_err(|illegal| damaged(illegal.to_string()))?;
    if release.is_active() {
        releases.insert(id, release);
    }
    Ok(())
}

fn replay(services: &mut BTreeMap<ServiceName, Service>, entry: &Entry) -> Result<(), JournalError> {
    let damaged =
        |what: String| JournalError::Damaged(staunch_ports::ChainFault { sequence: entry.sequence, what });
    let event: Event = Event::deserialize(&entry.body).map_err(|error| damaged(error.to_string()))?;
    let name = &entry.service;
    let service = services.entry(name.clone()).or_insert_with(|| Service::new(name.clone()));
    service.apply(entry.at, &event).map_err(|illegal| damaged(illegal.to_string()))
}

/// Events of a rollback: they may take effect before they can be recorded.
fn leads_back(event: &Event) -> bool {
    matches!(
        event,
        Event::RollbackStarted { .. }
            | Event::RolledBack
            | Event::InfraRan { .. }
            | Event::EvidenceCaptured { .. }
            | Event::TrafficShifted { .. }
            | Event::Budget { entry: BudgetEvent::Charged { .. } }
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
        rollout: rollout.filter(|_| !matches!(event, Event::Policy { .. })),
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
        kind: kind_name(spec).to_owned(),
        phase: rollout.phase.name().to_owned(),
        started: rollout.admitted,
        ended: rollout.ended,
        outcome: outcome(&rollout.phase).map(|outcome| outcome + &names(rollout)),
        spent_requests: rollout.cost.map(|cost| cost.bad),
        spent_ratio: rollout.cost.and_then(|cost| cost.share),
    }
}

fn release_row(release: &Release) -> RolloutRow {
    let phase = match (release.is_active(), &release.turned) {
        (true, None) => "progressing",
        (true, Some(_)) => "rolling-back",
        (false, None) => "succeeded",
        (false, Some(_)) => "rolled-back",
    };
    let because = |turned: &staunch_rollout::Turned| format!("{}: {}", turned.service, turned.because);
    let promoted = || release.ended.map(|_| "promoted".to_owned());
    RolloutRow {
        id: release.id,
        service: release.name.clone(),
        from: None,
        to: format!("{} services", release.members.len()),
        kind: "release".to_owned(),
        phase: phase.to_owned(),
        started: release.started,
        ended: release.ended,
        outcome: release.turned.as_ref().map(because).or_else(promoted),
        spent_requests: None,
        spent_ratio: None,
    }
}

/// A change of the version is called by its strategy.
pub(crate) fn kind_name(spec: &staunch_model::RolloutSpec) -> &'static str {
    match spec.kind {
        staunch_model::RolloutKind::First => "first",
        staunch_model::RolloutKind::Canary => spec.strategy.kind.name(),
        staunch_model::RolloutKind::Rollback => "rollback",
    }
}

/// Who got it whatever its weight, behind how it ended.
fn names(rollout: &Rollout) -> String {
    rollout.who().map(|who| format!("; by name: {who}")).unwrap_or_default()
}

fn outcome(phase: &Phase) -> Option<String> {
    match phase {
        Phase::RollingBack { cause } | Phase::RolledBack { cause } => Some(cause.sentence()),
        Phase::Rejected { because } => Some(because.clone()),
        Phase::Shadowed { .. } => Some("shadow passed; not promoted, as asked".to_owned()),
        Phase::Succeeded => Some("promoted".to_owned()),
        Phase::Pending
        | Phase::Preparing
        | Phase::Shadowing { .. }
        | Phase::Progressing { .. }
        | Phase::Promoting
        | Phase::Baking { .. } => None,
    }
}
