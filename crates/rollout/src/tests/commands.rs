//! Every phase × every command.

use super::fixture::{START, revision, spec};
use crate::{Cause, Command, Event, Pace, Phase, Rollout, allowed, command};

fn paused() -> Pace {
    Pace::Paused { by: "anna".to_owned(), reason: String::new(), since: START }
}

pub(super) fn in_phase(phase: Phase) -> Rollout {
    let spec = spec(2, staunch_model::RolloutKind::Canary, Some(1), 2);
    let mut rollout = Rollout::admit(spec, staunch_model::SplitGeneration(3), "anna".to_owned(), START);
    if phase.is_exposed() {
        rollout.wish.canary = Some((revision(2).digest, super::fixture::percent(5.0)));
    }
    rollout.phase = phase;
    rollout
}

pub(super) fn phases() -> Vec<Phase> {
    let cause = Cause::Harm { because: "all fails".to_owned() };
    vec![
        Phase::Pending,
        Phase::Preparing,
        Phase::Progressing { step: 0, pace: Pace::Automatic },
        Phase::Progressing { step: 2, pace: paused() },
        Phase::Promoting,
        Phase::Baking { until: START, pace: Pace::Automatic },
        Phase::Baking { until: START, pace: paused() },
        Phase::Succeeded,
        Phase::RollingBack { cause: cause.clone() },
        Phase::RolledBack { cause },
        Phase::Rejected { because: "frozen".to_owned() },
    ]
}

#[test]
fn every_command_is_legal_or_refused_with_what_is_allowed() {
    use Command::{Abort, Pause, Promote, PromoteFull, Resume};
    let expected: [&[Command]; 11] = [
        &[Abort],
        &[Abort],
        &[Pause, Promote, PromoteFull, Abort],
        &[Resume, Promote, PromoteFull, Abort],
        &[Abort],
        &[Pause, Promote, Abort],
        &[Resume, Promote, Abort],
        &[],
        &[Abort],
        &[],
        &[],
    ];
    for (phase, legal) in phases().into_iter().zip(expected) {
        let rollout = in_phase(phase);
        assert_eq!(allowed(&rollout), legal, "{:?}", rollout.phase);
        for wanted in Command::ALL {
            match command(&rollout, wanted, "ben", "why") {
                Ok(events) => {
                    assert!(legal.contains(&wanted), "{wanted:?} in {:?}", rollout.phase);
                    let mut next = rollout.clone();
                    events.iter().for_each(|event| next.apply(START, event).unwrap());
                }
                Err(refusal) => {
                    assert!(!legal.contains(&wanted), "{wanted:?} in {:?}", rollout.phase);
                    assert!(!refusal.because.is_empty());
                    assert_eq!(refusal.command, wanted.name());
                    assert_eq!(
                        refusal.allowed,
                        legal.iter().map(|c| c.name().to_owned()).collect::<Vec<_>>()
                    );
                }
            }
        }
    }
}

#[test]
fn promoting_the_last_step_is_the_promotion_and_names_the_person() {
    let last = in_phase(Phase::Progressing { step: 2, pace: paused() });
    let events = command(&last, Command::Promote, "ben", "").unwrap();
    assert!(matches!(&events[1], Event::PromotionStarted { by: Some(by), .. } if by == "ben"));
    let first = in_phase(Phase::Progressing { step: 0, pace: Pace::Automatic });
    let events = command(&first, Command::Promote, "ben", "").unwrap();
    assert!(matches!(
        &events[..],
        [Event::StepPassed { step: 0, by: Some(_), .. }, Event::StepEntered { step: 1, .. }]
    ));
}
