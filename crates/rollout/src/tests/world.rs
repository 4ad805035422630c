//! A small deterministic world that does what actions ask of it: instances start, become ready or crash; edges
//! obey after a while; leases lapse. Time goes in ticks. Every turn is kept for the properties to read.

use std::collections::BTreeMap;
use std::time::Duration;

use staunch_analysis::Judgement;
use staunch_model::{InstanceId, RevisionDigest, RolloutSpec, SmokeKey, SplitGeneration, Timestamp};

use super::fixture::{DRAIN, START, Say, name};
use crate::{
    Action, Command, Event, ExitRecord, InstanceState, InstanceStatus, Observed, ObservedSplit, Phase, Plan,
    Recorded, Refusal, Rollout, Service, SmokeState, SmokeStatus, Snapshot, SplitWish, command, decide,
    desired, plan,
};

pub(super) const TICK: Duration = Duration::from_millis(100);

/// What becomes of a started process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Birth {
    /// Ready after so many ticks.
    Ready(u32),
    Never,
    /// Ends after so many ticks, again and again.
    Crash(u32),
    CannotExec,
}

/// What becomes of a check, after so many ticks. One that hangs is ended by the deadline of the preparation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trial {
    Passes(u32),
    Fails(u32),
    Hangs,
}

/// What goes wrong outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The n-th instance of all dies and is started again.
    Kill(usize),
    Lapse,
    /// Control forgets what it told the edges.
    RestartControl,
    /// The edges do not answer for so many ticks.
    EdgesAway(u32),
    /// Control was away: nobody's readiness is known until it is asked again.
    Unheard,
}

/// One turn of the loop, as far as something happened in it.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    pub(super) observed: Observed,
    /// What the edges really did before this turn's actions.
    pub(super) effective: SplitWish,
    pub(super) judgement: Option<Judgement>,
    pub(super) before: Service,
    /// Each with the generation that was wished when it was decided.
    pub(super) events: Vec<(SplitGeneration, Event)>,
    pub(super) after: Service,
    pub(super) plan: Plan,
    pub(super) since: Timestamp,
}

pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) service: Service,
    pub(super) journal: Vec<Recorded>,
    pub(super) turns: Vec<Turn>,
    pub(super) instances: BTreeMap<String, Instance>,
    pub(super) births: BTreeMap<RevisionDigest, Birth>,
    /// How many ticks the edges take to route by a new wish.
    pub(super) lag: u32,
    /// What becomes of a check that is run.
    pub(super) trial: Trial,
    /// The checks that were asked for, and when.
    pub(super) smoke: BTreeMap<SmokeKey, Timestamp>,
    /// Requests that never end: only the drain's limit lets their instance go.
    pub(super) tunnels: bool,
    pub(super) effective: SplitWish,
    told: Option<ObservedSplit>,
    told_ticks: u32,
    /// False after a restart of control, until a wish has been told again.
    knows: bool,
    away: u32,
    wish_since: Timestamp,
}

pub(super) struct Instance {
    pub(super) status: InstanceStatus,
    age: u32,
}

impl World {
    pub(super) fn new() -> Self {
        let service = Service::new(name());
        Self {
            now: START,
            effective: service.wish.clone(),
            service,
            journal: vec![],
            turns: vec![],
            instances: BTreeMap::new(),
            births: BTreeMap::new(),
            lag: 1,
            trial: Trial::Passes(2),
            smoke: BTreeMap::new(),
            tunnels: false,
            told: None,
            told_ticks: 0,
            knows: true,
            away: 0,
            wish_since: START,
        }
    }

    pub(super) fn rollout(&self) -> &Rollout {
        self.service.rollout.as_ref().expect("a rollout was admitted")
    }

    pub(super) fn phase(&self) -> &Phase {
        &self.rollout().phase
    }

    pub(super) fn admit(&mut self, spec: RolloutSpec) {
        self.record(
            "anna",
            &Event::Admitted { spec: Box::new(spec), by: "anna".to_owned(), reason: None, given: vec![] },
        );
    }

    pub(super) fn command(&mut self, wanted: Command) -> Result<(), Refusal> {
        let events = command(self.rollout(), wanted, "anna", "because")?;
        events.iter().for_each(|event| self.record("anna", event));
        Ok(())
    }

    pub(super) fn record(&mut self, actor: &str, event: &Event) {
        let before = self.service.wish.generation;
        self.service.apply(self.now, event).unwrap_or_else(|illegal| panic!("{illegal}"));
        if self.service.wish.generation != before {
            self.wish_since = self.now;
        }
        self.journal.push((self.now, actor.to_owned(), event.clone()));
    }

    /// One turn of the loop: observe, judge, decide, record, plan, execute.
    pub(super) fn turn(&mut self, say: Say) {
        self.now = self.now.plus(TICK);
        self.pass_time();
        let observed = self.observe();
        let judgement = say.judgement(self.service.wish.generation);
        let before = self.service.clone();
        let events = self.decide(&observed, judgement.as_ref());
        let plan = plan(&desired(&self.service), &observed, self.wish_since);
        self.keep(&observed, judgement, before, events, &plan);
        plan.actions.into_iter().for_each(|action| self.execute(action));
        self.note_shift();
    }

    /// Turns until the rollout stands as wished, at most `ticks` of them.
    pub(super) fn until(&mut self, say: Say, ticks: u32, wished: impl Fn(&Self) -> bool) {
        for _ in 0..ticks {
            if wished(self) {
                return;
            }
            self.turn(say);
        }
        assert!(wished(self), "not after {ticks} ticks: {:?}", self.phase());
    }

    fn decide(
        &mut self,
        observed: &Observed,
        judgement: Option<&Judgement>,
    ) -> Vec<(SplitGeneration, Event)> {
        let mut all = vec![];
        for _ in 0..8 {
            let Some(rollout) = self.service.active() else { break };
            let events =
                decide(rollout, &Snapshot { now: self.now, observed, judgement, fired: None, budget: None });
            if events.is_empty() {
                return all;
            }
            for event in events {
                all.push((self.service.wish.generation, event.clone()));
                self.record("staunch", &event);
            }
        }
        assert!(self.service.active().is_none(), "decisions without end: {all:?}");
        all
    }

    fn keep(
        &mut self,
        observed: &Observed,
        judgement: Option<Judgement>,
        before: Service,
        events: Vec<(SplitGeneration, Event)>,
        plan: &Plan,
    ) {
        let failing = judgement.as_ref().is_some_and(|judgement| judgement.failed().is_some());
        if events.is_empty() && plan.actions.is_empty() && !failing {
            return;
        }
        self.turns.push(Turn {
            observed: observed.clone(),
            effective: self.effective.clone(),
            judgement,
            before,
            events,
            after: self.service.clone(),
            plan: plan.clone(),
            since: self.wish_since,
        });
    }

    pub(super) fn observe(&self) -> Observed {
        Observed {
            at: self.now,
            instances: self.instances.values().map(|instance| instance.status.clone()).collect(),
            split: self.told.clone().filter(|_| self.knows),
            smoke: self.smoked(),
            left: vec![],
        }
    }

    fn smoked(&self) -> Vec<SmokeStatus> {
        let state = |began: &Timestamp| match self.trial {
            Trial::Passes(ticks) if self.now.since(*began) >= TICK * ticks => {
                SmokeState::Passed { took_ms: 1 }
            }
            Trial::Fails(ticks) if self.now.since(*began) >= TICK * ticks => {
                SmokeState::Failed { why: "exit status 1".to_owned(), output: vec![] }
            }
            Trial::Passes(_) | Trial::Fails(_) | Trial::Hangs => SmokeState::Running { since: *began },
        };
        self.smoke.iter().map(|(key, began)| SmokeStatus { key: key.clone(), state: state(began) }).collect()
    }

    pub(super) fn ready(&self, revision: &RevisionDigest) -> u32 {
        self.observe().ready(revision)
    }

    pub(super) fn fault(&mut self, fault: Fault) {
        match fault {
            Fault::Kill(number) => self.kill(number),
            Fault::Lapse => self.lapse(),
            Fault::RestartControl => {
                self.knows = false;
                self.smoke.clear();
            }
            Fault::EdgesAway(ticks) => self.away = ticks,
            Fault::Unheard => self.forget_readiness(),
        }
    }

    fn kill(&mut self, number: usize) {
        let (count, now) = (self.instances.len().max(1), self.now);
        let Some(instance) = self.instances.values_mut().nth(number % count) else { return };
        if instance.status.state == InstanceState::Running {
            instance.end(now);
        }
    }

    fn forget_readiness(&mut self) {
        let now = self.now;
        for instance in self.instances.values_mut().filter(|one| one.status.state == InstanceState::Running) {
            (instance.status.ready, instance.status.ready_changed, instance.age) = (false, now, 0);
        }
    }

    fn lapse(&mut self) {
        let Some(told) = &mut self.told else { return };
        if self.effective.generation == told.wish.generation && told.wish.is_leased() {
            told.lapsed = true;
            self.effective.canary = None;
            self.effective.mirror = None;
        }
    }

    fn execute(&mut self, action: Action) {
        match action {
            Action::Start { revision, instance, .. } => {
                let born = Instance::born(&instance, &revision.digest, self.now);
                self.instances.entry(instance.to_string()).or_insert(born);
            }
            Action::Stop { instance } => {
                if let Some(found) = self.instances.get_mut(&instance.to_string()) {
                    found.status.state = InstanceState::Stopping;
                    found.status.ready = false;
                    found.age = 0;
                }
            }
            Action::Shift { wish, .. } => self.tell(wish),
            Action::Smoke { key, .. } => drop(self.smoke.entry(key).or_insert(self.now)),
            Action::ForgetSmoke { key } => drop(self.smoke.remove(&key)),
        }
    }

    fn tell(&mut self, wish: SplitWish) {
        if let Some(told) = &self.told {
            assert!(wish.generation >= told.wish.generation, "an older wish was told: {wish:?}");
        }
        self.knows = true;
        self.told = Some(ObservedSplit { wish, seen: false, lapsed: false, since: self.now });
        self.told_ticks = 0;
        self.settle_edges();
    }

    fn pass_time(&mut self) {
        self.away = self.away.saturating_sub(1);
        self.told_ticks += 1;
        self.settle_edges();
        let (now, tunnels) = (self.now, self.tunnels);
        for instance in self.instances.values_mut() {
            let birth = self.births.get(&instance.status.revision).copied().unwrap_or(Birth::Ready(3));
            instance.live(birth, now);
            let busy = self.effective.sends_to(&instance.status.revision) && instance.status.serves();
            instance.carry(busy, tunnels);
        }
        self.instances.retain(|_, instance| !instance.gone());
    }

    fn settle_edges(&mut self) {
        let Some(told) = &mut self.told else { return };
        if self.away > 0 {
            told.seen = false;
        } else if self.told_ticks >= self.lag {
            told.seen = true;
            self.effective = told.in_effect();
        }
    }

    /// What the loop records for the reader.
    fn note_shift(&mut self) {
        let Some(split) = self.observe().split.filter(|split| split.seen) else { return };
        let noted = self.journal.iter().rev().find_map(|(_, _, event)| {
            if let Event::TrafficShifted { generation, .. } = event { Some(*generation) } else { None }
        });
        let news = noted.is_none_or(|noted| noted < split.wish.generation);
        if news && self.service.active().is_some() {
            let (weight, generation) = (split.wish.canary_weight(), split.wish.generation);
            self.record("staunch", &Event::TrafficShifted { weight, generation });
        }
    }
}

impl Instance {
    fn born(id: &InstanceId, revision: &RevisionDigest, now: Timestamp) -> Self {
        let status = InstanceStatus {
            id: id.clone(),
            revision: revision.clone(),
            state: InstanceState::Starting,
            ready: false,
            ready_changed: now,
            started: now,
            pid: Some(1),
            exits: vec![],
            memory_bytes: 1_000_000,
            cpu_ratio: 0.0,
            attempts: 0,
            in_flight: 0,
            probe: None,
        };
        Self { status, age: 0 }
    }

    fn live(&mut self, birth: Birth, now: Timestamp) {
        self.age += 1;
        if self.status.state == InstanceState::Stopping {
            return;
        }
        match birth {
            Birth::Ready(ticks) if self.age >= ticks && !self.status.ready => {
                self.status.state = InstanceState::Running;
                (self.status.ready, self.status.ready_changed) = (true, now);
            }
            Birth::Crash(ticks) if self.age >= ticks => self.end(now),
            Birth::CannotExec => {
                self.status.state = InstanceState::CannotExec { error: "./shop: no such file".to_owned() };
            }
            Birth::Ready(_) | Birth::Crash(_) | Birth::Never => {}
        }
    }

    fn end(&mut self, now: Timestamp) {
        if self.status.ready {
            self.status.ready_changed = now;
        }
        (self.status.ready, self.status.state, self.status.in_flight) = (false, InstanceState::Starting, 0);
        let exit =
            ExitRecord { at: now, status: "exit status 1".to_owned(), uptime_ms: u64::from(self.age) * 100 };
        self.status.exits.push(exit);
        self.age = 0;
    }

    fn carry(&mut self, busy: bool, tunnels: bool) {
        let now = self.status.in_flight;
        self.status.in_flight = match (busy, tunnels) {
            (true, _) => (now + 1).min(4),
            (false, true) => now,
            (false, false) => now.saturating_sub(1),
        };
    }

    fn gone(&self) -> bool {
        self.status.state == InstanceState::Stopping && self.age >= 2
    }
}

/// How long an unanswered rollback may take, in ticks: the drain and a minute, with a little room.
pub(super) const LONGEST_ROLLBACK: u32 = (DRAIN.as_millis() / TICK.as_millis()) as u32 + 620;
