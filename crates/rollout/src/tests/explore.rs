//! Every reachable state of a rollout, under every class of facts and every command. The environment is free: at
//! each turn any combination of facts may be true, so what holds here holds in every world.
//!
//! Time is abstract: all moments are counted from the entry into the phase, so the space is finite.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use staunch_model::{InstanceId, Revision, RolloutKind, RolloutSpec, ShadowThen, SplitGeneration, Timestamp};

use super::fixture::{BAKE, DRAIN, HOLD, PAUSE, PREPARE, START, STEP, Say, by_name, name, shadow, spec};
use crate::{
    Cause, Command, Event, ExitRecord, InstanceState, InstanceStatus, Observed, ObservedSplit, Pace, Phase,
    Rollout, Snapshot, SplitWish, command, decide, waiting,
};

/// How long a rollback waits for edges that do not answer, beyond the drain.
const UNANSWERED: Duration = Duration::from_secs(60);

/// The generation that every explored state is moved to: only its distance to the facts matters.
const GENERATION: SplitGeneration = SplitGeneration(10);

#[derive(Debug, Clone, Copy)]
enum Split {
    Unknown,
    Older,
    Unseen,
    Seen,
    Lapsed,
}

#[derive(Debug, Clone, Copy)]
enum Fleet {
    None,
    Starting,
    One,
    All,
    LongUnready,
    CrashLoop,
    CannotExec,
    TooBig,
}

/// One combination of facts.
#[derive(Debug, Clone, Copy)]
struct Facts {
    split: Split,
    fleet: Fleet,
    in_flight: u64,
    say: Say,
    /// Since the phase was entered.
    after: Duration,
}

const SPLITS: [Split; 5] = [Split::Unknown, Split::Older, Split::Unseen, Split::Seen, Split::Lapsed];
const FLEETS: [Fleet; 8] = [
    Fleet::None,
    Fleet::Starting,
    Fleet::One,
    Fleet::All,
    Fleet::LongUnready,
    Fleet::CrashLoop,
    Fleet::CannotExec,
    Fleet::TooBig,
];

/// Just before and just at each moment that means something in a phase.
fn moments(phase: &Phase) -> Vec<Duration> {
    let ends: &[Duration] = match phase {
        Phase::Pending
        | Phase::Succeeded
        | Phase::Shadowed { .. }
        | Phase::RolledBack { .. }
        | Phase::Rejected { .. } => &[],
        Phase::Preparing => &[PREPARE],
        Phase::Shadowing { .. } | Phase::Progressing { .. } => &[HOLD, STEP, PAUSE],
        Phase::Promoting => &[STEP],
        Phase::Baking { .. } => &[BAKE, BAKE.saturating_add(STEP), PAUSE],
        Phase::RollingBack { .. } => &[DRAIN, DRAIN.saturating_add(UNANSWERED)],
    };
    let tick = Duration::from_millis(1);
    [Duration::ZERO].into_iter().chain(ends.iter().flat_map(|end| [*end - tick, *end])).collect()
}

fn all_facts(phase: &Phase) -> Vec<Facts> {
    let mut all = vec![];
    for split in SPLITS {
        for fleet in FLEETS {
            for in_flight in [0, 2] {
                for say in Say::ALL {
                    all.extend(moments(phase).into_iter().map(|after| Facts {
                        split,
                        fleet,
                        in_flight,
                        say,
                        after,
                    }));
                }
            }
        }
    }
    all
}

impl Facts {
    fn observed(&self, rollout: &Rollout, now: Timestamp) -> Observed {
        let instances =
            (1..=rollout.spec.replicas).filter_map(|number| self.instance(&rollout.spec.to, number, now));
        let first = InstanceId::FIRST_TWIN;
        let twins = rollout.twinned().into_iter().flat_map(|twinned| {
            (0..rollout.spec.replicas).filter_map(move |nth| self.instance(twinned, first + nth, now))
        });
        Observed {
            at: now,
            instances: instances.chain(twins).collect(),
            split: self.split(rollout),
            ..Observed::default()
        }
    }

    fn split(&self, rollout: &Rollout) -> Option<ObservedSplit> {
        let older = SplitWish { generation: SplitGeneration(GENERATION.0 - 1), ..rollout.wish.clone() };
        let (wish, seen, lapsed) = match self.split {
            Split::Unknown => return None,
            Split::Older => (older, true, false),
            Split::Unseen => (rollout.wish.clone(), false, false),
            Split::Seen => (rollout.wish.clone(), true, false),
            Split::Lapsed => (rollout.wish.clone(), true, true),
        };
        Some(ObservedSplit { wish, seen, lapsed, since: rollout.entered })
    }

    fn instance(&self, revision: &Revision, number: u32, now: Timestamp) -> Option<InstanceStatus> {
        let (state, ready) = match self.fleet {
            Fleet::None => return None,
            Fleet::Starting => (InstanceState::Starting, false),
            Fleet::One => (InstanceState::Running, number == 1 || number == InstanceId::FIRST_TWIN),
            Fleet::All | Fleet::TooBig => (InstanceState::Running, true),
            Fleet::LongUnready | Fleet::CrashLoop => (InstanceState::Running, false),
            Fleet::CannotExec => (InstanceState::CannotExec { error: "no such file".to_owned() }, false),
        };
        let long = matches!(self.fleet, Fleet::LongUnready);
        let exit = ExitRecord { at: now, status: "exit status 1".to_owned(), uptime_ms: 5 };
        Some(InstanceStatus {
            id: InstanceId::new(&name(), &revision.digest, number),
            revision: revision.digest.clone(),
            state,
            ready,
            ready_changed: if long { Timestamp(0) } else { now },
            started: START,
            pid: None,
            exits: if matches!(self.fleet, Fleet::CrashLoop) { vec![exit; 3] } else { vec![] },
            memory_bytes: if matches!(self.fleet, Fleet::TooBig) { 2_000_000_000 } else { 1 },
            cpu_ratio: 0.0,
            attempts: 0,
            in_flight: self.in_flight,
            probe: None,
        })
    }
}

/// The same state with its clock set back to the start and its generation to the common one.
fn normal(mut rollout: Rollout) -> Rollout {
    let back = |at: Timestamp| Timestamp(at.0 - rollout.entered.0 + START.0);
    let pace = |pace: &mut Pace| {
        // A pause may begin at any time; for its deadline only its own beginning counts.
        if let Pace::Paused { since, .. } = pace {
            *since = START;
        }
    };
    match &mut rollout.phase {
        Phase::Shadowing { pace: own } | Phase::Progressing { pace: own, .. } => pace(own),
        Phase::Baking { until, pace: own } => {
            *until = back(*until);
            pace(own);
        }
        Phase::RollingBack { cause } | Phase::RolledBack { cause } => {
            *cause = Cause::Harm { because: String::new() }
        }
        Phase::Pending
        | Phase::Preparing
        | Phase::Promoting
        | Phase::Succeeded
        | Phase::Shadowed { .. }
        | Phase::Rejected { .. } => {}
    }
    rollout.paused = if rollout.paused.is_zero() { Duration::ZERO } else { HOLD };
    (rollout.admitted, rollout.entered) = (START, START);
    rollout.ended = rollout.ended.map(|_| START);
    rollout.wish.generation = GENERATION;
    rollout
}

fn snapshot_of(
    rollout: &Rollout,
    facts: &Facts,
) -> (Observed, Option<staunch_analysis::Judgement>, Timestamp) {
    let now = rollout.entered.plus(facts.after);
    (facts.observed(rollout, now), facts.say.judgement(rollout.wish.generation), now)
}

/// One decision, applied: panics on an event that is not legal.
fn step(rollout: &Rollout, facts: &Facts) -> (Rollout, Vec<Event>) {
    let (observed, judgement, now) = snapshot_of(rollout, facts);
    let events = decide(
        rollout,
        &Snapshot { now, observed: &observed, judgement: judgement.as_ref(), fired: None, budget: None },
    );
    (applied(rollout, now, &events), events)
}

fn applied(rollout: &Rollout, at: Timestamp, events: &[Event]) -> Rollout {
    let mut next = rollout.clone();
    for event in events {
        next.apply(at, event).unwrap_or_else(|illegal| panic!("{illegal}: {:?}", rollout.phase));
    }
    next
}

fn commanded(rollout: &Rollout, at: Timestamp) -> Vec<Rollout> {
    let said = |wanted| command(rollout, wanted, "anna", "").ok();
    Command::ALL.into_iter().filter_map(said).map(|events| applied(rollout, at, &events)).collect()
}

/// Breadth-first from an admission; every state under its serialised form.
fn reachable(kind: RolloutKind, from: Option<u8>, pause: bool, fresh: bool) -> Vec<Rollout> {
    let mut spec = spec(1, kind, from, 2);
    spec.evidence.fresh_baseline = fresh;
    spec.strategy.steps.iter_mut().skip(1).for_each(|step| step.pause = pause);
    reachable_by(spec)
}

fn reachable_with_shadow(then: ShadowThen) -> Vec<Rollout> {
    let mut spec = spec(1, RolloutKind::Canary, Some(1), 2);
    spec.strategy.steps.truncate(1);
    spec.strategy.shadow = Some(shadow(then));
    reachable_by(spec)
}

fn reachable_by_name(alone: bool) -> Vec<Rollout> {
    let mut spec = spec(1, RolloutKind::Canary, Some(1), 2);
    spec.strategy.steps.truncate(1);
    by_name(&mut spec.strategy, alone);
    reachable_by(spec)
}

fn reachable_by(mut spec: RolloutSpec) -> Vec<Rollout> {
    spec.replicas = 2;
    let first = normal(Rollout::admit(spec, GENERATION, "anna".to_owned(), START));
    let mut seen = BTreeMap::new();
    let mut queue = VecDeque::from([first]);
    while let Some(rollout) = queue.pop_front() {
        if seen.insert(serde_json::to_string(&rollout).unwrap(), rollout.clone()).is_some() {
            continue;
        }
        let mut news = BTreeMap::new();
        let mut note = |next: Rollout| {
            let next = normal(next);
            news.insert(serde_json::to_string(&next).unwrap(), next);
        };
        moments(&rollout.phase)
            .into_iter()
            .flat_map(|after| commanded(&rollout, rollout.entered.plus(after)))
            .for_each(&mut note);
        let facts = all_facts(&rollout.phase);
        let steps = facts.iter().map(|facts| step(&rollout, facts));
        steps.filter(|(_, events)| !events.is_empty()).for_each(|(next, _)| note(next));
        queue.extend(news.into_iter().filter(|(key, _)| !seen.contains_key(key)).map(|(_, next)| next));
    }
    seen.into_values().collect()
}

fn everywhere() -> &'static [Rollout] {
    static ALL: std::sync::OnceLock<Vec<Rollout>> = std::sync::OnceLock::new();
    ALL.get_or_init(explore)
}

fn explore() -> Vec<Rollout> {
    let mut all = reachable(RolloutKind::Canary, Some(1), false, false);
    all.extend(reachable(RolloutKind::Canary, Some(1), false, true));
    all.extend(reachable(RolloutKind::Canary, Some(1), true, false));
    all.extend(reachable(RolloutKind::First, None, false, false));
    all.extend(reachable(RolloutKind::Rollback, Some(1), false, false));
    all.extend(reachable_with_shadow(ShadowThen::Canary));
    all.extend(reachable_with_shadow(ShadowThen::Stop));
    all.extend(reachable_by_name(true));
    all.extend(reachable_by_name(false));
    all
}

#[test]
fn the_exploration_sees_every_phase() {
    let names: std::collections::BTreeSet<_> =
        everywhere().iter().map(|rollout| rollout.phase.audit_alias()).collect();
    let all =
        ["INIT", "DEPLOYING", "CANARY_WAITING", "CANARY_EVALUATING", "PROMOTING", "VERIFYING", "VERIFIED"];
    assert!(all.iter().chain(&["ROLLBACK"]).all(|name| names.contains(name)), "{names:?}");
    let has = |name: &str| everywhere().iter().any(|rollout| rollout.phase.name() == name);
    assert!(has("shadowing") && has("shadowed"));
}

#[test]
fn abort_reaches_stable_from_everywhere() {
    for rollout in everywhere() {
        let aborted = command(rollout, Command::Abort, "anna", "");
        assert_eq!(aborted.is_err(), rollout.phase.is_end(), "{:?}", rollout.phase);
        let Ok(events) = aborted else { continue };
        let back = normal(applied(rollout, START, &events));
        assert!(matches!(back.phase, Phase::RollingBack { .. }), "{:?}", rollout.phase);
        for facts in &all_facts(&back.phase) {
            let (next, events) = step(&back, facts);
            assert_eq!(next.wish.stable, rollout.spec.from.as_ref().map(|from| from.digest.clone()));
            assert_eq!((next.wish.canary.as_ref(), next.wish.mirror.as_ref()), (None, None));
            assert_eq!(next.wish.who, None);
            assert!(matches!(next.phase, Phase::RollingBack { .. } | Phase::RolledBack { .. }), "{events:?}");
            assert!(
                commanded(&next, START).iter().all(|said| said.phase == next.phase),
                "a command leads elsewhere"
            );
            let routed = matches!(facts.split, Split::Seen | Split::Lapsed);
            let drained = facts.in_flight == 0 || facts.after >= DRAIN || matches!(facts.fleet, Fleet::None);
            let late = facts.after >= DRAIN + UNANSWERED;
            if (routed && drained) || late {
                assert!(matches!(next.phase, Phase::RolledBack { .. }), "{facts:?}");
            }
        }
    }
}

#[test]
fn every_wait_has_a_reason_and_an_end() {
    let mut waits = 0;
    for rollout in everywhere() {
        for facts in &all_facts(&rollout.phase) {
            let (observed, judgement, now) = snapshot_of(rollout, facts);
            let snapshot = Snapshot {
                now,
                observed: &observed,
                judgement: judgement.as_ref(),
                fired: None,
                budget: None,
            };
            let Some(wait) = waiting(rollout, &snapshot) else {
                assert!(rollout.phase.is_end());
                continue;
            };
            waits += 1;
            assert!(!wait.because.is_empty() && !wait.then.is_empty(), "{wait:?}");
            let acts = !decide(rollout, &snapshot).is_empty();
            assert!(acts || wait.until > now, "stale end of {wait:?} in {:?} under {facts:?}", rollout.phase);
            assert!(
                wait.until <= rollout.entered.plus(PAUSE + DRAIN + UNANSWERED),
                "too late an end: {wait:?}"
            );
            // With the facts as they are, the end is real: something happens then.
            let then = Snapshot { now: wait.until.max(now), ..snapshot };
            assert!(
                !decide(rollout, &then).is_empty(),
                "no end of {wait:?} in {:?} under {facts:?}",
                rollout.phase
            );
        }
    }
    assert!(waits > 10_000, "{waits}");
}

#[test]
fn decide_emits_only_legal_events() {
    // `step` panics on an illegal one; what it may lead to is asserted here.
    for rollout in everywhere() {
        for facts in &all_facts(&rollout.phase) {
            let (next, events) = step(rollout, facts);
            assert!(!rollout.phase.is_end() || events.is_empty(), "an end stays an end: {events:?}");
            let moved = next.wish != rollout.wish;
            assert!(
                !moved || next.wish.generation > rollout.wish.generation,
                "a new wish without a new generation"
            );
        }
    }
}

/// Copies are no users: what decides about a canary does not see them, and no copy is left when a stage is over.
#[test]
fn copies_go_where_the_shadow_is_and_nowhere_else() {
    for rollout in everywhere() {
        let shadowing = matches!(rollout.phase, Phase::Shadowing { .. });
        assert_eq!(rollout.wish.mirror.is_some(), shadowing, "{:?}", rollout.phase);
        assert!(!shadowing || rollout.wish.canary.is_none(), "no user is on a shadow");
    }
}

#[test]
fn no_user_is_on_a_version_whose_shadow_has_not_passed() {
    for rollout in everywhere().iter().filter(|rollout| matches!(rollout.phase, Phase::Shadowing { .. })) {
        for facts in &all_facts(&rollout.phase) {
            let (next, _) = step(rollout, facts);
            let passed = matches!(facts.say, Say::Pass | Say::StalePass | Say::Finding);
            assert!(passed || next.wish.canary.is_none(), "{facts:?}");
        }
    }
}
