//! Short stories: what happens, in order, on one day.

use staunch_model::RolloutKind::{Canary, First, Rollback};
use staunch_model::{NoData, RolloutKind, Weight};

use super::fixture::{PAUSE, Say, percent, revision, spec};
use super::world::{Birth, Fault, TICK, World};
use crate::{Action, Cause, Command, Event, Phase};

fn serving() -> World {
    let mut world = World::new();
    world.admit(spec(1, First, None, 1));
    world.until(Say::Nothing, 200, |world| world.service.active().is_none());
    world.turn(Say::Nothing);
    world
}

fn canary(birth: Birth) -> World {
    let mut world = serving();
    world.births.insert(revision(2).digest, birth);
    world.admit(spec(2, Canary, Some(1), 2));
    world
}

/// A canary whose step (counted from 0) is routed.
fn at_step(step: usize) -> World {
    let mut world = canary(Birth::Ready(3));
    world.until(Say::Pass, 200, |world| at(world, step));
    let routed = |world: &World| world.effective.canary_weight() == world.service.wish.canary_weight();
    world.until(Say::Undecided, 20, routed);
    world
}

fn at(world: &World, wanted: usize) -> bool {
    matches!(world.phase(), Phase::Progressing { step, .. } if *step == wanted)
}

fn cause(world: &World) -> &Cause {
    let (Phase::RollingBack { cause } | Phase::RolledBack { cause }) = world.phase() else {
        panic!("not back: {:?}", world.phase())
    };
    cause
}

#[test]
fn capacity_grows_before_each_shift() {
    let mut world = canary(Birth::Ready(5));
    world.until(Say::Pass, 400, |world| world.service.active().is_none());
    let second =
        world.turns.iter().filter(|turn| turn.before.rollout.as_ref().is_some_and(|r| r.spec.id.0 == 2));
    let shifts = second.flat_map(|turn| {
        let ready = turn.observed.ready(&revision(2).digest);
        turn.plan.actions.iter().filter_map(move |action| match action {
            Action::Shift { wish, .. } => Some((wish.canary_weight(), ready)),
            Action::Start { .. }
            | Action::Stop { .. }
            | Action::Smoke { .. }
            | Action::ForgetSmoke { .. } => None,
        })
    });
    let expected = [(5.0, 1), (25.0, 1), (50.0, 2), (100.0, 4), (0.0, 4)];
    assert_eq!(shifts.collect::<Vec<_>>(), expected.map(|(share, ready)| (percent(share), ready)));
}

#[test]
fn a_first_revision_that_cannot_start_leaves_nothing_routed() {
    let mut world = World::new();
    world.births.insert(revision(1).digest, Birth::CannotExec);
    world.admit(spec(1, First, None, 1));
    world.until(Say::Nothing, 20, |world| world.service.active().is_none());
    assert!(matches!(world.phase(), Phase::RolledBack { cause: Cause::CannotStart { .. } }));
    world.until(Say::Nothing, 20, |world| world.instances.is_empty());
    assert_eq!((&world.effective.stable, world.observe().split), (&None, None));
}

#[test]
fn the_first_revision_and_a_rollback_go_their_way_without_steps() {
    for (kind, from) in [(First, None), (Rollback, Some(1))] {
        let mut world = if from.is_some() { serving() } else { World::new() };
        world.admit(spec(2, kind, from, 2));
        world.until(Say::Undecided, 200, |world| world.service.active().is_none());
        assert_eq!(world.phase(), &Phase::Succeeded, "{kind:?}");
        let events = world.journal.iter().map(|(_, _, event)| event);
        assert!(!events.into_iter().any(|event| matches!(event, Event::StepEntered { .. })), "{kind:?}");
    }
}

#[test]
fn each_bad_start_has_its_true_cause() {
    let of = |birth| {
        let mut world = canary(birth);
        world.until(Say::Undecided, 100, |world| world.service.active().is_none());
        cause(&world).code()
    };
    assert_eq!(of(Birth::CannotExec), "cannot-start");
    assert_eq!(of(Birth::Crash(2)), "cannot-start");
    assert_eq!(of(Birth::Never), "never-ready");
}

#[test]
fn a_canary_that_starts_to_crash_is_a_crash_loop() {
    let mut world = at_step(1);
    world.births.insert(revision(2).digest, Birth::Crash(2));
    world.until(Say::Undecided, 50, |world| world.service.active().is_none());
    assert_eq!(cause(&world).code(), "crash-loop");
}

#[test]
fn an_old_shortage_is_not_read_from_an_instance_that_only_starts() {
    let mut world = at_step(1);
    // The second instance for the next step takes longer than a shortage may last; the first only blinks.
    world.until(Say::Pass, 20, |world| at(world, 2));
    world.births.insert(revision(2).digest, Birth::Never);
    (0..35).for_each(|_| world.turn(Say::Undecided));
    world.fault(Fault::Kill(4));
    world.turn(Say::Undecided);
    assert!(at(&world, 2), "{:?}", world.phase());
    world.until(Say::Undecided, 35, |world| world.service.active().is_none());
    assert_eq!(cause(&world).code(), "unready");
}

#[test]
fn a_rollback_waits_for_stable_ten_seconds_at_most() {
    let mut world = at_step(2);
    world.births.insert(revision(1).digest, Birth::Never);
    (0..4).for_each(|number| world.fault(Fault::Kill(number)));
    assert_eq!(world.ready(&revision(1).digest), 0);
    world.command(Command::Abort).unwrap();
    let decided = world.now;
    world.until(Say::Undecided, 110, |world| world.effective.canary.is_none());
    let waited = world.now.since(decided).as_millis() / TICK.as_millis();
    assert!((100..=103).contains(&waited), "{waited} ticks");
    // With one ready instance nobody waits.
    let mut world = at_step(2);
    (1..4).for_each(|number| world.fault(Fault::Kill(number)));
    world.births.insert(revision(1).digest, Birth::Never);
    world.command(Command::Abort).unwrap();
    world.until(Say::Undecided, 3, |world| world.effective.canary.is_none());
}

#[test]
fn a_long_pause_does_not_eat_the_steps_time() {
    let mut world = at_step(1);
    world.command(Command::Pause).unwrap();
    // Longer than the step's deadline, shorter than the pause's.
    (0..110).for_each(|_| world.turn(Say::Undecided));
    world.command(Command::Resume).unwrap();
    let generation = world.service.wish.generation;
    (0..10).for_each(|_| world.turn(Say::Undecided));
    assert!(at(&world, 1), "{:?}", world.phase());
    assert_eq!(world.service.wish.generation, generation, "the step's evidence is kept");
    world.until(Say::Pass, 5, |world| at(world, 2));
}

#[test]
fn a_pause_that_never_ends_takes_the_rollout_back() {
    for bake in [false, true] {
        let mut world = at_step(2);
        if bake {
            world.until(Say::Pass, 100, |world| matches!(world.phase(), Phase::Baking { .. }));
        }
        world.command(Command::Pause).unwrap();
        let ticks = (PAUSE.as_millis() / TICK.as_millis()) as u32;
        world.until(Say::Pass, ticks + 1, |world| matches!(world.phase(), Phase::RollingBack { .. }));
        assert_eq!(cause(&world), &Cause::Deadline { what: "the pause".to_owned(), after: PAUSE });
    }
}

#[test]
fn a_restarted_control_tells_its_wish_again_and_goes_on() {
    let mut world = at_step(1);
    let wish = world.service.wish.clone();
    world.fault(Fault::RestartControl);
    world.turn(Say::Undecided);
    assert_eq!(world.observe().split.map(|split| split.wish), Some(wish));
    world.until(Say::Pass, 400, |world| world.phase() == &Phase::Succeeded);
}

#[test]
fn after_a_restart_nothing_is_stopped_before_the_edges_are_told() {
    let mut world = at_step(2);
    world.lag = 20;
    world.command(Command::Abort).unwrap();
    world.fault(Fault::RestartControl);
    (0..15).for_each(|_| world.turn(Say::Undecided));
    assert_eq!(world.ready(&revision(2).digest), 2, "edges may still send to the canary");
    world.until(Say::Undecided, 40, |world| matches!(world.phase(), Phase::RolledBack { .. }));
}

#[test]
fn a_lapse_gets_a_new_generation_only_with_capacity() {
    let mut world = at_step(2);
    let generation = world.service.wish.generation;
    (4..6).for_each(|number| world.fault(Fault::Kill(number)));
    world.births.insert(revision(2).digest, Birth::Ready(12));
    world.fault(Fault::Lapse);
    (0..8).for_each(|_| world.turn(Say::Undecided));
    assert_eq!(world.service.wish.generation, generation.next());
    assert_eq!(world.effective.canary_weight(), Weight::ZERO, "no weight without a ready receiver");
    world.until(Say::Undecided, 10, |world| world.effective.canary_weight() == percent(50.0));
}

#[test]
fn silence_counts_only_while_the_canary_is_routed() {
    let mut world = canary(Birth::Ready(3));
    let mut patient = spec(2, Canary, Some(1), 2);
    patient.strategy.step_deadline = std::time::Duration::from_secs(300);
    world.service.rollout.as_mut().unwrap().spec = patient;
    world.until(Say::Undecided, 50, |world| at(world, 0));
    world.fault(Fault::EdgesAway(310));
    (0..305).for_each(|_| world.turn(Say::NoData(NoData::Abort)));
    assert!(at(&world, 0), "{:?}", world.phase());
    world.until(Say::NoData(NoData::Abort), 310, |world| !at(world, 0));
    assert_eq!(cause(&world).code(), "no-data");
}

#[test]
fn stable_keeps_its_own_number_when_the_next_spec_has_another() {
    for replicas in [1, 6] {
        let mut world = serving();
        let spec = staunch_model::RolloutSpec { replicas, ..spec(2, RolloutKind::Canary, Some(1), 2) };
        world.admit(spec);
        world.until(Say::Pass, 400, |world| matches!(world.phase(), Phase::Baking { .. }));
        assert_eq!((world.ready(&revision(1).digest), world.ready(&revision(2).digest)), (4, replicas));
        world.until(Say::Pass, 100, |world| world.instances.len() == replicas as usize);
        assert_eq!(world.service.replicas, replicas);
    }
}

#[test]
fn a_bake_is_not_settled_with_an_instance_missing() {
    let mut world = at_step(2);
    world.until(Say::Pass, 100, |world| matches!(world.phase(), Phase::Baking { .. }));
    world.births.insert(revision(2).digest, Birth::Never);
    (0..10).for_each(|_| world.turn(Say::Pass));
    world.fault(Fault::Kill(7));
    world.until(Say::Pass, 100, |world| world.service.active().is_none());
    assert_eq!(cause(&world).code(), "unready");
}

#[test]
fn a_finding_holds_the_bake_but_not_for_ever() {
    let mut world = at_step(2);
    world.until(Say::Pass, 100, |world| matches!(world.phase(), Phase::Baking { .. }));
    (0..30).for_each(|_| world.turn(Say::Finding));
    assert!(matches!(world.phase(), Phase::Baking { .. }));
    world.until(Say::Finding, 80, |world| world.phase() == &Phase::Succeeded);
}

#[test]
fn the_same_content_keeps_its_label() {
    let mut world = canary(Birth::CannotExec);
    world.until(Say::Undecided, 20, |world| world.service.active().is_none());
    assert_eq!(world.service.label_for(&revision(2).digest), "v2");
    assert_eq!(world.service.label_for(&revision(3).digest), "v3");
    assert!(world.service.find("v2").is_none(), "it never served");
}

fn fresh(birth: Birth) -> World {
    let mut world = serving();
    world.births.insert(revision(2).digest, Birth::Ready(3));
    world.births.insert(revision(1).digest, birth);
    let mut spec = spec(2, Canary, Some(1), 2);
    spec.evidence.fresh_baseline = true;
    world.admit(spec);
    world
}

fn twins(world: &World) -> u32 {
    world.observe().ready_twins(&revision(1).digest)
}

#[test]
fn twins_grow_with_the_canary_and_go_with_the_comparison() {
    let mut world = fresh(Birth::Ready(6));
    let mut seen = vec![];
    for step in 0..3 {
        world.until(Say::Pass, 200, |world| at(world, step));
        let routed = |world: &World| world.effective.canary_weight() == world.service.wish.canary_weight();
        world.until(Say::Undecided, 20, routed);
        assert!(world.effective.twins);
        seen.push((twins(&world), world.ready(&revision(2).digest)));
    }
    assert_eq!(seen, [(1, 1), (1, 1), (2, 2)]);
    world.until(Say::Pass, 200, |world| matches!(world.phase(), Phase::Baking { .. }));
    assert!(!world.effective.twins);
    world.until(Say::Pass, 10, |world| twins(world) == 0);
    assert_eq!(world.ready(&revision(1).digest), 4, "stable keeps its own");
}

#[test]
fn the_canary_waits_for_its_twins_and_says_so() {
    let mut world = fresh(Birth::Ready(20));
    world.until(Say::Nothing, 15, |world| world.ready(&revision(2).digest) == 1);
    world.turn(Say::Nothing);
    let observed = world.observe();
    let snapshot =
        crate::Snapshot { now: world.now, observed: &observed, judgement: None, budget: None, fired: None };
    let waits = crate::waiting(world.rollout(), &snapshot).unwrap();
    let text = "1 of 1 instances of v2 are ready; 0 of 1 fresh instances of v1 to compare with are ready";
    assert_eq!((world.phase(), waits.because.as_str()), (&Phase::Preparing, text));
    world.until(Say::Undecided, 40, |world| at(world, 0));
}

#[test]
fn an_old_version_that_does_not_start_again_ends_the_preparation_with_its_own_words() {
    let mut world = fresh(Birth::Never);
    world.until(Say::Undecided, 100, |world| world.service.active().is_none());
    let Cause::NeverReady { last, .. } = cause(&world) else { panic!("{:?}", cause(&world)) };
    assert_eq!(last, "a fresh instance of v1, to compare with: no probe has answered");
    world.until(Say::Nothing, 20, |world| world.instances.len() == 4);
}

#[test]
fn an_abort_takes_the_twins_with_it() {
    let mut world = fresh(Birth::Ready(3));
    world.until(Say::Undecided, 60, |world| world.effective.twins);
    world.command(Command::Abort).unwrap();
    world.until(Say::Undecided, 100, |world| world.service.active().is_none());
    world.until(Say::Nothing, 20, |world| world.instances.len() == 4 && twins(world) == 0);
    assert_eq!((world.effective.twins, &world.effective.canary), (false, &None));
}
