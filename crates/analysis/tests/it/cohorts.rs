//! Requests that were sent to the canary by name: compared with nothing, and held to every limit all the same.

use staunch_analysis::{Facts, Finding, Hearing, Judgement, Triggers};
use staunch_model::{
    EdgeReport, GateSpec, RequestPart, RolloutSpec, Signal, TriggerRule, Weight, WhoRule, WhoSpec,
};

use crate::world::{World, error_limit, error_margin, spec};

fn with_names(gates: Vec<GateSpec>) -> RolloutSpec {
    let mut spec = spec(gates);
    let rules = vec![WhoRule { part: RequestPart::Header, name: "x-beta".to_owned(), values: vec![] }];
    let most = Weight::percent(20.0).unwrap();
    spec.strategy.who = Some(WhoSpec { rules, allow: None, most, requests: 1 });
    spec
}

/// A world whose canary has no weight yet, or some.
fn world(gates: Vec<GateSpec>, percent: f64) -> World {
    let mut world = World::new(7, gates.clone(), 0.0, 0.0);
    world.judge = Hearing::new(&with_names(gates), false);
    world.shift(percent);
    world
}

/// Requests by name, all of which fail, until the judge has seen enough; stable has its own beside.
fn failing_until_found(world: &mut World, most: u64) -> (u64, Judgement) {
    for sent in 1..=most {
        let mut report = world.report();
        world.by_name(&mut report, 1, true);
        world.take(&report);
        let judgement = world.judge.judge();
        if judgement.failed().is_some() {
            return (sent, judgement);
        }
    }
    panic!("not found after {most}: {:?}", world.judge.judge());
}

#[test]
fn a_version_that_fails_all_who_get_it_by_name_is_found_at_once() {
    let (sent, judgement) = failing_until_found(&mut world(vec![], 0.0), 40);
    assert!(sent <= 20, "{sent}");
    let because = judgement.harm.unwrap();
    assert!(because.contains("by name") && because.contains("stable 0 %"), "{because}");
}

#[test]
fn a_limit_of_a_gate_finds_it_after_a_few() {
    let (sent, judgement) = failing_until_found(&mut world(vec![error_limit(0.01)], 0.0), 20);
    assert!(sent <= 6, "{sent}");
    let (gate, because) = judgement.failed().unwrap();
    assert_eq!(gate, "error-rate");
    assert!(because.starts_with("by name: canary 100 %"), "{because}");
}

#[test]
fn what_stable_breaks_too_is_nobodys_fault() {
    let mut world = world(vec![error_limit(0.01)], 0.0);
    world.stable.fails = 0.3;
    for _ in 0..50 {
        let mut report = world.report();
        world.by_name(&mut report, 1, world.at.0 % 300 == 0);
        world.take(&report);
    }
    assert_eq!(world.judge.judge().failed(), None);
}

/// They fail as often as they may and are slow, and nobody else does: no comparison sees it.
#[test]
fn they_are_no_part_of_a_comparison_and_open_no_gate() {
    let mut world = world(vec![error_margin(0.02)], 25.0);
    let mut quiet = World::new(7, vec![error_margin(0.02)], 0.0, 0.0);
    quiet.shift(25.0);
    for turn in 0..200_u64 {
        let mut report = world.report();
        quiet.step();
        world.by_name(&mut report, 1, turn % 10 == 9);
        world.take(&report);
    }
    let (judgement, alone) = (world.judge.judge(), quiet.judge.judge());
    assert!(judgement.findings.is_empty(), "no routing fault: {:?}", judgement.findings);
    assert_eq!(judgement.failed(), None);
    // A tenth of the requests by name failed; what was assigned by chance is as in a world without them.
    assert_eq!(judgement.gates[0].canary.map(|band| band.events), Some(0));
    let requests = |judgement: &Judgement| judgement.gates[0].canary.map(|band| band.requests).unwrap();
    assert!(requests(&judgement).abs_diff(requests(&alone)) < 200, "{judgement:?}");
    let cohort = judgement.cohort.unwrap();
    assert_eq!((cohort.requests, cohort.failed), (200, 20));
}

#[test]
fn silence_of_those_without_a_name_opens_nothing() {
    let mut world = world(vec![error_limit(0.5)], 25.0);
    for _ in 0..100 {
        let mut report = EdgeReport { edge: 1, at: world.at, ..EdgeReport::default() };
        world.by_name(&mut report, 10, false);
        world.take(&report);
    }
    let judgement = world.judge.judge();
    assert!(!judgement.passed(world.split), "{judgement:?}");
    assert_eq!((judgement.requests_now, judgement.requests_total), (0, 1_000));
}

#[test]
fn rules_that_fit_everybody_are_told_and_hold_nothing() {
    let mut world = world(vec![], 5.0);
    for _ in 0..20 {
        let mut report = world.report();
        report.samples.iter_mut().for_each(|sample| sample.outcomes.surplus = sample.outcomes.assigned);
        world.by_name(&mut report, 5, false);
        world.take(&report);
    }
    let judgement = world.judge.judge();
    assert!(judgement.findings.is_empty(), "{:?}", judgement.findings);
    let finding = judgement.cohort.unwrap().too_many().unwrap();
    assert!(
        matches!(&finding, Finding::CohortTooLarge { because } if because.contains("100 %")),
        "{finding:?}"
    );
}

#[test]
fn their_errors_fire_a_limit_and_are_no_spike_against_stable() {
    let rule = |signal| TriggerRule {
        signal,
        warn: None,
        rollback: Some(0.2),
        sustain: std::time::Duration::from_secs(3),
        cooldown: std::time::Duration::from_secs(60),
    };
    let fired = |signal| {
        let mut spec = with_names(vec![]);
        spec.triggers.rules = vec![rule(signal)];
        let mut triggers = Triggers::new(&spec);
        let mut world = world(vec![], 5.0);
        (0..200_i64).any(|_| {
            let mut report = world.report();
            world.by_name(&mut report, 2, true);
            triggers.observe(&report);
            world.take(&report);
            !triggers.look(&Facts::default(), world.at).is_empty()
        })
    };
    let window = std::time::Duration::from_secs(10);
    assert!(fired(Signal::ErrorRate { min_count: 5 }));
    assert!(!fired(Signal::ErrorSpike { window, min_count: 5 }));
}
