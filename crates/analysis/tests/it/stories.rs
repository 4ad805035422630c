use std::time::Duration;

use staunch_analysis::{Finding, Hearing, Judgement, Outcome};
use staunch_model::{Metric, SplitGeneration};

use crate::world::{World, error_limit, error_margin, latency_limit, latency_margin, spec};

fn failed(judgement: &Judgement) -> bool {
    judgement.failed().is_some()
}

fn passed(judgement: &Judgement) -> bool {
    judgement.passed(judgement.under)
}

#[test]
fn a_good_canary_passes_as_soon_as_the_evidence_is_there() {
    let mut world = World::new(1, vec![error_limit(0.01)], 0.0, 0.0);
    world.step();
    let needs = world.judge.judge().gates[0].needs;
    let (done, judgement) = world.until(120, passed);
    assert!(done, "{judgement:?}");
    assert!((378..=395).contains(&judgement.requests_now), "{}", judgement.requests_now);
    assert!(needs.is_some_and(|needs| (360..=384).contains(&needs)), "foreseen {needs:?}");
    assert_eq!(judgement.confidence, 100.0);
    assert!(judgement.gates[0].verdict.because.starts_with("canary 0 % (0 of "), "{judgement:?}");
}

#[test]
fn a_bad_canary_fails_its_gate_within_a_few_requests() {
    let mut requests: Vec<u64> = (0..21)
        .map(|seed| {
            let mut world = World::new(100 + seed, vec![error_limit(0.01)], 0.06, 0.004);
            let (done, judgement) = world.until(300, failed);
            assert!(done, "{judgement:?}");
            let (gate, because) = judgement.failed().unwrap();
            assert_eq!(gate, "error-rate");
            assert!(
                because.contains("canary") && because.contains("stable") && because.ends_with("limit 1 %")
            );
            assert_eq!(judgement.confidence, 0.0);
            judgement.requests_total
        })
        .collect();
    requests.sort_unstable();
    assert!(requests[10] <= 200, "median {} canary requests", requests[10]);
}

#[test]
fn equally_bad_versions_hold_and_nobody_is_blamed() {
    let mut world = World::new(3, vec![error_limit(0.01)], 0.3, 0.3);
    let (blamed, judgement) = world.until(120, failed);
    assert!(!blamed, "{judgement:?}");
    let gate = &judgement.gates[0];
    assert_eq!(gate.verdict.outcome, Outcome::Undecided);
    assert_eq!(gate.needs, None);
    let shared =
        |finding: &Finding| matches!(finding, Finding::StableIsBadToo { gate, .. } if gate == "error-rate");
    assert!(judgement.findings.iter().any(shared), "{judgement:?}");

    // The outage passes: nothing of it is held against the canary, and the finding goes.
    world.canary.fails = 0.0;
    world.stable.fails = 0.0;
    let (recovered, judgement) = world.until(150, |judgement| judgement.findings.is_empty());
    assert!(recovered && !failed(&judgement), "{judgement:?}");
    world.shift(25.0);
    assert!(world.until(30, passed).0);
}

#[test]
fn a_shared_outage_does_not_hide_a_canary_that_is_worse() {
    let mut world = World::new(4, vec![error_limit(0.01)], 0.6, 0.05);
    let (done, judgement) = world.until(60, failed);
    assert!(done);
    assert_eq!(judgement.failed().unwrap().0, "error-rate");
}

#[test]
fn one_bad_route_in_ten_is_found_and_named() {
    let mut world = World::new(5, vec![error_limit(0.01)], 0.0, 0.001);
    world.canary.bad_route = true;
    let (done, judgement) = world.until(60, failed);
    assert!(done && judgement.requests_total < 200, "{judgement:?}");
    let new: Vec<&str> = world
        .judge
        .routes()
        .iter()
        .filter(|route| route.new_in_canary())
        .map(|route| route.route.as_str())
        .collect();
    assert_eq!(new, ["GET /cart"]);
    assert!(world.judge.failures().iter().all(|failure| failure.route == "GET /cart"));
}

#[test]
fn a_hundred_milliseconds_more_are_found_and_the_gate_is_blamed() {
    let gates = vec![error_limit(0.01), latency_margin(Metric::LatencyP95, 0.10)];
    let mut world = World::new(6, gates, 0.001, 0.001);
    world.canary.extra_ms = 100.0;
    let (done, judgement) = world.until(60, failed);
    assert!(done && judgement.requests_total < 100, "{}", judgement.requests_total);
    let (gate, because) = judgement.failed().unwrap();
    assert_eq!(gate, "latency-p95 vs stable");
    assert!(because.contains("ms") && because.ends_with("limit stable + 10 %"), "{because}");
}

#[test]
fn equal_latency_passes_its_margin() {
    let mut world = World::new(7, vec![latency_margin(Metric::LatencyP95, 0.10)], 0.001, 0.001);
    world.shift(25.0);
    let (done, judgement) = world.until(300, passed);
    assert!(done, "{judgement:?}");
    assert!(!failed(&judgement));
}

#[test]
fn latency_at_the_margin_neither_passes_nor_fails_by_luck() {
    let wrong = (0..20).filter(|seed| {
        let mut world = World::new(700 + seed, vec![latency_margin(Metric::LatencyP50, 0.10)], 0.0, 0.0);
        world.shift(25.0);
        world.canary.median_ms = 22.0;
        world.every = Duration::from_secs(1);
        world.until(12, |judgement| failed(judgement) || passed(judgement)).0
    });
    assert!(wrong.count() <= 3);
}

#[test]
fn an_absolute_latency_limit_fails_and_passes() {
    let gates = vec![latency_limit(Metric::LatencyP95, 200)];
    let mut slow = World::new(8, gates.clone(), 0.0, 0.0);
    slow.canary.extra_ms = 200.0;
    let (done, judgement) = slow.until(60, failed);
    assert!(done, "{judgement:?}");
    assert_eq!(judgement.failed().unwrap().0, "latency-p95");
    assert!(World::new(9, gates, 0.0, 0.0).until(60, passed).0);
}

#[test]
fn a_margin_to_stable_passes_a_twin_and_fails_a_worse_version() {
    let mut twin = World::new(10, vec![error_margin(0.01)], 0.002, 0.002);
    twin.shift(25.0);
    let (done, judgement) = twin.until(120, passed);
    assert!(done, "{judgement:?}");
    let mut worse = World::new(11, vec![error_margin(0.01)], 0.05, 0.002);
    let (done, judgement) = worse.until(120, failed);
    assert!(done);
    assert_eq!(judgement.failed().unwrap().0, "error-rate vs stable");
}

#[test]
fn one_stuck_client_does_not_roll_back() {
    let mut world = World::new(12, vec![error_limit(0.01)], 0.0, 0.001);
    world.judge = Hearing::new(&spec(vec![error_limit(0.01)]), true);
    world.judge.enter_split(world.split, world.weight);
    for _ in 0..1_000 {
        let mut report = world.report();
        world.add(&mut report, 2, "GET /", true, 1_000);
        let last = report.failures.len() - 1;
        report.failures[last].client = 4_711;
        world.take(&report);
        assert!(!failed(&world.judge.judge()), "{:?}", world.judge.judge());
    }
    let judgement = world.judge.judge();
    assert!(judgement.failed_total >= 1_000, "people see all of them");
    assert!(!passed(&judgement), "and they do not pass either");
}

#[test]
fn many_stuck_clients_are_a_bad_version() {
    let mut world = World::new(13, vec![error_limit(0.01)], 0.1, 0.001);
    world.judge = Hearing::new(&spec(vec![error_limit(0.01)]), true);
    world.judge.enter_split(world.split, world.weight);
    assert!(world.until(60, failed).0);
}

#[test]
fn failures_of_the_warm_up_are_not_held_against_the_canary() {
    let mut world = World::new(14, vec![error_limit(0.01)], 0.15, 0.001);
    (world.canary.young, world.stable.young) = (1.0, 1.0);
    for _ in 0..300 {
        world.step();
    }
    let judgement = world.judge.judge();
    assert!(
        !failed(&judgement) && judgement.requests_now == 0 && judgement.failed_total > 10,
        "{judgement:?}"
    );
    assert_eq!(judgement.gates[0].verdict.outcome, Outcome::Undecided);
    (world.canary.young, world.stable.young) = (0.0, 0.0);
    world.canary.fails = 0.0;
    assert!(world.until(60, passed).0, "{:?}", world.judge.judge());
}

#[test]
fn the_warm_up_of_one_side_leaves_the_other_side_and_the_rest_of_its_own_in_the_comparison() {
    let mut world = World::new(26, vec![error_limit(0.01)], 0.0, 0.0);
    (world.canary.young, world.canary.young_fails) = (0.5, 0.1);
    let (done, judgement) = world.until(120, passed);
    assert!(done && !judgement.warming, "{judgement:?}");
    assert!(judgement.requests_total > judgement.requests_now && judgement.failed_total > 0, "{judgement:?}");
    let says = &judgement.gates[0].verdict.because;
    assert!(says.starts_with("canary 0 % (0 of "), "{says}");
}

#[test]
fn errors_of_a_young_stable_instance_do_not_help_the_canary() {
    let gates = vec![error_margin(0.01), error_limit(0.01)];
    let mut world = World::new(27, gates, 0.04, 0.001);
    (world.stable.young, world.stable.young_fails) = (0.3, 0.15);
    (0..200).for_each(|_| world.step());
    let judgement = world.judge.judge();
    assert!(world.judge.totals().1.failed() > 100, "stable fails a lot while it warms up");
    let (gate, because) = judgement.failed().unwrap();
    assert!(gate == "error-rate vs stable" && because.contains("stable 0"), "{because}");
}

#[test]
fn a_warm_up_of_a_part_of_one_side_makes_nobody_look_slow() {
    for seed in 0..5 {
        let mut world = World::new(280 + seed, vec![latency_margin(Metric::LatencyP50, 0.0)], 0.0, 0.0);
        world.shift(50.0);
        world.canary.young = 0.75;
        world.every = Duration::from_secs(1);
        let (blamed, judgement) = world.until(12, failed);
        assert!(!blamed && judgement.log_e_harm < 1.0, "{judgement:?}");
    }
}

#[test]
fn the_ratio_of_the_assignment_counts_the_warm_up_too() {
    let mut world = World::new(29, vec![error_limit(0.01)], 0.0, 0.0);
    world.canary.young = 0.9;
    let (_, judgement) = world.until(60, |_| false);
    assert!(judgement.findings.is_empty(), "{judgement:?}");
}

#[test]
fn it_is_warming_up_until_another_instance_is_given_requests() {
    let mut world = World::new(30, vec![error_limit(0.01)], 0.0, 0.0);
    assert!(!world.judge.judge().warming);
    world.canary.young = 1.0;
    world.until(2, |_| false);
    assert!(world.judge.judge().warming);
    world.per_second = 0;
    world.until(2, |_| false);
    assert!(world.judge.judge().warming, "silence says nothing new");
    (world.per_second, world.canary.young) = (200, 0.5);
    assert!(world.until(2, |judgement| !judgement.warming).0);
}

#[test]
fn a_client_that_fails_often_counts_once_in_the_warm_up_and_once_after_it() {
    let mut world = World::new(31, vec![error_limit(0.01)], 0.0, 0.0);
    world.judge = Hearing::new(&spec(vec![error_limit(0.01)]), true);
    world.shift(100.0);
    world.canary.young = 0.5;
    (world.canary.fails, world.canary.young_fails) = (1.0, 1.0);
    let mut report = world.report();
    report.failures.iter_mut().for_each(|failure| failure.client = 7);
    let split = world.take(&report).splits.remove(&world.split).unwrap();
    let (warm, young) = (&split.canary, &split.warming.canary);
    assert!(warm.failed > 1 && young.failed > 1, "{split:?}");
    assert_eq!((warm.clients, young.clients), (1, 1), "{split:?}");
}

#[test]
fn gross_failure_while_warming_up_is_found_within_ten_requests() {
    let mut world = World::new(15, vec![error_limit(0.01)], 1.0, 0.001);
    (world.canary.young, world.stable.young) = (1.0, 1.0);
    let (done, judgement) = world.until(10, failed);
    assert!(done && judgement.requests_total <= 10, "{judgement:?}");
    assert!(judgement.harm.as_ref().is_some_and(|harm| harm.contains("while warming up")), "{judgement:?}");
}

#[test]
fn everything_failing_on_both_sides_is_no_ones_fault_even_while_warming_up() {
    let mut world = World::new(16, vec![error_limit(0.01)], 1.0, 1.0);
    (world.canary.young, world.stable.young) = (1.0, 1.0);
    let (done, judgement) = world.until(10, failed);
    assert!(!done);
    assert!(matches!(judgement.findings[..], [Finding::StableIsBadToo { .. }]), "{judgement:?}");
}

#[test]
fn verdict_counts_only_for_its_split() {
    let mut world = World::new(17, vec![error_limit(0.01)], 0.0, 0.0);
    let (done, judgement) = world.until(120, passed);
    assert!(done);
    let before = judgement.under;
    world.shift(25.0);
    let judgement = world.judge.judge();
    assert!(!judgement.passed(before) && !passed(&judgement));
    assert_eq!((judgement.requests_now, judgement.gates[0].verdict.outcome), (0, Outcome::NoData));
    assert!(judgement.requests_total >= 378);
}

#[test]
fn attempts_of_an_older_split_are_no_pass_but_still_harm() {
    let mut world = World::new(18, vec![error_limit(0.01)], 0.0, 0.0);
    world.judge.enter_split(SplitGeneration(9), world.weight);
    for _ in 0..1_000 {
        world.step();
    }
    let judgement = world.judge.judge();
    assert_eq!((judgement.requests_now, judgement.gates[0].log_e_pass), (0, 0.0));
    assert_eq!(judgement.gates[0].verdict.outcome, Outcome::NoData);
    world.canary.fails = 0.2;
    assert!(world.until(30, failed).0);
}

#[test]
fn harm_once_decided_stays_decided() {
    let mut world = World::new(19, vec![error_limit(0.01)], 0.5, 0.0);
    let (_, first) = world.until(30, failed);
    world.canary.fails = 0.0;
    world.shift(25.0);
    let (_, later) = world.until(60, |_| false);
    assert_eq!(first.failed(), later.failed());
}

#[test]
fn a_fault_that_begins_late_is_found_soon_and_told_by_its_own_minutes() {
    let mut world = World::new(20, vec![error_limit(0.02)], 0.001, 0.001);
    world.every = Duration::from_secs(1);
    (0..1_800).for_each(|_| world.step());
    assert!(!failed(&world.judge.judge()));
    world.every = Duration::from_millis(100);
    world.canary.fails = 0.08;
    let (done, judgement) = world.until(60, failed);
    assert!(done, "{judgement:?}");
    assert!(judgement.failed().unwrap().1.contains("in the last minutes"), "{judgement:?}");
}

#[test]
fn a_wrong_split_is_a_routing_fault_and_stops_the_pass() {
    let mut world = World::new(21, vec![error_limit(0.01)], 0.0, 0.0);
    world.really = Some(0.10);
    let mismatch = |judgement: &Judgement| {
        judgement.findings.iter().any(|finding| matches!(finding, Finding::SampleRatioMismatch { .. }))
    };
    let (done, judgement) = world.until(120, mismatch);
    assert!(done && !passed(&judgement) && !failed(&judgement), "{judgement:?}");
}

#[test]
fn no_traffic_is_no_data_and_a_lone_sentence_says_so() {
    let mut world =
        World::new(22, vec![error_limit(0.01), latency_margin(Metric::LatencyP99, 0.1)], 0.0, 0.0);
    world.per_second = 0;
    let (_, judgement) = world.until(60, |_| false);
    assert!(!passed(&judgement) && !failed(&judgement));
    for gate in &judgement.gates {
        assert_eq!(gate.verdict.outcome, Outcome::NoData);
        assert_eq!(gate.verdict.because, "no requests reached the canary yet");
    }
}

#[test]
fn traffic_that_stops_leaves_the_gate_undecided() {
    let mut world = World::new(23, vec![error_limit(0.01)], 0.0, 0.0);
    world.until(5, |_| false);
    world.per_second = 0;
    let (_, judgement) = world.until(300, |_| false);
    assert_eq!(judgement.gates[0].verdict.outcome, Outcome::Undecided);
}

#[test]
fn a_first_rollout_has_nothing_to_compare_with_and_does_not_mind() {
    let mut first =
        spec(vec![error_limit(0.01), error_margin(0.01), latency_margin(Metric::LatencyP50, 0.1)]);
    first.from = None;
    let mut world = World::new(24, Vec::new(), 0.0, 0.0);
    world.judge = Hearing::new(&first, false);
    world.shift(100.0);
    let (_, judgement) = world.until(30, |_| false);
    let outcomes: Vec<Outcome> = judgement.gates.iter().map(|gate| gate.verdict.outcome).collect();
    assert_eq!(outcomes, [Outcome::Pass, Outcome::NoData, Outcome::NoData]);
    assert!(!failed(&judgement));
    world.canary.fails = 0.9;
    assert!(world.until(30, failed).0, "an absolute limit holds for a first version too");
}

#[test]
fn without_gates_a_canary_worse_than_stable_is_still_found() {
    let mut world = World::new(25, Vec::new(), 0.05, 0.001);
    let (done, judgement) = world.until(120, failed);
    assert!(done && !passed(&judgement));
    let harm = judgement.harm.unwrap();
    assert!(harm.starts_with("error rate is higher than stable's: canary "), "{harm}");
}

#[test]
fn an_innocent_version_is_rarely_blamed() {
    let gates = || vec![error_limit(0.02), latency_margin(Metric::LatencyP95, 0.1)];
    let blamed = (0..60).filter(|seed| {
        let mut world = World::new(900 + seed, gates(), 0.01, 0.01);
        world.every = Duration::from_secs(1);
        (0..300).for_each(|_| world.step());
        failed(&world.judge.judge())
    });
    assert!(blamed.count() <= 2);
}
