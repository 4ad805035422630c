//! Users who get the new revision by name: alone, then beside everybody else, and in the report.

use staunch_model::RolloutKind::{Canary, First};
use staunch_model::{NoData, SplitGeneration, Weight};

use super::fixture::{HOLD, START, Say, by_name, percent, revision, spec};
use super::world::World;
use crate::{Cause, Event, Phase, Report, Snapshot, WaitingOn, waiting};

/// v2 is out to those who get it by name, alone or not, and the edges route by it.
fn begun(alone: bool) -> World {
    let mut world = World::new();
    world.admit(spec(1, First, None, 1));
    world.until(Say::Nothing, 200, |world| world.service.active().is_none());
    let mut second = spec(2, Canary, Some(1), 2);
    by_name(&mut second.strategy, alone);
    world.admit(second);
    world.until(Say::NoData(NoData::Hold), 200, |world| world.effective.canary.is_some());
    world
}

fn step(world: &World) -> Option<usize> {
    if let Phase::Progressing { step, .. } = world.phase() { Some(*step) } else { None }
}

#[test]
fn they_have_it_alone_until_they_were_heard_and_the_hold_is_over() {
    let mut world = begun(true);
    assert_eq!((step(&world), world.effective.canary_weight()), (Some(0), Weight::ZERO));
    assert!(world.effective.who.is_some());
    assert_eq!(world.ready(&revision(2).digest), 1, "a fifth of four is one");
    (0..20).for_each(|_| world.turn(Say::NoData(NoData::Hold)));
    assert_eq!(step(&world), Some(0), "nobody came");
    let (observed, judgement) = (world.observe(), Say::NoData(NoData::Hold).judgement(SplitGeneration(9)));
    let snapshot = Snapshot {
        now: world.now,
        observed: &observed,
        judgement: judgement.as_ref(),
        fired: None,
        budget: None,
    };
    let wait = waiting(world.rollout(), &snapshot).unwrap();
    assert_eq!(wait.on, WaitingOn::Traffic);
    assert!(wait.because.contains("none of 10 requests by name (header x-beta)"), "{wait:?}");
    // No gate is asked: none has passed.
    world.turn(Say::Undecided);
    assert_eq!(step(&world), Some(1));
    assert_eq!(world.service.wish.canary_weight(), percent(5.0));
    assert!(world.service.wish.who.is_some());
}

#[test]
fn their_failures_take_it_back_and_they_lose_it_with_the_split() {
    let mut world = begun(true);
    world.turn(Say::Harm);
    assert!(matches!(world.phase(), Phase::RollingBack { cause: Cause::Harm { .. } }), "{:?}", world.phase());
    assert_eq!((&world.service.wish.canary, &world.service.wish.who), (&None, &None));
}

#[test]
fn beside_the_weight_they_keep_it_until_everybody_has_it() {
    let mut world = begun(false);
    assert_eq!((step(&world), world.effective.canary_weight()), (Some(0), percent(5.0)));
    world.until(Say::Pass, 400, |world| matches!(world.phase(), Phase::Baking { .. }));
    let everybody = world.service.wish.canary_weight() == Weight::FULL;
    assert_eq!(world.service.wish.who.is_none(), everybody);
    world.until(Say::Pass, 400, |world| world.service.active().is_none());
    assert_eq!(world.service.wish.who, None);
}

#[test]
fn the_report_knows_that_they_were_users() {
    let mut admitted = spec(2, Canary, Some(1), 2);
    by_name(&mut admitted.strategy, true);
    let generation = SplitGeneration;
    let because = "too many requests fail: canary 100 % (20 of 20)".to_owned();
    let events = [
        (0, Event::Admitted { spec: Box::new(admitted), by: "anna".to_owned(), reason: None, given: vec![] }),
        (0, Event::PreparationStarted),
        (50, Event::TrafficShifted { weight: Weight::ZERO, generation: generation(0) }),
        (
            500,
            Event::StepEntered { step: 0, weight: Weight::ZERO, generation: generation(1), replaces: None },
        ),
        (600, Event::TrafficShifted { weight: Weight::ZERO, generation: generation(1) }),
        (1_000, Event::ExposureLapsed { lapsed: generation(1), generation: generation(2) }),
        (1_100, Event::TrafficShifted { weight: Weight::ZERO, generation: generation(2) }),
        (2_000, Event::RollbackStarted { cause: Cause::Harm { because }, generation: generation(3) }),
        (2_100, Event::TrafficShifted { weight: Weight::ZERO, generation: generation(3) }),
        (2_200, Event::RolledBack),
    ];
    let recorded =
        |(ms, event)| (START.plus(std::time::Duration::from_millis(ms)), "staunch".to_owned(), event);
    let report = Report::build(&events.map(recorded)).unwrap();
    assert_eq!(
        (report.exposed_ms, report.who.as_slice()),
        (Some(1_500), ["header x-beta".to_owned()].as_slice())
    );
    assert!(report.headline().contains("at step 1 (by name)"), "{}", report.headline());
    let text = report.text();
    for line in
        ["step 1: only who gets it by name", "traffic: those who get it by name", "By name   header x-beta"]
    {
        assert!(text.contains(line), "{line} is not in:\n{text}");
    }
    assert_eq!(text.matches("traffic: 0 % on the new revision").count(), 1, "the way back:\n{text}");
}

#[test]
fn the_hold_is_kept_however_many_come() {
    let mut world = begun(true);
    // The clock starts when the edges are told, which is not before the step was entered.
    let entered = world.rollout().entered;
    world.until(Say::Undecided, 50, |world| step(world) == Some(1));
    assert!(world.now.since(entered) >= HOLD);
}
