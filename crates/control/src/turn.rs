//! One turn of one service: observe, judge, decide, record, plan, execute, show.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use staunch_analysis::{Judge, Judgement, Outcome};
use staunch_model::{
    Actor, EdgeReport, RevisionDigest, RolloutId, RolloutKind, RolloutSpec, ServiceName, ServiceSpec,
    SplitGeneration, Timestamp,
};
use staunch_ports::PlatformError;
use staunch_rollout::{Action, Event, Observed, ObservedSplit, Phase, Rollout, Snapshot, SplitWish};

use crate::book::Book;
use crate::handle::Refused;
use crate::live::Live;
use crate::run::Loop;
use crate::{ServiceView, capture, view};

/// A decision may open the next at once (prepared → step 1): this many in one turn are plenty.
const DECISIONS: usize = 4;
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
/// Gate changes recorded per rollout: a gate that flickers must not fill the journal.
const GATE_CHANGES: usize = 100;

/// What the loop knows of a service beside its history.
pub(crate) struct Watch {
    pub(crate) spec: ServiceSpec,
    pub(crate) live: Live,
    judge: Option<(RolloutId, Judge)>,
    /// When the present wish was decided.
    pub(crate) wish_since: Timestamp,
    /// The generation now wished for, and the last one that every edge was seen to route by.
    generation: SplitGeneration,
    shifted: SplitGeneration,
    exits_seen: BTreeSet<(String, Timestamp)>,
    outcomes: BTreeMap<String, Outcome>,
    changes: usize,
    findings: BTreeSet<String>,
    checkpointed: Timestamp,
    rollback_decided: Option<Timestamp>,
    pub(crate) traffic_back_ms: Option<u64>,
    /// What the last turn saw in the world and in the numbers.
    pub(crate) judgement: Option<Judgement>,
    /// Something is still on its way (an instance to start or stop, a split to settle).
    pub(crate) restless: bool,
    started: Timestamp,
}

impl Watch {
    fn new(spec: ServiceSpec, judge: Option<(RolloutId, Judge)>, now: Timestamp) -> Self {
        Self {
            spec,
            live: Live::default(),
            judge,
            wish_since: now,
            generation: SplitGeneration::default(),
            shifted: SplitGeneration::default(),
            exits_seen: BTreeSet::new(),
            outcomes: BTreeMap::new(),
            changes: 0,
            findings: BTreeSet::new(),
            checkpointed: now,
            rollback_decided: None,
            traffic_back_ms: None,
            judgement: None,
            restless: true,
            started: now,
        }
    }

    pub(crate) fn for_rollout(spec: ServiceSpec, rollout: &RolloutSpec, now: Timestamp) -> Self {
        let judge = Judge::new(rollout, spec.edge.sticky.is_some());
        Self::new(spec, Some((rollout.id, judge)), now)
    }

    /// After a restart: the rollout goes on with the evidence that was last saved.
    pub(crate) fn resume(spec: ServiceSpec, book: &mut Book, now: Timestamp) -> Self {
        let service = book.service(&spec.name).clone();
        let judge = service.active().map(|rollout| {
            let saved = book.checkpoint(&checkpoint_key(&spec.name));
            let saved: Option<(RolloutId, Judge)> =
                saved.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            let fresh = || (rollout.spec.id, Judge::new(&rollout.spec, spec.edge.sticky.is_some()));
            let (id, mut judge) = saved.filter(|(id, _)| *id == rollout.spec.id).unwrap_or_else(fresh);
            // What was saved may be older than the present split.
            if rollout.wish.canary.is_some() {
                judge.enter_split(rollout.wish.generation, rollout.wish.canary_weight());
            }
            (id, judge)
        });
        let mut watch = Self::new(spec, judge, now);
        watch.generation = service.wish.generation;
        watch.shifted = service.wish.generation;
        watch
    }

    /// What goes on when a rollout begins: the rates, and what the edges already do.
    pub(crate) fn after(mut self, old: Option<Self>) -> Self {
        if let Some(old) = old {
            self.live = old.live;
            self.generation = old.generation;
            self.shifted = old.shifted;
            self.exits_seen = old.exits_seen;
        }
        self
    }
}

fn checkpoint_key(name: &ServiceName) -> String {
    format!("judge/{name}")
}

impl Loop {
    /// Takes the counts in without a turn.
    pub(crate) fn note_reports(&mut self, name: &ServiceName, reports: &[EdgeReport]) {
        let canary = self.canary_of(name);
        let now = self.clock.now();
        let Some(watch) = self.watches.get_mut(name) else { return };
        for report in reports.iter().filter(|report| !report.samples.is_empty()) {
            watch.live.observe(report, name, canary.as_ref(), now);
        }
    }

    fn canary_of(&self, name: &ServiceName) -> Option<RevisionDigest> {
        let service = self.book.services.get(name)?;
        service
            .active()
            .filter(|rollout| rollout.spec.from.is_some())
            .map(|rollout| rollout.spec.to.digest.clone())
    }

    pub(crate) fn turn(&mut self, name: &ServiceName, reports: &[EdgeReport]) -> ServiceView {
        let observed = self.platform.observe(name);
        self.note_time(name);
        self.note_reports(name, reports);
        self.judge(name, reports, &observed);
        self.note_world(name, &observed);
        self.decide(name, &observed);
        let acted = self.act(name, &observed);
        let observed = if acted { self.platform.observe(name) } else { observed };
        self.note_gates(name);
        self.renew(name, &observed);
        self.checkpoint(name);
        self.show(name, &observed)
    }

    /// Seconds without a request are shown too.
    fn note_time(&mut self, name: &ServiceName) {
        let now = self.clock.now();
        if let Some(watch) = self.watches.get_mut(name) {
            watch.live.open(now);
        }
    }

    fn judge(&mut self, name: &ServiceName, reports: &[EdgeReport], observed: &Observed) {
        let Some(rollout) = self.book.services.get(name).and_then(|service| service.active()).cloned() else {
            return;
        };
        let now = self.clock.now();
        let Some(watch) = self.watches.get_mut(name) else { return };
        let warming = is_warming(&rollout, observed, now);
        let Some((_, judge)) = watch.judge.as_mut() else { return };
        for report in reports {
            judge.observe(report, now, warming);
        }
        // Going back is a person's decision: it is not argued with, and a first revision has nothing to be compared to.
        watch.judgement = (rollout.spec.kind == RolloutKind::Canary).then(|| judge.judge());
    }

    fn decide(&mut self, name: &ServiceName, observed: &Observed) {
        for _ in 0..DECISIONS {
            let Some(rollout) = self.book.services.get(name).and_then(|service| service.active()) else {
                return;
            };
            let judgement = self.watches.get(name).and_then(|watch| watch.judgement.as_ref());
            let snapshot = Snapshot { now: self.clock.now(), observed, judgement };
            let events = staunch_rollout::decide(rollout, &snapshot);
            if events.is_empty() || self.enact(name, &Actor::Staunch, &events).is_err() {
                return;
            }
        }
    }

    /// Records events and draws the consequences for the evidence.
    pub(crate) fn enact(
        &mut self,
        name: &ServiceName,
        actor: &Actor,
        events: &[Event],
    ) -> Result<(), Refused> {
        let ends = events.iter().any(|event| matches!(event, Event::RolledBack | Event::Succeeded { .. }));
        // In one entry list: an end that had to wait for its evidence to be recorded would wait forever on a slow disk.
        let evidence = ends.then(|| self.captured(name)).flatten();
        let all: Vec<_> = evidence.into_iter().chain(events.iter().cloned()).collect();
        self.record(name, actor, &all)?;
        let now = self.clock.now();
        let going_back = events.iter().any(|event| matches!(event, Event::RollbackStarted { .. }));
        if let (Some(service), Some(watch)) = (self.book.services.get(name), self.watches.get_mut(name)) {
            watch.follow(&service.wish, going_back, now);
        }
        Ok(())
    }

    /// What is known of the canary, before it is gone.
    fn captured(&self, name: &ServiceName) -> Option<Event> {
        let observed = self.platform.observe(name);
        let rollout = self.book.services.get(name).and_then(|service| service.active())?;
        let watch = self.watches.get(name)?;
        let judge = watch.judge.as_ref().map(|(_, judge)| judge);
        let judgement = watch.judgement.clone();
        let bundle = capture::bundle(rollout, judge, judgement, &observed, self.platform.as_ref());
        Some(Event::EvidenceCaptured { bundle: Box::new(bundle) })
    }

    /// True when something was done to the world.
    fn act(&mut self, name: &ServiceName, observed: &Observed) -> bool {
        let Some(service) = self.book.services.get(name) else { return false };
        let desired = staunch_rollout::desired(service);
        let since = self.watches.get(name).map_or(Timestamp::default(), |watch| watch.wish_since);
        let plan = staunch_rollout::plan(&desired, observed, since);
        let going_back =
            matches!(service.rollout.as_ref().map(|rollout| &rollout.phase), Some(Phase::RollingBack { .. }));
        if self.book.is_held(name) && !going_back {
            return false;
        }
        let (shifts, others): (Vec<_>, Vec<_>) =
            plan.actions.into_iter().partition(|action| matches!(action, Action::Shift { .. }));
        let acts = !shifts.is_empty() || !others.is_empty();
        let restless = acts || plan.waiting_for_capacity.is_some();
        for shift in shifts {
            self.execute(name, shift);
        }
        // Evidence first: what is stopped can no longer be asked.
        if going_back && others.iter().any(|action| matches!(action, Action::Stop { .. })) {
            // Not being able to keep it must not keep the canary running.
            let evidence = self.captured(name);
            self.note(name, evidence.as_slice());
        }
        for action in others {
            self.execute(name, action);
        }
        let settling = observed.split.as_ref().is_some_and(|split| !split.seen);
        if let Some(watch) = self.watches.get_mut(name) {
            watch.restless = restless || settling;
        }
        acts
    }

    fn execute(&mut self, name: &ServiceName, action: Action) {
        match self.platform.execute(action) {
            Ok(()) | Err(PlatformError::Stale { .. }) => {}
            Err(
                error @ (PlatformError::Refused { .. }
                | PlatformError::Content { .. }
                | PlatformError::Unreachable(_)),
            ) => {
                if let Some(watch) = self.watches.get_mut(name) {
                    watch.restless = true;
                }
                self.book.trouble = Some(error.to_string());
            }
        }
    }

    /// What the world was seen to do, before anything is concluded from it: what ended, what the edges route by.
    fn note_world(&mut self, name: &ServiceName, observed: &Observed) {
        let now = self.clock.now();
        let Some(rollout) = self.book.services.get(name).and_then(|service| service.rollout.as_ref()) else {
            return;
        };
        let Some(watch) = self.watches.get_mut(name) else { return };
        let exits = watch.new_exits(observed);
        let shift = rollout.is_active().then(|| watch.new_shift(observed, &rollout.spec.to.digest, now));
        self.note(name, &exits);
        // By itself: it leads back while a rollback is under way, and then the journal need not take it at once.
        self.note(name, shift.flatten().as_slice());
    }

    /// Which gates changed and what was found, for the reader.
    fn note_gates(&mut self, name: &ServiceName) {
        if self.book.services.get(name).is_none_or(|service| service.active().is_none()) {
            return;
        }
        let events = self.watches.get_mut(name).map(Watch::gate_changes).unwrap_or_default();
        self.note(name, &events);
    }

    /// Records facts; when that fails the loop goes on, and says so in its view.
    fn note(&mut self, name: &ServiceName, events: &[Event]) {
        if !events.is_empty() {
            drop(self.record(name, &Actor::Staunch, events));
        }
    }

    /// The lease is renewed only by a loop that has just judged, and that can record what it decides.
    fn renew(&mut self, name: &ServiceName, observed: &Observed) {
        let exposed =
            self.book.services.get(name).and_then(|s| s.active()).is_some_and(|r| r.phase.is_exposed());
        if !exposed || self.book.awaits() || self.book.trouble.is_some() {
            return;
        }
        let leased = |split: &&ObservedSplit| split.wish.canary.is_some() && !split.lapsed;
        if let Some(split) = observed.split.as_ref().filter(leased) {
            self.platform.renew(name, split.wish.generation);
        }
    }

    fn checkpoint(&mut self, name: &ServiceName) {
        let active = self.book.services.get(name).is_some_and(|service| service.active().is_some());
        let now = self.clock.now();
        let Some(watch) = self.watches.get_mut(name) else { return };
        if !active || now.since(watch.checkpointed) < CHECKPOINT_EVERY {
            return;
        }
        watch.checkpointed = now;
        if let Some(Ok(bytes)) = watch.judge.as_ref().map(serde_json::to_vec) {
            self.book.save_checkpoint(&checkpoint_key(name), bytes);
        }
    }

    fn show(&mut self, name: &ServiceName, observed: &Observed) -> ServiceView {
        let now = self.clock.now();
        let trouble = self.book.trouble.clone();
        let service = self.book.service(name);
        view::show(service, self.watches.get(name), observed, trouble, now)
    }
}

impl Watch {
    /// A new split: the clocks start anew, and so does the evidence that may open its gates.
    fn follow(&mut self, wish: &SplitWish, going_back: bool, now: Timestamp) {
        if going_back {
            self.rollback_decided = Some(now);
        }
        if wish.generation == self.generation {
            return;
        }
        self.generation = wish.generation;
        self.wish_since = now;
        self.restless = true;
        if let Some((_, judge)) = self.judge.as_mut().filter(|_| wish.canary.is_some()) {
            judge.enter_split(wish.generation, wish.canary_weight());
            self.judgement = self.judgement.take().map(|_| judge.judge());
        }
    }

    fn new_exits(&mut self, observed: &Observed) -> Vec<Event> {
        let mut events = vec![];
        for instance in &observed.instances {
            for exit in instance.exits.iter().filter(|exit| exit.at >= self.started) {
                if self.exits_seen.insert((instance.id.to_string(), exit.at)) {
                    events.push(Event::InstanceExited {
                        instance: instance.id.to_string(),
                        exit: exit.clone(),
                    });
                }
            }
        }
        while self.exits_seen.len() > 1_000 {
            self.exits_seen.pop_first();
        }
        events
    }

    fn new_shift(&mut self, observed: &Observed, new: &RevisionDigest, now: Timestamp) -> Option<Event> {
        let split = observed.split.as_ref().filter(|split| split.seen)?;
        if split.wish.generation <= self.shifted {
            return None;
        }
        self.shifted = split.wish.generation;
        if let Some(decided) = self.rollback_decided.take() {
            self.traffic_back_ms = u64::try_from(now.since(decided).as_millis()).ok();
        }
        Some(Event::TrafficShifted { weight: split.wish.share_of(new), generation: split.wish.generation })
    }

    fn gate_changes(&mut self) -> Vec<Event> {
        let Some(judgement) = &self.judgement else { return vec![] };
        let mut events = vec![];
        for gate in &judgement.gates {
            let outcome = gate.verdict.outcome;
            let before = self.outcomes.insert(gate.gate.clone(), outcome);
            // A failure is the rollback's own event; "not yet" is what everything begins with.
            if outcome == Outcome::Pass && before != Some(outcome) && self.changes < GATE_CHANGES {
                self.changes += 1;
                let because = gate.verdict.because.clone();
                events.push(Event::GateChanged { gate: gate.gate.clone(), outcome, because });
            }
        }
        for finding in &judgement.findings {
            let kind = serde_json::to_value(finding).ok().and_then(|v| v["kind"].as_str().map(str::to_owned));
            if self.findings.insert(kind.unwrap_or_default()) {
                events.push(Event::FindingRaised { finding: finding.clone() });
            }
        }
        events
    }
}

/// Some canary instance that gets traffic is younger than its warm-up, by the clock and by its requests.
fn is_warming(rollout: &Rollout, observed: &Observed, now: Timestamp) -> bool {
    let evidence = &rollout.spec.evidence;
    observed.of(&rollout.spec.to.digest).any(|instance| {
        let age = now.since(instance.started);
        instance.ready && age < evidence.warm_up && instance.attempts < evidence.warm_up_requests
    })
}
