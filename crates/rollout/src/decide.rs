//! What happens next, from facts alone.
//!
//! Order matters and is the same in every phase: an end stays an end; a rollback only finishes; danger comes
//! before progress; and only then does a rollout go on.

use std::time::Duration;

use staunch_analysis::{Firing, Judgement, Outcome};
use staunch_model::{NoData, Timestamp};

use crate::twins::late_twin;
use crate::{
    BudgetFacts, Cause, Event, InstanceState, InstanceStatus, Observed, Pace, Phase, Rollout, budget, shadow,
    smoke, who,
};

/// One look at the world: one value, one time.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot<'a> {
    pub now: Timestamp,
    pub observed: &'a Observed,
    pub judgement: Option<&'a Judgement>,
    /// `None` for a service without an objective.
    pub budget: Option<&'a BudgetFacts>,
    /// The trigger that takes it back, if one has fired.
    pub fired: Option<&'a Firing>,
}

/// How long a canary may draw no request at all before a gate whose `no-data` is `abort` ends the rollout, unless
/// its step holds longer.
const SILENCE: Duration = Duration::from_secs(30);

/// How long, after the drain, a rollback waits for edges that do not answer. A canary's weight is a lease of a few
/// seconds that is not renewed any more: an edge that lives has gone back by itself long before.
const UNANSWERED: Duration = Duration::from_secs(60);

pub fn decide(rollout: &Rollout, snapshot: &Snapshot<'_>) -> Vec<Event> {
    match &rollout.phase {
        Phase::Succeeded | Phase::Shadowed { .. } | Phase::RolledBack { .. } | Phase::Rejected { .. } => {
            vec![]
        }
        Phase::RollingBack { .. } => finish_rollback(rollout, snapshot),
        Phase::Pending
        | Phase::Preparing
        | Phase::Shadowing { .. }
        | Phase::Progressing { .. }
        | Phase::Promoting
        | Phase::Baking { .. } => {
            if let Some(cause) = danger(rollout, snapshot) {
                let generation = rollout.wish.generation.next();
                return vec![Event::RollbackStarted { cause, generation }];
            }
            lapse(rollout, snapshot).unwrap_or_else(|| progress(rollout, snapshot))
        }
    }
}

/// The first reason to go back, if there is one.
fn danger(rollout: &Rollout, snapshot: &Snapshot<'_>) -> Option<Cause> {
    if rollout.phase == Phase::Pending {
        return None;
    }
    // A limit that somebody wrote down is the plainer reason when both come in one turn.
    rollout
        .infra_failure()
        .or_else(|| crate::trigger::cause(rollout, snapshot))
        .or_else(|| harm(rollout, snapshot))
        .or_else(|| shadow::harm(rollout, snapshot))
        .or_else(|| instance_trouble(rollout, snapshot))
        .or_else(|| smoke::failed(rollout, snapshot.observed))
        .or_else(|| unready(rollout, snapshot))
        .or_else(|| budget::danger(rollout, snapshot))
        .or_else(|| silence(rollout, snapshot))
        .or_else(|| deadline(rollout, snapshot))
}

fn harm(rollout: &Rollout, snapshot: &Snapshot<'_>) -> Option<Cause> {
    if !rollout.phase.is_exposed() {
        return None;
    }
    let (gate, because) = snapshot.judgement?.failed()?;
    let because = format!("{because}{}", ends_of(rollout, snapshot));
    Some(match gate {
        "harm" => Cause::Harm { because },
        gate => Cause::Gate { gate: gate.to_owned(), because },
    })
}

/// Processes of the new revision that ended: the cause behind the numbers, if there is one.
fn ends_of(rollout: &Rollout, snapshot: &Snapshot<'_>) -> String {
    let ended = snapshot.observed.of(&rollout.spec.to.digest).filter_map(|instance| {
        let last = instance.exits.last().filter(|exit| exit.at >= rollout.admitted)?;
        Some(format!("; {} ended: {}", instance.id, last.status))
    });
    ended.collect()
}

fn instance_trouble(rollout: &Rollout, snapshot: &Snapshot<'_>) -> Option<Cause> {
    let triggers = &rollout.spec.triggers;
    snapshot.observed.of(&rollout.spec.to.digest).find_map(|instance| {
        let name = || instance.id.to_string();
        if let InstanceState::CannotExec { error } = &instance.state {
            return Some(Cause::CannotStart { instance: name(), why: error.clone() });
        }
        if let Some(cause) = crash_loop(rollout, instance, snapshot.now) {
            return Some(cause);
        }
        let limit = triggers.memory_bytes.filter(|limit| instance.memory_bytes > *limit)?;
        Some(Cause::Memory { instance: name(), bytes: instance.memory_bytes, limit })
    })
}

fn crash_loop(rollout: &Rollout, instance: &InstanceStatus, now: Timestamp) -> Option<Cause> {
    let triggers = &rollout.spec.triggers;
    let recent = |exit: &&crate::ExitRecord| {
        exit.at >= rollout.admitted
            && now.since(exit.at) <= triggers.crash_window
            && !crate::fleet::is_its_own_end(rollout, exit)
    };
    let exits = instance.exits.iter().filter(recent).count() as u32;
    let last = instance.exits.iter().rfind(recent).filter(|_| exits >= triggers.crash_exits)?;
    let name = instance.id.to_string();
    Some(if rollout.phase == Phase::Preparing {
        let last = &last.status;
        let why = match exits {
            1 => format!("it ended before it was ready, with {last}"),
            _ => format!("it ended {exits} times before it was ready, the last with {last}"),
        };
        Cause::CannotStart { instance: name, why }
    } else {
        Cause::CrashLoop { instance: name, exits, last: last.status.clone() }
    })
}

/// Fewer ready instances than the traffic now routed to the new revision needs, for too long.
fn unready(rollout: &Rollout, snapshot: &Snapshot<'_>) -> Option<Cause> {
    // A trigger of the file's own says how many may be missing, and for how long.
    if rollout.spec.triggers.watches_health() && rollout.phase.is_exposed() {
        return None;
    }
    let to = &rollout.spec.to.digest;
    let needed = needed(rollout, snapshot.observed)?;
    let ready = snapshot.observed.ready(to);
    let missing = needed.checked_sub(ready).filter(|missing| *missing > 0)? as usize;
    // With two missing there have certainly been too few since the second last one was lost; an instance that
    // is only starting for the next step does not make an old shortage out of a new one.
    let mut lost: Vec<_> = snapshot.observed.of(to).filter(|instance| !instance.serves()).collect();
    lost.sort_by_key(|instance| std::cmp::Reverse(instance.ready_changed));
    let last = lost.get(missing - 1).or(lost.last())?;
    let long = snapshot.now.since(last.ready_changed) >= rollout.spec.triggers.unready_for;
    long.then(|| Cause::Unready { ready, needed, last: last_words(last) })
}

/// Instances that the traffic now routed to the new revision needs; `None` while none is.
pub(crate) fn needed(rollout: &Rollout, observed: &Observed) -> Option<u32> {
    if rollout.is_rolling() {
        return crate::fleet::needed(rollout, observed);
    }
    let to = &rollout.spec.to.digest;
    let split = observed.split.as_ref().filter(|_| rollout.phase.is_leased())?;
    let canary = split.wish.canary.as_ref().filter(|(canary, _)| canary == to).map(|(_, weight)| *weight);
    let mirror = split.wish.mirror.as_ref().filter(|mirror| &mirror.revision == to);
    let routed = canary.or(mirror.map(|mirror| mirror.spec.share))?;
    Some(rollout.capacity_for(routed).of_replicas(rollout.spec.replicas))
}

fn last_words(instance: &InstanceStatus) -> String {
    let exit = instance.exits.last().map(|exit| format!("ended with {}", exit.status));
    instance.probe.clone().or(exit).unwrap_or_else(|| "no probe has answered".to_owned())
}

fn silence(rollout: &Rollout, snapshot: &Snapshot<'_>) -> Option<Cause> {
    let Phase::Progressing { step, pace: Pace::Automatic } = &rollout.phase else { return None };
    if !rollout.asks_at(*step) {
        return None;
    }
    let patience = rollout.steps().get(*step).map_or(SILENCE, |s| s.hold.max(SILENCE));
    // Silence before the canary is routed says nothing.
    if snapshot.now.since(routed_since(rollout, snapshot)?) < patience {
        return None;
    }
    let judgement = snapshot.judgement.filter(|judgement| judgement.under == rollout.wish.generation)?;
    judgement.gates.iter().find_map(|gate| {
        let silent = gate.verdict.outcome == Outcome::NoData && gate.no_data == NoData::Abort;
        silent.then(|| Cause::NoData { gate: gate.gate.clone(), because: gate.verdict.because.clone() })
    })
}

fn deadline(rollout: &Rollout, snapshot: &Snapshot<'_>) -> Option<Cause> {
    let (until, what, after) = first_deadline(rollout)?;
    if snapshot.now < until {
        return None;
    }
    if rollout.phase == Phase::Preparing && what == PREPARATION {
        let of_new = || snapshot.observed.of(&rollout.spec.to.digest);
        let last = || of_new().find(|instance| !instance.serves()).or(of_new().next()).map(last_words);
        let last = smoke::sentence(rollout, snapshot.observed)
            .or_else(|| late_twin(rollout, snapshot, last_words))
            .or_else(last);
        let last = last.unwrap_or_else(|| "no instance was started".to_owned());
        return Some(Cause::NeverReady { after, last });
    }
    Some(Cause::Deadline { what: what.to_owned(), after })
}

const PREPARATION: &str = "the preparation";

/// The phase's deadline or the whole rollout's, whichever comes first. The bake has neither.
pub(crate) fn first_deadline(rollout: &Rollout) -> Option<(Timestamp, &'static str, Duration)> {
    let phase = deadline_of(rollout);
    let whole = crate::trigger::rollout_deadline(rollout);
    phase.into_iter().chain(whole).min_by_key(|(until, _, _)| *until)
}

/// When the present phase must have ended, what it is called, and how long it may take. A paused rollout lives by
/// the pause's own deadline, and its time does not count for the step. The bake has none: it ends by itself.
fn deadline_of(rollout: &Rollout) -> Option<(Timestamp, &'static str, Duration)> {
    let canary = &rollout.spec.strategy;
    if let Some(Pace::Paused { since, .. }) = rollout.phase.pace() {
        return Some((since.plus(canary.pause_deadline), "the pause", canary.pause_deadline));
    }
    let (what, span) = match rollout.phase {
        Phase::Preparing => (PREPARATION, crate::fleet::preparation(rollout) + rollout.infra_span()),
        Phase::Shadowing { .. } => ("the shadow stage", canary.step_deadline),
        Phase::Progressing { step, .. } => ("the step", step_span(rollout, step)),
        Phase::Promoting => ("the promotion", canary.step_deadline + crate::fleet::drains(rollout)),
        Phase::Pending
        | Phase::Baking { .. }
        | Phase::Succeeded
        | Phase::Shadowed { .. }
        | Phase::RollingBack { .. }
        | Phase::RolledBack { .. }
        | Phase::Rejected { .. } => return None,
    };
    Some((rollout.entered.plus(rollout.paused).plus(span), what, span))
}

/// A step that waits for a person may take as long as a pause.
fn step_span(rollout: &Rollout, step: usize) -> Duration {
    let canary = &rollout.spec.strategy;
    let personal = rollout.steps().get(step).is_some_and(|step| step.pause);
    let span = if personal { canary.step_deadline.max(canary.pause_deadline) } else { canary.step_deadline };
    span + crate::fleet::drains(rollout)
}

/// The data plane took the canary out by itself: give a new lease for a new generation, with fresh evidence.
fn lapse(rollout: &Rollout, snapshot: &Snapshot<'_>) -> Option<Vec<Event>> {
    let split = snapshot.observed.split.as_ref()?;
    let ours = split.wish.generation == rollout.wish.generation;
    let lapsed = split.lapsed && ours && rollout.wish.is_leased();
    lapsed.then(|| {
        let generation = rollout.wish.generation;
        vec![Event::ExposureLapsed { lapsed: generation, generation: generation.next() }]
    })
}

fn progress(rollout: &Rollout, snapshot: &Snapshot<'_>) -> Vec<Event> {
    match &rollout.phase {
        Phase::Pending => vec![Event::PreparationStarted],
        Phase::Preparing => begin(rollout, snapshot),
        Phase::Shadowing { pace: Pace::Automatic } => shadow::pass(rollout, snapshot),
        Phase::Progressing { step, pace: Pace::Automatic } => pass_step(rollout, *step, snapshot),
        Phase::Promoting => begin_bake(rollout, snapshot),
        Phase::Baking { until, pace: Pace::Automatic } => finish_bake(rollout, *until, snapshot),
        Phase::Shadowing { .. }
        | Phase::Progressing { .. }
        | Phase::Baking { .. }
        | Phase::Succeeded
        | Phase::Shadowed { .. }
        | Phase::RollingBack { .. }
        | Phase::RolledBack { .. }
        | Phase::Rejected { .. } => vec![],
    }
}

fn begin(rollout: &Rollout, snapshot: &Snapshot<'_>) -> Vec<Event> {
    let passed = smoke::passed(rollout, snapshot.observed);
    if !passed.is_empty() {
        return passed;
    }
    let own = snapshot.observed.ready(&rollout.spec.to.digest);
    let twins = rollout.twinned().map(|twinned| snapshot.observed.ready_twins(&twinned.digest));
    let ready = own.min(twins.unwrap_or(own)) >= rollout.first_needed();
    if !rollout.infra_is_ready() || !ready || !smoke::satisfied(rollout) {
        return vec![];
    }
    let next = if rollout.shadow().is_some() { shadow::begin(rollout) } else { advance(rollout, None) };
    vec![next]
}

/// The event that opens what comes after the present step: the next step, or the promotion.
pub(crate) fn advance(rollout: &Rollout, by: Option<String>) -> Event {
    let generation = rollout.wish.generation.next();
    let next = rollout.phase.step().map_or(0, |step| step + 1);
    match rollout.steps().get(next) {
        Some(step) => {
            let replaces = crate::fleet::replaced(rollout, step.weight);
            Event::StepEntered { step: next, weight: step.weight, generation, replaces }
        }
        None => Event::PromotionStarted { generation, by },
    }
}

fn pass_step(rollout: &Rollout, step: usize, snapshot: &Snapshot<'_>) -> Vec<Event> {
    let Some(spec) = rollout.steps().get(step) else { return vec![] };
    let held = hold_ends(rollout, snapshot).is_some_and(|end| snapshot.now >= end);
    let heard = !rollout.is_by_name_alone(step) || who::is_heard(rollout, snapshot);
    let open = !rollout.asks_at(step)
        || snapshot.judgement.is_some_and(|judgement| judgement.passed(rollout.wish.generation));
    if !held || !heard || !open || spec.pause || budget::hold(rollout, snapshot).is_some() {
        return vec![];
    }
    let asked = snapshot.judgement.filter(|_| !rollout.is_by_name_alone(step));
    let gates = asked.map(|judgement| judgement.gates.clone()).unwrap_or_default();
    vec![Event::StepPassed { step, by: None, reason: String::new(), gates }, advance(rollout, None)]
}

/// When the step's least time is over: its clock starts when the data plane routes by it.
pub(crate) fn hold_ends(rollout: &Rollout, snapshot: &Snapshot<'_>) -> Option<Timestamp> {
    let Phase::Progressing { step, .. } = rollout.phase else { return None };
    let hold = rollout.steps().get(step)?.hold;
    Some(routed_since(rollout, snapshot)?.plus(hold))
}

/// Since when the data plane routes by the present wish; `None` while it does not.
fn routed_since(rollout: &Rollout, snapshot: &Snapshot<'_>) -> Option<Timestamp> {
    if rollout.is_rolling() {
        return crate::fleet::replaced_since(rollout, snapshot.observed);
    }
    let routed = snapshot.observed.routes_by(rollout.wish.generation);
    let since = snapshot.observed.split.as_ref().filter(|_| routed)?.since;
    Some(since.max(rollout.entered))
}

/// The world is what the present step or the promotion wishes: every edge routes by it, or every instance that was
/// to be replaced is.
pub(crate) fn is_in_place(rollout: &Rollout, observed: &Observed) -> bool {
    if rollout.is_rolling() {
        return crate::fleet::replaced_since(rollout, observed).is_some();
    }
    observed.routes_by(rollout.wish.generation)
}

fn begin_bake(rollout: &Rollout, snapshot: &Snapshot<'_>) -> Vec<Event> {
    let undone = rollout.spec.kind != staunch_model::RolloutKind::Rollback || rollout.infra_is_undone();
    if !is_in_place(rollout, snapshot.observed) || !undone {
        return vec![];
    }
    if rollout.spec.strategy.bake.is_zero() {
        return vec![Event::Succeeded { generation: rollout.wish.generation.next() }];
    }
    let until = snapshot.now.plus(rollout.spec.strategy.bake);
    vec![Event::BakeStarted { until, alone: rollout.is_rolling() }]
}

fn finish_bake(rollout: &Rollout, until: Timestamp, snapshot: &Snapshot<'_>) -> Vec<Event> {
    let ended = snapshot.now >= bake_ends(rollout, until, snapshot);
    if ended { vec![Event::Succeeded { generation: rollout.wish.generation.next() }] } else { vec![] }
}

/// A limit that stable breaks too, or a routing fault: nobody is blamed, and nothing is settled either. With an
/// instance missing the old revision is not given away. Neither lasts for ever.
pub(crate) fn bake_ends(rollout: &Rollout, until: Timestamp, snapshot: &Snapshot<'_>) -> Timestamp {
    let clean = snapshot.judgement.is_none_or(|judgement| judgement.findings.is_empty());
    let fit = snapshot.observed.ready(&rollout.spec.to.digest) >= rollout.spec.replicas;
    // Stable has no traffic by now: a finding about it is old, and gets one more bake to show itself.
    match (fit, clean) {
        (true, true) => until,
        (true, false) => until.plus(rollout.spec.strategy.bake),
        (false, _) => until.plus(rollout.spec.strategy.step_deadline),
    }
}

/// Back when every edge routes without the new revision and its requests have ended, or had their time.
fn finish_rollback(rollout: &Rollout, snapshot: &Snapshot<'_>) -> Vec<Event> {
    let in_flight: u64 = snapshot.observed.of(&rollout.spec.to.digest).map(|i| i.in_flight).sum();
    let done = is_back(rollout, snapshot) && in_flight == 0;
    let over = done || snapshot.now >= rollback_ends(rollout, snapshot);
    if over && rollout.infra_is_undone() { vec![Event::RolledBack] } else { vec![] }
}

fn is_back(rollout: &Rollout, snapshot: &Snapshot<'_>) -> bool {
    if rollout.is_rolling() {
        return crate::fleet::is_back(rollout, snapshot.observed);
    }
    let nothing_routed = rollout.wish.stable.is_none() && snapshot.observed.split.is_none();
    nothing_routed || snapshot.observed.routes_by(rollout.wish.generation)
}

/// When a rollback counts as done at the latest.
pub(crate) fn rollback_ends(rollout: &Rollout, snapshot: &Snapshot<'_>) -> Timestamp {
    if rollout.is_rolling() {
        return rollout.entered.plus(crate::fleet::way_back(rollout)).plus(UNANSWERED);
    }
    let drained = rollout.entered.plus(rollout.spec.to.run.stop.drain);
    if is_back(rollout, snapshot) { drained } else { drained.plus(UNANSWERED) }
}
