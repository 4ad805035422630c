//! A trigger that fired takes the new revision back wherever users may be on it, and nowhere else.

use std::time::Duration;

use staunch_analysis::{Firing, Means};
use staunch_model::{Timestamp, TriggerCode};

use super::commands::{in_phase, phases};
use super::fixture::START;
use crate::{Cause, Event, Observed, Phase, Snapshot, WaitingOn, decide, waiting};

fn fired() -> Firing {
    Firing {
        trigger: "error-rate".to_owned(),
        code: TriggerCode::Threshold,
        means: Means::Rollback,
        because: "8 % of requests failed".to_owned(),
    }
}

fn looks_at(phase: Phase, now: Timestamp, firing: Option<&Firing>) -> Vec<Event> {
    let observed = Observed::default();
    decide(
        &in_phase(phase),
        &Snapshot { now, observed: &observed, judgement: None, fired: firing, budget: None },
    )
}

#[test]
fn it_goes_back_exactly_while_users_may_be_on_it() {
    for phase in phases() {
        let exposed = phase.is_exposed();
        let events = looks_at(phase.clone(), START, Some(&fired()));
        let back = matches!(
            events.as_slice(),
            [Event::RollbackStarted { cause: Cause::Trigger { code: TriggerCode::Threshold, .. }, .. }]
        );
        assert_eq!(back, exposed, "{phase:?}: {events:?}");
    }
}

#[test]
fn a_rollout_has_a_deadline_of_its_own_that_a_pause_does_not_stop() {
    for phase in phases() {
        let mut rollout = in_phase(phase.clone());
        rollout.spec.triggers.rollout_deadline_ms = Some(7_000);
        let observed = Observed::default();
        let at = |after| {
            let now = rollout.admitted.plus(Duration::from_millis(after));
            let events = decide(
                &rollout,
                &Snapshot { now, observed: &observed, judgement: None, fired: None, budget: None },
            );
            events.iter().any(|event| {
                let Event::RollbackStarted { cause: Cause::Deadline { what, .. }, .. } = event else {
                    return false;
                };
                what == "the rollout"
            })
        };
        // The preparation's own deadline comes sooner.
        let bound = matches!(phase, Phase::Progressing { .. } | Phase::Promoting);
        assert_eq!((at(6_999), at(7_000)), (false, bound), "{phase:?}");
        let snapshot = Snapshot {
            now: rollout.admitted,
            observed: &observed,
            judgement: None,
            fired: None,
            budget: None,
        };
        if let Some(wait) = waiting(&rollout, &snapshot).filter(|wait| bound && wait.on != WaitingOn::Hold) {
            assert!(wait.until <= rollout.admitted.plus(Duration::from_secs(7)), "{wait:?}");
        }
    }
}
