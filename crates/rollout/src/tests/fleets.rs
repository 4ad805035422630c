//! Services without requests: instances are replaced one by one, within the bounds, both ways.

use proptest::prelude::{Just, any, prop_assert, prop_oneof, proptest};
use proptest::strategy::Strategy as _;
use proptest::test_runner::{Config, TestCaseError};
use staunch_model::RolloutKind::{Canary, First, Rollback};
use staunch_model::{RevisionDigest, RollingSpec, RolloutKind, RolloutSpec, Step, StrategyKind, Weight};

use super::fixture::{HOLD, Say, revision, spec};
use super::world::{Birth, Fault, LONGEST_ROLLBACK, Turn, World};
use crate::plan::SAFETY_PATIENCE;
use crate::{Action, Cause, Command, Event, InstanceStatus, Observed, Phase, desired};

const ONE_MORE: RollingSpec = RollingSpec { max_surge: 1, max_unavailable: 0 };
const ONE_LESS: RollingSpec = RollingSpec { max_surge: 0, max_unavailable: 1 };
/// Commands and faults come in this many ticks.
const BUSY: u32 = 300;
/// More than all deadlines together.
const ENOUGH: u32 = 4_000 + LONGEST_ROLLBACK;

fn rolling(
    id: u64,
    kind: RolloutKind,
    (from, to): (Option<u8>, u8),
    replicas: u32,
    bounds: RollingSpec,
) -> RolloutSpec {
    let mut spec = spec(id, kind, from, to);
    let step = |count| Step { weight: Weight::of_count(count, replicas), hold: HOLD, pause: false };
    spec.replicas = replicas;
    spec.strategy.kind = StrategyKind::Rolling;
    spec.strategy.rolling = Some(bounds);
    spec.strategy.steps = bounds.counts(replicas, None).into_iter().map(step).collect();
    spec
}

fn working(replicas: u32, bounds: RollingSpec) -> World {
    let mut world = World::new();
    world.admit(rolling(1, First, (None, 1), replicas, bounds));
    world.until(Say::Nothing, 200, |world| world.service.active().is_none());
    assert_eq!(world.phase(), &Phase::Succeeded);
    world.turn(Say::Nothing);
    world
}

/// v2 takes the place of v1.
fn replacing(replicas: u32, bounds: RollingSpec, birth: Birth) -> World {
    let mut world = working(replicas, bounds);
    world.births.insert(revision(2).digest, birth);
    world.admit(rolling(2, Canary, (Some(1), 2), replicas, bounds));
    world
}

fn ends(world: &mut World, say: Say) {
    world.until(say, ENOUGH, |world| world.service.active().is_none());
}

/// `+2.1` starts the first instance of v2, `-1.1` stops the first of v1.
fn moves(world: &World) -> String {
    let name = |id: &str| {
        let label = if id.contains(revision(2).digest.short()) { 2 } else { 1 };
        format!("{label}.{}", id.rsplit('-').next().unwrap_or_default())
    };
    let second =
        world.turns.iter().filter(|turn| turn.after.rollout.as_ref().is_some_and(|r| r.spec.id.0 > 1));
    let words = second.flat_map(|turn| &turn.plan.actions).map(|action| match action {
        Action::Start { instance, .. } => format!("+{}", name(&instance.0)),
        Action::Stop { instance } => format!("-{}", name(&instance.0)),
        Action::Shift { .. } | Action::Smoke { .. } | Action::ForgetSmoke { .. } => "?".to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn of(world: &World, revision: &RevisionDigest) -> usize {
    world.observe().of(revision).count()
}

#[test]
fn each_new_instance_takes_the_place_of_the_old_one_with_its_number() {
    let mut world = replacing(3, ONE_MORE, Birth::Ready(3));
    ends(&mut world, Say::Pass);
    assert_eq!(world.phase(), &Phase::Succeeded);
    assert_eq!(moves(&world), "+2.1 -1.1 +2.2 -1.2 +2.3 -1.3");
}

#[test]
fn with_no_room_beside_the_old_one_ends_before_the_new_one_starts() {
    let mut world = replacing(1, ONE_LESS, Birth::Ready(3));
    ends(&mut world, Say::Pass);
    assert_eq!(moves(&world), "-1.1 +2.1");
    let started =
        |turn: &&Turn| turn.plan.actions.iter().any(|action| matches!(action, Action::Start { .. }));
    let turn = world.turns.iter().rfind(started).unwrap();
    assert!(turn.observed.instances.is_empty(), "{:?}", turn.observed.instances);
}

#[test]
fn going_back_is_the_same_walk_the_other_way() {
    let mut world = replacing(3, ONE_MORE, Birth::Ready(3));
    let second = |world: &World| {
        let step = matches!(world.phase(), Phase::Progressing { step: 1, .. });
        step && world.ready(&revision(2).digest) == 2 && of(world, &revision(1).digest) == 1
    };
    world.until(Say::Pass, 200, second);
    ends(&mut world, Say::Fail);
    assert!(matches!(world.phase(), Phase::RolledBack { cause: Cause::Gate { .. } }), "{:?}", world.phase());
    assert_eq!(moves(&world), "+2.1 -1.1 +2.2 -1.2 +1.1 -2.1 +1.2 -2.2");
    assert_eq!((world.ready(&revision(1).digest), of(&world, &revision(2).digest)), (3, 0));
}

#[test]
fn one_that_cannot_start_costs_nothing() {
    for (birth, code) in [(Birth::Never, "never-ready"), (Birth::CannotExec, "cannot-start")] {
        let mut world = replacing(2, ONE_MORE, birth);
        ends(&mut world, Say::Pass);
        let Phase::RolledBack { cause } = world.phase() else { panic!("{:?}", world.phase()) };
        assert_eq!(cause.code(), code);
        assert_eq!(world.ready(&revision(1).digest), 2);
    }
}

#[test]
fn what_was_broken_before_gives_way_first_and_holds_nothing_up() {
    for bounds in [ONE_MORE, ONE_LESS] {
        let mut world = working(3, bounds);
        world.births.insert(revision(1).digest, Birth::Never);
        world.fault(Fault::Kill(2));
        world.turn(Say::Nothing);
        world.admit(rolling(2, Canary, (Some(1), 2), 3, bounds));
        ends(&mut world, Say::Pass);
        assert_eq!(world.phase(), &Phase::Succeeded, "{bounds:?}");
        assert!(moves(&world).find("-1.3") < moves(&world).find("-1.1"), "{}", moves(&world));
    }
}

#[test]
fn a_worker_that_ends_well_has_not_crashed() {
    let ended = |status: &str| {
        let mut world = replacing(2, ONE_MORE, Birth::Ready(3));
        world.until(Say::Pass, 100, |world| matches!(world.phase(), Phase::Progressing { step: 0, .. }));
        for instance in world.instances.values_mut() {
            let exit = crate::ExitRecord { at: world.now, status: status.to_owned(), uptime_ms: 400 };
            instance.status.exits = vec![exit; 5];
        }
        world.turn(Say::Undecided);
        matches!(world.phase(), Phase::RollingBack { .. })
    };
    assert!(!ended("exit status 0"));
    assert!(ended("exit status 1") && ended("exit status 0 (liveness: exit status 1)"));
}

#[test]
fn another_number_of_instances_is_no_rollout() {
    let mut world = working(2, ONE_MORE);
    for (replicas, ticks) in [(5, 20), (1, 20)] {
        world.record("anna", &Event::Scaled { replicas, by: "anna".to_owned() });
        world.until(Say::Nothing, ticks, |world| {
            let settled = of(world, &revision(1).digest) as u32 == replicas;
            settled && world.ready(&revision(1).digest) == replicas
        });
    }
}

#[test]
fn a_person_goes_back_within_the_bounds_too() {
    let mut world = replacing(3, ONE_MORE, Birth::Ready(3));
    ends(&mut world, Say::Pass);
    world.admit(rolling(3, Rollback, (Some(2), 1), 3, ONE_MORE));
    ends(&mut world, Say::Nothing);
    assert_eq!(world.phase(), &Phase::Succeeded);
    assert!(moves(&world).ends_with("+1.1 -2.1 +1.2 -2.2 +1.3 -2.3"), "{}", moves(&world));
}

#[test]
fn it_says_what_it_waits_for() {
    let mut world = replacing(2, ONE_MORE, Birth::Ready(30));
    (0..10).for_each(|_| world.turn(Say::Pass));
    let snapshot = crate::Snapshot {
        now: world.now,
        observed: &world.observe(),
        judgement: None,
        fired: None,
        budget: None,
    };
    let waiting = crate::waiting(world.rollout(), &snapshot).unwrap();
    assert_eq!(waiting.because, "0 of 1 new instances of v2 are ready");
}

#[derive(Debug, Clone)]
struct Script {
    replicas: (u32, u32),
    bounds: RollingSpec,
    birth: Birth,
    says: Vec<(u32, Say)>,
    commands: Vec<(u32, Command)>,
    faults: Vec<(u32, Fault)>,
}

impl Script {
    fn least(&self) -> u32 {
        self.replicas.0.min(self.replicas.1).saturating_sub(self.bounds.max_unavailable)
    }

    fn most(&self) -> u32 {
        self.replicas.0.max(self.replicas.1) + self.bounds.max_surge
    }

    /// What happens, and what must hold after each tick.
    fn run(&self, holds: impl Fn(&World) -> Result<(), TestCaseError>) -> Result<World, TestCaseError> {
        let mut world = working(self.replicas.0, self.bounds);
        world.births.insert(revision(2).digest, self.birth);
        world.admit(rolling(2, Canary, (Some(1), 2), self.replicas.1, self.bounds));
        for tick in 0..ENOUGH {
            let now = |at: &u32| *at == tick;
            self.commands.iter().filter(|(at, _)| now(at)).for_each(|(_, say)| drop(world.command(*say)));
            self.faults.iter().filter(|(at, _)| now(at)).for_each(|(_, fault)| world.fault(*fault));
            let say =
                self.says.iter().rev().find(|(from, _)| *from <= tick).map_or(Say::Pass, |(_, say)| *say);
            world.turn(say);
            holds(&world)?;
            if tick > BUSY && world.service.active().is_none() {
                break;
            }
        }
        Ok(world)
    }
}

fn processes(world: &World) -> u32 {
    world.observe().instances.len() as u32
}

fn serving(observed: &Observed) -> u32 {
    observed.instances.iter().filter(|instance| instance.serves()).count() as u32
}

/// Nobody who works is stopped below the least, unless all that shall take over works already, or the way back has
/// waited long enough.
fn stops_within(turn: &Turn, least: u32) -> bool {
    let stopped = |one: &&InstanceStatus| {
        turn.plan
            .actions
            .iter()
            .any(|action| matches!(action, Action::Stop { instance } if *instance == one.id))
    };
    let works = turn.observed.instances.iter().filter(|one| one.serves() && stopped(one)).count() as u32;
    let back = matches!(turn.after.rollout.as_ref().map(|r| &r.phase), Some(Phase::RollingBack { .. }));
    let late = back && turn.observed.at.since(turn.since) >= SAFETY_PATIENCE;
    let wanted = desired(&turn.after);
    let grown = wanted.workloads.last();
    let replaced = grown.is_some_and(|grown| turn.observed.ready(&grown.revision.digest) >= grown.replicas);
    works == 0 || serving(&turn.observed) - works >= least || late || replaced
}

fn bounds() -> impl proptest::strategy::Strategy<Value = RollingSpec> {
    let any = (0..=2_u32, 0..=2_u32).prop_filter("something moves", |(more, less)| more + less > 0);
    any.prop_map(|(max_surge, max_unavailable)| RollingSpec { max_surge, max_unavailable })
}

fn commands() -> impl proptest::strategy::Strategy<Value = Vec<(u32, Command)>> {
    proptest::collection::vec((0..BUSY, proptest::sample::select(Command::ALL.to_vec())), 0..4)
}

fn says() -> impl proptest::strategy::Strategy<Value = Vec<(u32, Say)>> {
    proptest::collection::vec((0..BUSY, proptest::sample::select(Say::ALL.to_vec())), 0..8).prop_map(
        |mut all| {
            all.sort_by_key(|(at, _)| *at);
            all
        },
    )
}

fn steady() -> impl proptest::strategy::Strategy<Value = Script> {
    let births = prop_oneof![4 => (1..25_u32).prop_map(Birth::Ready), 1 => Just(Birth::Never), 1 => Just(Birth::CannotExec)];
    ((1..=5_u32, 1..=5_u32), bounds(), births, says(), commands()).prop_map(
        |(replicas, bounds, birth, says, commands)| Script {
            replicas,
            bounds,
            birth,
            says,
            commands,
            faults: vec![],
        },
    )
}

fn stormy() -> impl proptest::strategy::Strategy<Value = Script> {
    let fault =
        prop_oneof![any::<usize>().prop_map(Fault::Kill), Just(Fault::Unheard), Just(Fault::RestartControl)];
    let births = prop_oneof![(1..25_u32).prop_map(Birth::Ready), (2..30_u32).prop_map(Birth::Crash)];
    let faults = proptest::collection::vec((0..BUSY, fault), 0..6);
    (steady(), births, faults).prop_map(|(script, birth, faults)| Script { birth, faults, ..script })
}

proptest! {
    #![proptest_config(Config { cases: 150, failure_persistence: None, ..Config::default() })]

    /// Whatever is said and commanded, as long as no process ends by itself.
    #[test]
    fn capacity_stays_within_its_bounds_at_every_moment(script in steady()) {
        let world = script.run(|world| {
            prop_assert!(processes(world) <= script.most(), "{} run", processes(world));
            let ready = serving(&world.observe());
            prop_assert!(ready >= script.least(), "{ready} ready, {:?}", world.phase());
            Ok(())
        })?;
        prop_assert!(world.service.active().is_none(), "{:?}", world.phase());
    }

    /// Processes crash, control forgets: more never run, and no stop is to blame for what is missing.
    #[test]
    fn no_stop_takes_capacity_that_is_needed(script in stormy()) {
        let world = script.run(|world| {
            prop_assert!(processes(world) <= script.most(), "{} run", processes(world));
            Ok(())
        })?;
        for turn in &world.turns {
            prop_assert!(stops_within(turn, script.least()), "{:#?}\n{:#?}", turn.observed, turn.plan);
        }
        prop_assert!(world.service.active().is_none(), "{:?}", world.phase());
    }

    /// It ends with the full number of one revision and nothing of the other.
    #[test]
    fn what_is_left_is_whole(script in steady()) {
        let mut world = script.run(|_| Ok(()))?;
        (0..400).for_each(|_| world.turn(Say::Nothing));
        let stable = world.service.stable.clone().unwrap().digest;
        let wanted = world.service.replicas;
        prop_assert!(world.ready(&stable) == wanted, "{} of {wanted}", world.ready(&stable));
        prop_assert!(world.instances.len() as u32 == wanted, "{}", world.instances.len());
    }
}
