//! Random worlds: what holds in every one of them.

use proptest::prelude::{Just, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Strategy as _;
use proptest::test_runner::Config;
use staunch_model::{
    Capacity, GateSpec, NoData, RevisionDigest, RolloutKind, RolloutSpec, ShadowThen, SmokeScope, SmokeSpec,
    StrategyKind, Weight,
};

use super::fixture::{DRAIN, Say, by_name, revision, shadow, spec};
use super::world::{Birth, Fault, LONGEST_ROLLBACK, Trial, Turn, World};
use crate::{Action, Cause, Command, Event, Phase, Service, SplitWish};

/// Faults, commands and changes of mind come in this many ticks.
const BUSY: u32 = 400;
/// Far more than all deadlines of one rollout together, in ticks.
const ENOUGH: u32 = 1_500 + LONGEST_ROLLBACK;

/// What the strategy asks beside its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    Canary,
    BlueGreen { checks: usize, by_time: bool },
}

impl Path {
    fn shape(self, strategy: &mut staunch_model::Strategy) {
        match self {
            Self::Canary => {}
            Self::BlueGreen { checks, by_time } => {
                let timeout = super::fixture::PREPARE;
                let words = vec!["./smoke.sh".to_owned()];
                let check = SmokeSpec { words, timeout, scope: SmokeScope::One };
                strategy.kind = StrategyKind::BlueGreen;
                strategy.capacity = Capacity::Full;
                strategy.smoke = vec![check; checks];
                strategy.by_time = by_time;
            }
        }
    }

    fn checks(self) -> usize {
        match self {
            Self::Canary => 0,
            Self::BlueGreen { checks, .. } => checks,
        }
    }
}

#[derive(Debug, Clone)]
struct Script {
    kind: RolloutKind,
    path: Path,
    trial: Trial,
    replicas: (u32, u32),
    fresh: bool,
    steps: usize,
    pause_at: Option<usize>,
    shadow: Option<ShadowThen>,
    /// Some users get it by name; alone before the first step.
    by_name: Option<bool>,
    birth: Birth,
    lag: u32,
    tunnels: bool,
    says: Vec<(u32, Say)>,
    commands: Vec<(u32, Command)>,
    faults: Vec<(u32, Fault)>,
}

impl Script {
    fn spec(&self) -> RolloutSpec {
        let mut spec = spec(2, self.kind, Some(1), 2);
        self.path.shape(&mut spec.strategy);
        spec.replicas = self.replicas.1;
        spec.evidence.fresh_baseline = self.fresh;
        spec.strategy.steps.truncate(self.steps);
        spec.strategy.shadow = self.shadow.map(shadow);
        if let Some(step) = self.pause_at.and_then(|at| spec.strategy.steps.get_mut(at)) {
            step.pause = true;
        }
        if let Some(alone) = self.by_name {
            by_name(&mut spec.strategy, alone);
        }
        spec
    }

    fn say(&self, tick: u32) -> Say {
        self.says.iter().rev().find(|(from, _)| *from <= tick).map_or(Say::Undecided, |(_, say)| *say)
    }

    /// v1 serves; then v2 is rolled out, and all that the script says happens.
    fn run(&self) -> World {
        self.run_with(self.spec())
    }

    fn run_with(&self, spec: RolloutSpec) -> World {
        let mut world = serving(self.replicas.0);
        world.births.insert(revision(2).digest, self.birth);
        (world.lag, world.tunnels, world.trial) = (self.lag, self.tunnels, self.trial);
        world.admit(spec);
        for tick in 0..ENOUGH {
            for (_, wanted) in self.commands.iter().filter(|(at, _)| *at == tick) {
                drop(world.command(*wanted));
            }
            self.faults.iter().filter(|(at, _)| *at == tick).for_each(|(_, fault)| world.fault(*fault));
            world.turn(self.say(tick));
            if tick > BUSY && world.service.active().is_none() {
                break;
            }
        }
        world
    }
}

/// A world in which v1 serves with so many instances.
fn serving(replicas: u32) -> World {
    let mut world = World::new();
    let mut first = spec(1, RolloutKind::First, None, 1);
    first.replicas = replicas;
    world.admit(first);
    world.until(Say::Undecided, 200, |world| world.service.active().is_none());
    assert_eq!(world.phase(), &Phase::Succeeded);
    world.turn(Say::Undecided);
    world
}

fn says(of: &[Say]) -> impl proptest::strategy::Strategy<Value = Vec<(u32, Say)>> + use<> {
    proptest::collection::vec((0..BUSY, proptest::sample::select(of.to_vec())), 0..12).prop_map(by_time)
}

fn by_time<T>(mut all: Vec<(u32, T)>) -> Vec<(u32, T)> {
    all.sort_by_key(|(at, _)| *at);
    all
}

fn commands(of: &[Command]) -> impl proptest::strategy::Strategy<Value = Vec<(u32, Command)>> + use<> {
    proptest::collection::vec((0..BUSY, proptest::sample::select(of.to_vec())), 0..5).prop_map(by_time)
}

fn faults() -> impl proptest::strategy::Strategy<Value = Vec<(u32, Fault)>> {
    let fault = prop_oneof![
        4 => any::<usize>().prop_map(Fault::Kill),
        2 => Just(Fault::Lapse),
        2 => Just(Fault::RestartControl),
        1 => (1..60_u32).prop_map(Fault::EdgesAway),
        1 => Just(Fault::EdgesAway(u32::MAX)),
    ];
    proptest::collection::vec((0..BUSY, fault), 0..6).prop_map(by_time)
}

fn births() -> impl proptest::strategy::Strategy<Value = Birth> {
    prop_oneof![
        8 => (0..30_u32).prop_map(Birth::Ready),
        1 => Just(Birth::Never),
        1 => (1..20_u32).prop_map(Birth::Crash),
        1 => Just(Birth::CannotExec),
    ]
}

fn paths() -> impl proptest::strategy::Strategy<Value = Path> {
    let blue_green = (0..3_usize, any::<bool>());
    prop_oneof![
        1 => Just(Path::Canary),
        1 => blue_green.prop_map(|(checks, by_time)| Path::BlueGreen { checks, by_time }),
    ]
}

fn trials() -> impl proptest::strategy::Strategy<Value = Trial> {
    prop_oneof![
        8 => (0..6_u32).prop_map(Trial::Passes),
        1 => (0..6_u32).prop_map(Trial::Fails),
        1 => Just(Trial::Hangs),
    ]
}

/// Good days are likely enough that rollouts get far, bad ones likely enough that they end badly.
fn scripts() -> impl proptest::strategy::Strategy<Value = Script> {
    let kind = prop_oneof![4 => Just(RolloutKind::Canary), 1 => Just(RolloutKind::Rollback)];
    let shape =
        (kind, (1..5_u32, 1..5_u32), any::<bool>(), 0..4_usize, proptest::option::weighted(0.2, 0..3_usize));
    let passing = says(&[Say::Pass, Say::Pass, Say::Undecided, Say::StalePass, Say::Nothing]);
    let mixed = prop_oneof![2 => passing, 1 => says(&Say::ALL)];
    let then = prop_oneof![Just(ShadowThen::Canary), Just(ShadowThen::Stop)];
    let asked = (proptest::option::weighted(0.3, then), proptest::option::weighted(0.4, any::<bool>()));
    let outside = (births(), 0..8_u32, any::<bool>(), paths(), trials(), asked);
    (shape, outside, mixed, commands(&Command::ALL), faults()).prop_map(
        |(shape, outside, says, commands, faults)| {
            let (kind, replicas, fresh, steps, pause_at) = shape;
            let (birth, lag, tunnels, path, trial, (shadow, by_name)) = outside;
            Script {
                kind,
                path,
                trial,
                replicas,
                fresh,
                steps,
                pause_at,
                shadow,
                by_name,
                birth,
                lag,
                tunnels,
                says,
                commands,
                faults,
            }
        },
    )
}

fn config() -> Config {
    Config { cases: 150, failure_persistence: None, ..Config::default() }
}

fn shifts(turn: &Turn) -> impl Iterator<Item = &SplitWish> {
    turn.plan.actions.iter().filter_map(|action| match action {
        Action::Shift { wish, .. } => Some(wish),
        Action::Start { .. } | Action::Stop { .. } | Action::Smoke { .. } | Action::ForgetSmoke { .. } => {
            None
        }
    })
}

/// The largest share of the traffic that may come to a revision.
fn share(wish: &SplitWish, revision: &RevisionDigest) -> Weight {
    match &wish.canary {
        Some((canary, weight)) if canary == revision => reach(wish, *weight),
        Some(_) | None if wish.stable.as_ref() == Some(revision) => wish.canary_weight().complement(),
        Some(_) | None => Weight::ZERO,
    }
}

fn reach(wish: &SplitWish, weight: Weight) -> Weight {
    wish.who.as_ref().map_or(weight, |who| who.reach(weight))
}

/// Who gets more traffic by this wish than the edges really give it now.
fn growing<'a>(wish: &'a SplitWish, turn: &'a Turn) -> impl Iterator<Item = &'a RevisionDigest> {
    let receivers = wish.stable.iter().chain(wish.canary.iter().map(|(canary, _)| canary));
    receivers.filter(|revision| share(wish, revision) > share(&turn.effective, revision))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_rollout_ends(script in scripts()) {
        let world = script.run();
        prop_assert!(world.service.active().is_none(), "{:?}", world.phase());
    }

    #[test]
    fn weight_never_rises_on_a_failing_verdict(script in scripts()) {
        let world = script.run();
        for turn in &world.turns {
            if turn.judgement.as_ref().is_none_or(|judgement| judgement.failed().is_none()) {
                continue;
            }
            prop_assert!(turn.after.wish.canary_weight() <= turn.before.wish.canary_weight());
            let exposed = turn.before.active().is_some_and(|rollout| rollout.phase.is_exposed());
            prop_assert!(!exposed || turn.after.wish.canary.is_none(), "it stays on {:?}", turn.after.wish);
            prop_assert!(shifts(turn).all(|wish| wish.canary.is_none()));
        }
    }

    #[test]
    fn once_back_never_forward(script in scripts()) {
        let world = script.run();
        let back = |turn: &&Turn| {
            let rollout = turn.after.rollout.as_ref();
            rollout.is_some_and(|r| matches!(r.phase, Phase::RollingBack { .. } | Phase::RolledBack { .. }))
        };
        for turn in world.turns.iter().skip_while(|turn| !back(turn)) {
            prop_assert!(back(&turn), "{:?}", turn.events);
            prop_assert_eq!(&turn.after.wish.canary, &None);
            prop_assert_eq!(turn.after.wish.stable.as_ref(), Some(&revision(1).digest));
            prop_assert!(shifts(turn).all(|wish| wish.canary.is_none()));
        }
    }

    #[test]
    fn journal_replays_to_the_same_rollout(script in scripts()) {
        let world = script.run();
        let mut replayed = Service::new(super::fixture::name());
        for (at, _, event) in &world.journal {
            let line = serde_json::to_string(event).unwrap();
            let read: Event = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(&read, event);
            replayed.apply(*at, &read).unwrap();
        }
        prop_assert_eq!(&replayed, &world.service);
        let kept: Service = serde_json::from_str(&serde_json::to_string(&replayed).unwrap()).unwrap();
        prop_assert_eq!(&kept, &world.service);
    }

    #[test]
    fn capacity_before_traffic(script in scripts()) {
        let world = script.run();
        for turn in &world.turns {
            for wish in shifts(turn) {
                let Some((canary, weight)) = &wish.canary else { continue };
                if growing(wish, turn).any(|revision| revision == canary) {
                    let ready = turn.observed.ready(canary);
                    let needed = reach(wish, *weight).of_replicas(script.replicas.1);
                    prop_assert!(ready >= needed, "{ready} ready for {wish:?}");
                    let first = turn.before.active().is_some_and(|rollout| rollout.phase == Phase::Preparing);
                    let full = script.path != Path::Canary && first;
                    prop_assert!(!full || ready == script.replicas.1, "{ready} ready before the first user");
                    let twins = turn.observed.ready_twins(&revision(1).digest);
                    prop_assert!(!wish.twins || twins >= needed, "{twins} twins ready for {wish:?}");
                }
            }
        }
    }

    /// What failed, hung or was not asked lets nobody through.
    #[test]
    fn no_user_before_every_check_is_satisfied(script in scripts()) {
        let world = script.run();
        let second = world.journal.iter().skip_while(|(_, _, event)| !matches!(event, Event::Succeeded { .. }));
        let mut passed = 0;
        for (_, _, event) in second {
            passed += usize::from(matches!(event, Event::SmokePassed { .. }));
            if matches!(event, Event::StepEntered { .. } | Event::PromotionStarted { .. }) {
                prop_assert!(passed >= script.path.checks(), "{passed} of {}", script.path.checks());
            }
        }
        prop_assert!(world.smoke.is_empty(), "left behind: {:?}", world.smoke);
    }

    #[test]
    fn no_weight_without_a_ready_receiver(script in scripts()) {
        let world = script.run();
        for turn in &world.turns {
            for wish in shifts(turn) {
                let patience = std::time::Duration::from_secs(10);
                let safety = wish.canary.is_none() && turn.observed.at.since(turn.since) >= patience;
                for revision in growing(wish, turn) {
                    prop_assert!(safety || turn.observed.ready(revision) >= 1, "nobody for {wish:?}");
                }
            }
        }
    }

    #[test]
    fn no_capacity_removed_while_serving(script in scripts()) {
        let world = script.run();
        for turn in &world.turns {
            for action in &turn.plan.actions {
                let Action::Stop { instance } = action else { continue };
                let status = turn.observed.instances.iter().find(|status| &status.id == instance).unwrap();
                let revision = &status.revision;
                // A twin serves while the canary is compared with it, and afterwards only when nobody else can.
                let stands_in = instance.is_twin() && turn.observed.ready(revision) > 0;
                let sends = |wish: &SplitWish| wish.sends_to(revision) && (wish.twins || !stands_in);
                prop_assert!(!sends(&turn.effective), "{instance} serves by {:?}", turn.effective);
                prop_assert!(!sends(&turn.after.wish), "{instance} shall serve");
                let split = turn.observed.split.as_ref().unwrap();
                let drained = status.in_flight == 0 || turn.observed.at.since(split.since) >= DRAIN;
                prop_assert!(drained, "{instance} has requests");
                let stable = turn.after.stable.as_ref().map(|stable| &stable.digest);
                prop_assert!(stable != Some(revision) || instance.is_twin(), "stable keeps its capacity");
            }
        }
    }

    #[test]
    fn stable_keeps_full_capacity_until_the_bake_ends(script in scripts()) {
        let calm = Script { faults: vec![], ..script };
        let world = calm.run();
        for turn in world.turns.iter().filter(|turn| turn.before.active().is_some_and(|r| r.spec.id.0 == 2)) {
            let v1 = revision(1).digest;
            prop_assert_eq!(turn.observed.ready(&v1) - turn.observed.ready_twins(&v1), calm.replicas.0);
        }
    }

    #[test]
    fn verdict_counts_only_for_its_split(script in scripts()) {
        let world = script.run();
        for turn in &world.turns {
            for (generation, event) in &turn.events {
                let Event::StepPassed { by: None, step, .. } = event else { continue };
                if turn.after.rollout.as_ref().is_some_and(|rollout| rollout.asks_at(*step)) {
                    let judgement = turn.judgement.as_ref().unwrap();
                    prop_assert_eq!(judgement.under, *generation);
                    prop_assert!(judgement.passed(*generation));
                }
            }
        }
    }

    #[test]
    fn those_who_get_it_by_name_lose_it_with_the_canary(script in scripts()) {
        let world = script.run();
        for turn in &world.turns {
            let wish = &turn.after.wish;
            prop_assert!(wish.who.is_none() || wish.canary.is_some(), "{wish:?}");
            let back = turn.after.rollout.as_ref().is_some_and(|r| matches!(r.phase, Phase::RollingBack { .. }));
            prop_assert!(!back || wish.who.is_none());
        }
    }

    /// Nobody else has it before they have been heard, or a person has said so.
    #[test]
    fn a_step_by_name_alone_passes_only_when_they_were_heard(
        script in scripts(),
        says in says(&[Say::Nothing, Say::NoData(NoData::Hold), Say::Undecided, Say::Pass]),
    ) {
        let script = Script { kind: RolloutKind::Canary, by_name: Some(true), says, ..script };
        let world = script.run();
        for turn in &world.turns {
            for (_, event) in &turn.events {
                if let Event::StepPassed { step: 0, by: None, gates, .. } = event {
                    let cohort = turn.judgement.as_ref().and_then(|judgement| judgement.cohort);
                    prop_assert!(cohort.is_some_and(|cohort| cohort.requests >= 10), "{cohort:?}");
                    prop_assert!(gates.is_empty());
                }
            }
        }
    }

    #[test]
    fn no_data_is_not_success(
        script in scripts(),
        says in says(&[Say::Nothing, Say::Undecided, Say::StalePass, Say::Finding, Say::NoData(NoData::Hold)]),
    ) {
        let shadow = script.shadow.map(|_| ShadowThen::Canary);
        let path = Path::Canary;
        let script = Script { kind: RolloutKind::Canary, path, commands: vec![], steps: script.steps.max(1), says, shadow, by_name: script.by_name.and(Some(false)), ..script };
        let world = script.run();
        let passed = |event: &Event| matches!(event, Event::StepPassed { .. } | Event::PromotionStarted { .. });
        let second = world.journal.iter().skip_while(|(_, _, event)| !matches!(event, Event::Succeeded { .. }));
        prop_assert!(!second.map(|(_, _, event)| event).any(passed));
        prop_assert!(matches!(world.phase(), Phase::RolledBack { .. }), "{:?}", world.phase());
    }

    #[test]
    fn source_outage_is_not_failure(script in scripts(), says in says(&[Say::Nothing, Say::Undecided])) {
        let good = Birth::Ready(script.lag);
        let (path, trial) = (Path::Canary, Trial::Passes(1));
        let script = Script { path, trial, says, commands: vec![], faults: vec![], birth: good, ..script };
        let world = script.run();
        if let Phase::RolledBack { cause } = world.phase() {
            prop_assert!(matches!(cause, Cause::Deadline { .. }), "{cause:?}");
        } else {
            prop_assert_eq!(world.phase(), &Phase::Succeeded);
            prop_assert!(script.kind == RolloutKind::Rollback || script.steps == 0);
        }
    }

    #[test]
    fn a_healthy_world_always_finishes(
        script in scripts(),
        ready in 0..40_u32,
        late in proptest::collection::vec(1..20_u32, 4),
        gates in any::<bool>(),
    ) {
        let birth = Birth::Ready(ready);
        // The evidence comes late at each step, but it comes.
        let says = late.iter().scan(0, |at, wait| { *at += 50; Some([(*at - 40, Say::Undecided), (*at - 40 + wait, Say::Pass)]) });
        let says = says.flatten().chain([(250, Say::Pass)]).collect();
        let shadow = script.shadow.map(|_| ShadowThen::Canary);
        let trial = Trial::Passes(script.lag.min(3));
        let script = Script { trial, pause_at: None, commands: vec![], faults: vec![], says, birth, shadow, ..script };
        let mut spec = script.spec();
        spec.gates.retain(|_: &GateSpec| gates);
        let mut world = script.run_with(spec);
        prop_assert_eq!(world.phase(), &Phase::Succeeded);
        (0..30).for_each(|_| world.turn(Say::Nothing));
        let to = revision(2).digest;
        prop_assert_eq!(&world.effective.stable, &Some(to.clone()));
        prop_assert_eq!(&world.effective.canary, &None);
        prop_assert_eq!(world.ready(&to), script.replicas.1);
        prop_assert_eq!(world.instances.len(), script.replicas.1 as usize);
        prop_assert_eq!(world.service.previous.last().map(|old| old.label.clone()), Some("v1".to_owned()));
    }
}
