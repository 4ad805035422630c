//! What the loop knows of a service beside its history.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use staunch_analysis::{Calibration, Hearing, Judgement, Needs, Outcome, Pulse};
use staunch_model::{
    RevisionDigest, RolloutId, RolloutSpec, ServiceName, ServiceSpec, SplitGeneration, Timestamp,
};
use staunch_rollout::{Event, Observed, SplitWish};

use crate::book::Book;
use crate::budget::Budget;
use crate::case::{Case, Past};
use crate::live::Live;
use crate::triggers::Armed;

/// Gate changes recorded per rollout: a gate that flickers must not fill the journal.
const GATE_CHANGES: usize = 100;

const FORESEE_EVERY: Duration = Duration::from_secs(2);

/// What the loop knows of a service beside its history.
pub(crate) struct Watch {
    pub(crate) spec: ServiceSpec,
    pub(crate) live: Live,
    pub(crate) case: Option<Case>,
    pub(crate) past: Past,
    pub(crate) armed: Armed,
    pub(crate) pulse: Pulse,
    pub(crate) calibration: Calibration,
    pub(crate) budget: Option<Budget>,
    /// When the revision that serves everyone took over.
    pub(crate) promoted: Option<Timestamp>,
    /// When the present wish was decided.
    pub(crate) wish_since: Timestamp,
    /// The generation now wished for, and the last one that every edge was seen to route by.
    pub(crate) generation: SplitGeneration,
    pub(crate) shifted: SplitGeneration,
    pub(crate) exits_seen: BTreeSet<(String, Timestamp)>,
    pub(crate) outcomes: BTreeMap<String, Outcome>,
    pub(crate) changes: usize,
    pub(crate) findings: BTreeSet<String>,
    pub(crate) gauges_read: crate::gauges::Read,
    pub(crate) answered: crate::answered::Answered,
    pub(crate) checkpointed: Timestamp,
    pub(crate) rollback_decided: Option<Timestamp>,
    pub(crate) traffic_back_ms: Option<u64>,
    /// What the last turn saw in the world and in the numbers.
    pub(crate) judgement: Option<Judgement>,
    /// Canary requests until the gates pass, as it was foreseen when so many had been judged.
    pub(crate) forecast: Option<(Needs, u64)>,
    pub(crate) forecast_at: Timestamp,
    /// Something is still on its way (an instance to start or stop, a split to settle).
    pub(crate) restless: bool,
    pub(crate) started: Timestamp,
}

impl Watch {
    fn new(spec: ServiceSpec, case: Option<Case>, past: Past, now: Timestamp) -> Self {
        let budget = Budget::under(None, spec.slo.as_ref(), now);
        let pulse = Pulse::new(spec.edge.sticky.is_some());
        Self {
            spec,
            live: Live::default(),
            case,
            past,
            armed: Armed::default(),
            pulse,
            calibration: Calibration::default(),
            budget,
            promoted: None,
            wish_since: now,
            generation: SplitGeneration::default(),
            shifted: SplitGeneration::default(),
            exits_seen: BTreeSet::new(),
            outcomes: BTreeMap::new(),
            changes: 0,
            findings: BTreeSet::new(),
            gauges_read: BTreeMap::new(),
            answered: crate::answered::Answered::default(),
            checkpointed: now,
            rollback_decided: None,
            traffic_back_ms: None,
            judgement: None,
            forecast: None,
            forecast_at: Timestamp::default(),
            restless: true,
            started: now,
        }
    }

    /// `old` is what was known of the service: the rates, what the edges already do, and its past.
    pub(crate) fn for_rollout(
        spec: ServiceSpec,
        rollout: &RolloutSpec,
        old: Option<Self>,
        now: Timestamp,
    ) -> Self {
        let sticky = spec.edge.sticky.is_some();
        let Some(old) = old else {
            let case = Case::open(rollout, sticky, None, now);
            let armed = Armed::for_rollout(rollout);
            return Self { armed, ..Self::new(spec, Some(case), Past::default(), now) };
        };
        let case = Case::open(rollout, sticky, old.past.against(rollout), now);
        Self {
            live: old.live,
            pulse: old.pulse,
            calibration: old.calibration,
            budget: Budget::under(old.budget, spec.slo.as_ref(), now),
            promoted: old.promoted,
            generation: old.generation,
            shifted: old.shifted,
            exits_seen: old.exits_seen,
            armed: Armed::for_rollout(rollout),
            ..Self::new(spec, Some(case), old.past, now)
        }
    }

    /// After a restart: the rollout goes on with the evidence that was last saved.
    pub(crate) fn resume(spec: ServiceSpec, book: &mut Book, now: Timestamp) -> Self {
        let service = book.service(&spec.name).clone();
        let case = service.active().map(|rollout| {
            let saved = book.checkpoint(&checkpoint_key(&spec.name));
            let saved: Option<(RolloutId, Hearing)> =
                saved.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            let fresh = || (rollout.spec.id, Hearing::new(&rollout.spec, spec.edge.sticky.is_some()));
            let (id, hearing) = saved.filter(|(id, _)| *id == rollout.spec.id).unwrap_or_else(fresh);
            let mut case = Case::resume(id, hearing, now);
            // What was saved may be older than the present split.
            if rollout.wish.canary.is_some() {
                case.enter_split(rollout.wish.generation, rollout.wish.canary_weight(), now);
            }
            case
        });
        let past = Past::read(book.checkpoint(&past_key(&spec.name)));
        let armed = service.active().map(|rollout| Armed::resume(rollout, book)).unwrap_or_default();
        let mut watch = Self { armed, ..Self::new(spec, case, past, now) };
        watch.generation = service.wish.generation;
        watch.shifted = service.wish.generation;
        watch
    }
}

impl Watch {
    /// A new split: the clocks start anew, and so does the evidence that may open its gates.
    pub(crate) fn follow(&mut self, wish: &SplitWish, going_back: bool, now: Timestamp) {
        if going_back {
            self.rollback_decided = Some(now);
        }
        if wish.generation == self.generation {
            return;
        }
        self.generation = wish.generation;
        self.wish_since = now;
        self.forecast = None;
        self.restless = true;
        if let Some(case) = self.case.as_mut().filter(|_| wish.canary.is_some()) {
            case.enter_split(wish.generation, wish.canary_weight(), now);
            self.judgement = self.judgement.take().map(|_| case.hearing.judge());
        }
    }

    /// A forecast costs some milliseconds: a new one every other second, and for every split.
    pub(crate) fn foresee(&mut self, now: Timestamp) {
        let (Some(case), Some(judgement)) = (&self.case, &self.judgement) else { return };
        if now.since(self.forecast_at) >= FORESEE_EVERY {
            self.forecast_at = now;
            let needs = case.hearing.judge_itself().forecast();
            self.forecast = needs.map(|needs| (needs, judgement.requests_now));
        }
    }

    pub(crate) fn new_exits(&mut self, observed: &Observed) -> Vec<Event> {
        let alive = observed.instances.iter().flat_map(|one| one.exits.iter().map(|exit| (&one.id, exit)));
        let mut events = vec![];
        for (id, exit) in alive.chain(observed.left.iter().map(|(id, exit)| (id, exit))) {
            if exit.at >= self.started && self.exits_seen.insert((id.to_string(), exit.at)) {
                events.push(Event::InstanceExited { instance: id.to_string(), exit: exit.clone() });
            }
        }
        while self.exits_seen.len() > 1_000 {
            self.exits_seen.pop_first();
        }
        events
    }

    pub(crate) fn new_shift(
        &mut self,
        observed: &Observed,
        new: &RevisionDigest,
        now: Timestamp,
    ) -> Option<Event> {
        let split = observed.split.as_ref().filter(|split| split.seen)?;
        if split.wish.generation <= self.shifted {
            return None;
        }
        self.shifted = split.wish.generation;
        if let Some(decided) = self.rollback_decided.take() {
            self.traffic_back_ms = u64::try_from(now.since(decided).as_millis()).ok();
        }
        if split.wish.mirror.is_some() {
            return None;
        }
        Some(Event::TrafficShifted { weight: split.wish.share_of(new), generation: split.wish.generation })
    }

    pub(crate) fn gate_changes(&mut self) -> Vec<Event> {
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
        let too_many = judgement.cohort.and_then(|cohort| cohort.too_many());
        for finding in judgement.findings.iter().chain(&too_many) {
            let kind = serde_json::to_value(finding).ok().and_then(|v| v["kind"].as_str().map(str::to_owned));
            if self.findings.insert(kind.unwrap_or_default()) {
                events.push(Event::FindingRaised { finding: finding.clone() });
            }
        }
        events
    }
}

pub(crate) fn checkpoint_key(name: &ServiceName) -> String {
    format!("hearing/{name}")
}

pub(crate) fn past_key(name: &ServiceName) -> String {
    format!("past/{name}")
}
