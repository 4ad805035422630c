//! The stage before the steps: the new revision answers copies of requests until its answers are judged.

use staunch_analysis::{Outcome, ShadowReading};
use staunch_model::{ShadowThen, Timestamp};

use crate::decide::advance;
use crate::waiting::WaitingOn;
use crate::{Cause, Event, Phase, Rollout, Snapshot};

/// How the shadow stands, while there is such a stage.
fn reading<'a>(snapshot: &Snapshot<'a>) -> Option<&'a ShadowReading> {
    snapshot.judgement?.shadow.as_ref()
}

pub(crate) fn harm(rollout: &Rollout, snapshot: &Snapshot<'_>) -> Option<Cause> {
    let shadowing = matches!(rollout.phase, Phase::Shadowing { .. });
    let reading = reading(snapshot).filter(|_| shadowing)?;
    let because = || format!("shadow: {}", reading.because);
    (reading.outcome == Outcome::Fail).then(|| Cause::Shadow { because: because() })
}

pub(crate) fn begin(rollout: &Rollout) -> Event {
    Event::ShadowStarted { generation: rollout.wish.generation.next() }
}

/// A pass, after the least time, ends the stage.
pub(crate) fn pass(rollout: &Rollout, snapshot: &Snapshot<'_>) -> Vec<Event> {
    let held = hold_ends(rollout, snapshot).is_some_and(|end| snapshot.now >= end);
    let passed = reading(snapshot).filter(|reading| reading.outcome == Outcome::Pass);
    let Some(reading) = passed.filter(|_| held) else { return vec![] };
    passed_events(rollout, None, "", &reading.because)
}

/// What follows a stage that is over, by the evidence or by a person's word.
pub(crate) fn passed_events(rollout: &Rollout, by: Option<&str>, reason: &str, because: &str) -> Vec<Event> {
    let passed = Event::ShadowPassed {
        by: by.map(str::to_owned),
        reason: reason.to_owned(),
        because: because.to_owned(),
    };
    let next = match then(rollout) {
        ShadowThen::Canary => advance(rollout, by.map(str::to_owned)),
        ShadowThen::Stop => {
            Event::ShadowEnded { because: because.to_owned(), generation: rollout.wish.generation.next() }
        }
    };
    vec![passed, next]
}

pub(crate) fn then(rollout: &Rollout) -> ShadowThen {
    rollout.shadow().map_or(ShadowThen::Canary, |shadow| shadow.then)
}

/// When the least time is over: its clock starts when the edges copy.
fn hold_ends(rollout: &Rollout, snapshot: &Snapshot<'_>) -> Option<Timestamp> {
    let split = snapshot.observed.split.as_ref()?;
    let copies = snapshot.observed.routes_by(rollout.wish.generation);
    let hold = rollout.shadow().filter(|_| copies)?.hold;
    Some(split.since.max(rollout.entered).plus(hold))
}

pub(crate) fn reason(rollout: &Rollout, snapshot: &Snapshot<'_>) -> (WaitingOn, String) {
    let Some(end) = hold_ends(rollout, snapshot) else {
        return (WaitingOn::Capacity, "the edges are about to copy requests".to_owned());
    };
    let Some(reading) = reading(snapshot) else {
        return (WaitingOn::Source, "nothing has been compared yet".to_owned());
    };
    match reading.outcome {
        Outcome::NoData => (WaitingOn::Traffic, reading.because.clone()),
        Outcome::Pass if end > snapshot.now => {
            let left = staunch_model::human_duration(end.since(snapshot.now));
            (WaitingOn::Hold, format!("the shadow lasts for {left} more; {}", reading.because))
        }
        Outcome::Pass | Outcome::Fail => (WaitingOn::Evidence, "about to be judged".to_owned()),
        Outcome::Undecided => {
            let needs = reading.needs.filter(|needs| *needs > 0);
            let needs = needs.map(|needs| format!("; needs ≈ {needs} more pairs")).unwrap_or_default();
            (WaitingOn::Evidence, format!("shadow: {}{needs}", reading.because))
        }
    }
}
