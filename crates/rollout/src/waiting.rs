//! Why a rollout is not going on right now: always a reason, always an end. Status, page and "why is nothing
//! happening" read this one value.

use serde::{Deserialize, Serialize};
use staunch_analysis::{Judgement, Outcome};
use staunch_model::Timestamp;

use crate::decide::{bake_ends, first_deadline, hold_ends, is_in_place, rollback_ends};
use crate::{Pace, Phase, Rollout, Snapshot, fleet, shadow, smoke, who};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    pub on: WaitingOn,
    /// One sentence.
    pub because: String,
    pub since: Timestamp,
    /// When the waiting ends at the latest.
    pub until: Timestamp,
    /// What happens then.
    pub then: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitingOn {
    Approval,
    Capacity,
    Health,
    Traffic,
    Hold,
    Evidence,
    Paused,
    Freeze,
    Window,
    Dependency,
    Source,
}

const TAKES_BACK: &str = "it takes itself back";

/// `None` only for a rollout that has ended.
pub fn waiting(rollout: &Rollout, snapshot: &Snapshot<'_>) -> Option<Waiting> {
    if rollout.phase.is_end() {
        return None;
    }
    let (on, because) = reason(rollout, snapshot);
    let (until, then) = end(rollout, snapshot);
    Some(Waiting { on, because, since: since(rollout), until, then })
}

fn since(rollout: &Rollout) -> Timestamp {
    match rollout.phase.pace() {
        Some(Pace::Paused { since, .. }) => *since,
        Some(Pace::Automatic) | None => rollout.entered,
    }
}

fn end(rollout: &Rollout, snapshot: &Snapshot<'_>) -> (Timestamp, String) {
    if let Some((until, _, _)) = first_deadline(rollout) {
        return (until, TAKES_BACK.to_owned());
    }
    match &rollout.phase {
        Phase::Baking { until, .. } => {
            let then = if rollout.is_rolling() { "it is over" } else { "the old revision is stopped" };
            (bake_ends(rollout, *until, snapshot), then.to_owned())
        }
        Phase::RollingBack { .. } => {
            (rollback_ends(rollout, snapshot), "the new revision is stopped with its requests".to_owned())
        }
        Phase::Pending
        | Phase::Preparing
        | Phase::Shadowing { .. }
        | Phase::Progressing { .. }
        | Phase::Promoting
        | Phase::Succeeded
        | Phase::Shadowed { .. }
        | Phase::RolledBack { .. }
        | Phase::Rejected { .. } => (rollout.entered, "it starts".to_owned()),
    }
}

fn reason(rollout: &Rollout, snapshot: &Snapshot<'_>) -> (WaitingOn, String) {
    if let Some(Pace::Paused { by, reason, .. }) = rollout.phase.pace() {
        let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        return (WaitingOn::Paused, format!("paused by {by}{why}"));
    }
    match &rollout.phase {
        Phase::Pending => (WaitingOn::Capacity, "about to start".to_owned()),
        Phase::Preparing if !rollout.infra_is_ready() => {
            (WaitingOn::Dependency, "the commands of [infra] run before it starts".to_owned())
        }
        Phase::Preparing => {
            let check = smoke::sentence(rollout, snapshot.observed);
            (WaitingOn::Health, check.unwrap_or_else(|| readiness(rollout, snapshot)))
        }
        Phase::Shadowing { .. } => shadow::reason(rollout, snapshot),
        Phase::Progressing { step, .. } => step_reason(rollout, *step, snapshot),
        Phase::Promoting => (WaitingOn::Capacity, readiness(rollout, snapshot)),
        Phase::Baking { until, .. } => bake_reason(rollout, *until, snapshot),
        Phase::RollingBack { .. } if rollout.is_rolling() => {
            (WaitingOn::Capacity, fleet::back_words(rollout, snapshot.observed))
        }
        Phase::RollingBack { .. } => {
            (WaitingOn::Capacity, "traffic goes back and requests in flight end".to_owned())
        }
        Phase::Succeeded | Phase::Shadowed { .. } | Phase::RolledBack { .. } | Phase::Rejected { .. } => {
            (WaitingOn::Hold, "it has ended".to_owned())
        }
    }
}

fn readiness(rollout: &Rollout, snapshot: &Snapshot<'_>) -> String {
    if rollout.is_rolling() {
        return fleet::words(rollout, snapshot.observed);
    }
    let to = &rollout.spec.to;
    let ready = snapshot.observed.ready(&to.digest);
    let all = snapshot.observed.of(&to.digest).count();
    let last = snapshot.observed.of(&to.digest).find(|i| !i.serves()).and_then(|i| i.probe.clone());
    let last = last.map(|text| format!(": {text}")).unwrap_or_default();
    let twins = crate::twins::readiness(rollout, snapshot.observed);
    let twins = twins.map(|text| format!("; {text}")).unwrap_or_default();
    format!("{ready} of {all} instances of {} are ready{last}{twins}", to.label)
}

fn bake_reason(rollout: &Rollout, until: Timestamp, snapshot: &Snapshot<'_>) -> (WaitingOn, String) {
    match snapshot.judgement.and_then(|judgement| judgement.findings.first()) {
        Some(finding) => (WaitingOn::Health, finding.sentence()),
        None if bake_ends(rollout, until, snapshot) > until => {
            (WaitingOn::Health, readiness(rollout, snapshot))
        }
        None if rollout.is_rolling() => {
            (WaitingOn::Hold, "every instance is new; it is watched until the bake is over".to_owned())
        }
        None => (WaitingOn::Hold, "the old revision is kept warm in case it is needed".to_owned()),
    }
}

fn step_reason(rollout: &Rollout, step: usize, snapshot: &Snapshot<'_>) -> (WaitingOn, String) {
    if !is_in_place(rollout, snapshot.observed) {
        return (WaitingOn::Capacity, readiness(rollout, snapshot));
    }
    if let Some(hold) = crate::budget::hold(rollout, snapshot) {
        return hold;
    }
    let alone = rollout.is_by_name_alone(step);
    if let Some(judgement) = snapshot.judgement.filter(|_| rollout.asks_at(step))
        && !judgement.passed(rollout.wish.generation)
    {
        return evidence_reason(judgement, rollout.is_rolling());
    }
    if let Some(silence) = who::silence(rollout, snapshot).filter(|_| alone) {
        return silence;
    }
    let pause = rollout.steps().get(step).is_some_and(|step| step.pause);
    match hold_ends(rollout, snapshot) {
        Some(end) if end > snapshot.now => {
            let left = staunch_model::human_duration(end.since(snapshot.now));
            let what = if alone { "those who get it by name have it alone" } else { "the step holds" };
            (WaitingOn::Hold, format!("{what} for {left} more"))
        }
        Some(_) | None if rollout.asks_at(step) && snapshot.judgement.is_none() => {
            (WaitingOn::Source, "no measurement has arrived; without one no gate opens".to_owned())
        }
        Some(_) | None if pause => {
            (WaitingOn::Approval, "this step waits for a person: staunch promote".to_owned())
        }
        Some(_) | None => (WaitingOn::Evidence, "about to be judged".to_owned()),
    }
}

fn evidence_reason(judgement: &Judgement, rolling: bool) -> (WaitingOn, String) {
    use staunch_analysis::Finding;
    match judgement.findings.first() {
        Some(found @ (Finding::StableIsBadToo { .. } | Finding::ErrorSpike { .. })) => {
            return (WaitingOn::Health, found.sentence());
        }
        Some(found @ Finding::SampleRatioMismatch { .. }) => return (WaitingOn::Source, found.sentence()),
        // They hold nothing and are no part of a judgement.
        Some(
            Finding::TriggerWarning { .. }
            | Finding::SharedDependency { .. }
            | Finding::CohortTooLarge { .. },
        )
        | None => {}
    }
    if rolling {
        return open_gate(judgement);
    }
    if judgement.warming {
        return (
            WaitingOn::Evidence,
            "the canary's instances warm up; comparisons start after that".to_owned(),
        );
    }
    if judgement.requests_now == 0 {
        let named = judgement.cohort.is_some_and(|cohort| cohort.requests > 0);
        let seen = match judgement.requests_total {
            _ if named => "only requests by name have reached the canary at this step".to_owned(),
            0 => "no request has reached the canary yet".to_owned(),
            before => {
                format!("no request reaches the canary at this step ({before} before it, warm-up included)")
            }
        };
        return (WaitingOn::Traffic, format!("{seen}; `staunch promote` goes on without evidence"));
    }
    open_gate(judgement)
}

fn open_gate(judgement: &Judgement) -> (WaitingOn, String) {
    let open = judgement.gates.iter().find(|gate| gate.verdict.outcome != Outcome::Pass);
    let Some(gate) = open else { return (WaitingOn::Evidence, "about to be judged".to_owned()) };
    let needs = gate.needs.map(|n| format!(", needs ≈ {n} more canary requests")).unwrap_or_default();
    (WaitingOn::Evidence, format!("gate {} is not sure yet{needs}", gate.gate))
}
