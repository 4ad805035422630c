//! The canary beside twins of stable that were started with it: both warm up alike, and what is old is not compared.

use staunch_analysis::{Hearing, Judgement};
use staunch_model::{EdgeReport, GateSpec, Metric, SplitGeneration};

use crate::world::{Version, World, error_limit, error_margin, latency_margin, spec};

fn gates() -> Vec<GateSpec> {
    vec![error_margin(0.02), latency_margin(Metric::LatencyP95, 0.2)]
}

fn slow_and_failing(fails: f64) -> Version {
    Version { median_ms: 60.0, ..Version::failing(fails) }
}

/// Half a minute in which what was just started is slow and fails often, then five in which nothing does. Whether it
/// was blamed, and whether it passed in the end.
fn slow_start(seed: u64, twins: bool) -> (bool, bool) {
    let mut world = World::new(seed, gates(), 0.0, 0.0);
    let warm = Version::failing(0.001);
    world.beside_twins = twins.then(|| warm.clone());
    world.canary = slow_and_failing(0.1);
    world.stable = if twins { world.canary.clone() } else { warm.clone() };
    let (blamed, _) = world.until(30, failed);
    (world.canary, world.stable) = (warm.clone(), warm);
    let (passed, judgement) = world.until(300, |judgement| judgement.passed(judgement.under));
    (blamed || failed(&judgement), passed)
}

fn failed(judgement: &Judgement) -> bool {
    judgement.failed().is_some()
}

#[test]
fn a_slow_start_that_hits_both_alike_is_no_harm() {
    // One in a hundred may be blamed.
    let ends: Vec<_> = (0..12).map(|seed| slow_start(seed, true)).collect();
    let well = ends.iter().filter(|end| **end == (false, true)).count();
    assert!(well >= 11, "{ends:?}");
}

#[test]
fn without_twins_the_same_start_is_harm() {
    assert!((0..5).all(|seed| slow_start(seed, false).0));
}

#[test]
fn a_worse_version_is_found_beside_twins_that_are_cold_too() {
    for seed in 0..5 {
        let mut world = World::new(100 + seed, gates(), 0.25, 0.02);
        world.beside_twins = Some(Version::failing(0.0));
        (world.canary.young, world.stable.young) = (1.0, 1.0);
        (world.canary.young_fails, world.stable.young_fails) = (0.25, 0.02);
        let (found, judgement) = world.until(60, failed);
        assert!(found, "{judgement:?}");
    }
}

#[test]
fn old_instances_are_not_compared_and_what_warms_up_is() {
    let mut world = World::new(2, vec![error_limit(0.5)], 0.2, 0.2);
    world.beside_twins = Some(Version::failing(0.0));
    (world.canary.young, world.stable.young) = (0.5, 0.5);
    world.shift(30.0);
    let mut seen = [0; 2];
    for _ in 0..100 {
        let report = world.report();
        let split = world.take(&report).splits.remove(&world.split).unwrap();
        assert!(split.fresh && split.share == 0.5, "{split:?}");
        assert_eq!((split.warming.canary.assigned, split.warming.stable.assigned), (0, 0));
        seen[0] += split.canary.attempts;
        seen[1] += split.stable.attempts;
    }
    let (canary, stable) = world.judge.totals();
    assert_eq!(seen[0], canary.judged());
    assert!(
        seen[1] > 50 && 2 * stable.judged() > 3 * seen[1],
        "people see all of stable: {seen:?} {stable:?}"
    );
}

#[test]
fn the_ratio_of_the_assignment_is_that_of_canary_and_twins() {
    let findings = |really: Option<f64>| {
        let mut world = World::new(3, vec![error_limit(0.5)], 0.0, 0.0);
        world.beside_twins = Some(Version::failing(0.0));
        world.shift(50.0);
        world.really = really;
        world.until(20, |_| false).1.findings
    };
    assert_eq!(findings(None), vec![]);
    let wrong = format!("{:?}", findings(Some(0.7)));
    assert!(wrong.contains("SampleRatioMismatch") && wrong.contains("configured are 66.6667 %"), "{wrong}");
}

#[test]
fn a_split_counted_in_both_ways_is_not_taken_for_a_coin() {
    let mut world = World::new(5, vec![error_limit(0.5)], 0.0, 0.0);
    let mut report = world.report();
    world.beside_twins = Some(Version::failing(0.0));
    let beside = world.report();
    let apart = EdgeReport { samples: report.samples.clone(), ..EdgeReport::default() };
    report.samples.extend(beside.samples.clone());
    let look = world.take(&report);
    assert!(look.lapsed, "{look:?}");
    let mut next = EdgeReport { samples: beside.samples, ..apart.clone() };
    next.samples.iter_mut().for_each(|sample| sample.generation = SplitGeneration(9));
    next.samples.extend(apart.samples);
    assert!(!world.take(&next).lapsed, "two splits, each counted in one way");
}

#[test]
fn failures_of_old_instances_forgive_no_client_of_a_twin() {
    let gates = vec![error_limit(0.5)];
    let mut world = World::new(6, gates.clone(), 0.0, 1.0);
    world.judge = Hearing::new(&spec(gates), true);
    world.beside_twins = Some(Version::failing(1.0));
    world.shift(30.0);
    let mut report = world.report();
    let (mut twins, mut old) = (0, 0);
    for failure in &mut report.failures {
        failure.client = if failure.twin == Some(true) { 1 } else { 2 };
        if failure.twin == Some(true) { twins += 1 } else { old += 1 }
    }
    assert!(twins > 1 && old > 1);
    let split = world.take(&report).splits.remove(&world.split).unwrap();
    assert_eq!((split.stable.failed, split.stable.clients), (twins, 1), "{split:?}");
}
