//! Whole simulations, small: what must hold whatever the policy and the world.

mod forecasts;

use std::time::Duration;

use proptest::prelude::*;
use staunch_model::{GateLimit, GateSpec, Metric, NoData, ServiceName, Weight};
use staunch_simulation::{
    End, KEYS, Looks, Part, Peer, Policy, Progress, Results, Simulation, World, chart, standard,
    standard_text, summary_text,
};

fn standard_policy() -> Policy {
    Policy::standard(ServiceName::try_from("shop".to_owned()).unwrap())
}

/// 5 %, held, errors alone, instances warm.
fn holding() -> Policy {
    standard_policy().holding(Weight::percent(5.0).unwrap()).warmed_up().without_latency()
}

fn simulation(policy: Policy, world: &str, seeds: u64) -> Simulation {
    Simulation { policy, world: World::read(world).unwrap(), looks: Looks::fine(), seeds, compare: false }
}

fn run(policy: Policy, world: &str, seeds: u64) -> Results {
    simulation(policy, world, seeds).run(2, &Progress::default()).unwrap()
}

#[test]
fn the_same_question_has_the_same_answer_on_any_number_of_workers() {
    let mut asked = simulation(standard_policy(), "outages,burst=3,instances-sd=0.05,horizon-secs=120", 12);
    asked.compare = true;
    let answers = [1, 2, 5].map(|workers| asked.run(workers, &Progress::default()).unwrap());
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    let (run, _) = asked.example(3).unwrap();
    assert_eq!(run, answers[0].runs[3], "the example is one of the runs");
}

#[test]
fn a_good_release_is_promoted_and_a_bad_one_taken_back() {
    let policy = || standard_policy().warmed_up().without_latency();
    let good = run(policy(), "plain,rps=1000", 20).summary;
    assert!(good.promoted.count >= 19, "{good:?}");
    let full = good.full_secs.unwrap();
    assert!(full.median >= 30.0 && full.median < 50.0, "three holds of ten seconds: {full:?}");
    let bad = run(policy(), "errors-0.1-to-50,rps=1000", 20).summary;
    assert_eq!((bad.missed.count, bad.promoted.count), (0, 0));
    assert!(bad.excess_failures.unwrap().mean < 10.0, "{bad:?}");
}

#[test]
fn a_cold_start_is_harm_without_twins_and_none_beside_them() {
    let end = |fresh: bool, world: &str| {
        let mut policy = standard_policy().warmed_up().without_latency();
        policy.evidence.fresh_baseline = fresh;
        run(policy, world, 20).summary
    };
    let cold = "plain,rps=500,cold-errors=0.1,cold-secs=10";
    assert!(end(false, cold).promoted.count <= 2);
    let fresh = end(true, cold);
    assert!(fresh.promoted.count >= 19, "{fresh:?}");
    let bad = end(true, "errors-0.1-to-50,rps=500,cold-errors=0.1,cold-secs=10");
    assert_eq!((bad.missed.count, bad.promoted.count), (0, 0), "{bad:?}");
}

#[test]
fn a_fault_is_found_near_the_bound_and_long_before_polling() {
    let mut asked = simulation(holding(), "errors-1-to-5,rps=1000", 100);
    asked.compare = true;
    let summary = asked.run(2, &Progress::default()).unwrap().summary;
    let (delay, bound) = (summary.delay_secs.unwrap(), summary.bound_secs.unwrap());
    assert!(delay.median < 2.0 * bound && delay.mean > 0.9 * bound, "{delay:?}, bound {bound}");
    let argo = summary.peers.iter().find(|peer| peer.peer == Peer::Argo).unwrap();
    assert_eq!(argo.delay_secs.unwrap().median, 240.0);
}

#[test]
fn a_late_fault_is_counted_from_its_onset() {
    let results = run(holding(), "errors-0.1-to-50,onset-secs=100,horizon-secs=300", 20);
    assert!(results.runs.iter().all(|run| run.end == End::Blamed && run.at_secs >= 100.0));
    assert!(results.summary.delay_secs.unwrap().p95 < 30.0, "{:?}", results.summary);
}

#[test]
fn silence_is_neither_success_nor_failure() {
    let summary = run(standard_policy(), "no-traffic,horizon-secs=600", 3).summary;
    assert_eq!((summary.unfinished.count, summary.false_rollbacks.count), (3, 0));
    let mut strict = standard_policy();
    strict.gates.iter_mut().for_each(|gate| gate.no_data = NoData::Abort);
    let summary = run(strict, "no-traffic,horizon-secs=600", 3).summary;
    assert_eq!(summary.gave_up.count, 3, "{summary:?}");
    assert_eq!(summary.causes.get("no-data"), Some(&3));
}

#[test]
fn a_policy_without_steps_or_gates_has_an_end() {
    let mut bare = standard_policy();
    bare.strategy.steps.clear();
    bare.gates.clear();
    bare.strategy.bake = Duration::ZERO;
    let results = run(bare, "plain,start-secs=0", 2);
    assert!(results.runs.iter().all(|run| run.end == End::Promoted), "{:?}", results.runs);
}

#[test]
fn no_seeds_are_no_answer() {
    let summary = run(standard_policy(), "plain", 0).summary;
    assert_eq!((summary.promoted.of, summary.excess_failures), (0, None));
    assert!(summary_text(&summary).starts_with("0 rollouts"));
}

#[test]
fn a_chart_is_drawn_of_any_results() {
    for (world, seeds) in
        [("errors-1-to-5,horizon-secs=60", 3), ("no-traffic,horizon-secs=60", 1), ("plain,horizon-secs=1", 0)]
    {
        let mut asked = simulation(standard_policy(), world, seeds);
        asked.compare = true;
        let drawing = chart(&asked.run(1, &Progress::default()).unwrap(), &asked.example(0).unwrap().1);
        assert!(drawing.starts_with("<svg") && drawing.trim_end().ends_with("</svg>"), "{world}");
        assert!(drawing.contains(">evidence</text>") && drawing.contains("prefers-color-scheme"), "{world}");
        assert!(
            !drawing.contains("NaN") && !drawing.contains("inf") && !drawing.contains("<script"),
            "{world}"
        );
    }
}

#[test]
fn the_table_marks_what_does_not_hold() {
    let cases = standard(&ServiceName::try_from("shop".to_owned()).unwrap(), 2, Looks::fine()).unwrap();
    let good = cases.iter().rfind(|case| case.part == Part::Good && !case.setting.is_empty()).unwrap();
    let mut row = good.run(1, &Progress::default()).unwrap();
    let text = standard_text(std::slice::from_ref(&row));
    assert!(text.contains("✓ plain, 1000/s") && text.ends_with("1 of 1 lines hold"), "{text}");
    row.checks[0].held = false;
    let text = standard_text(&[row]);
    assert!(text.contains("✕ plain, 1000/s") && text.ends_with("0 of 1 lines hold"), "{text}");
}

fn any_gate() -> impl Strategy<Value = GateSpec> {
    let share = prop_oneof![Just(0.0), Just(1.0), 0.0..1.0_f64];
    let limit = prop_oneof![
        share.clone().prop_map(|max| GateLimit::MaxRatio { max }),
        share.clone().prop_map(|margin| GateLimit::VsStablePoints { margin }),
        share.clone().prop_map(|share| GateLimit::BlastRadius { share }),
        share.prop_map(|margin| GateLimit::VsStableRatio { margin }),
        (0_u64..2_000_000).prop_map(|max| GateLimit::MaxMicros { max }),
    ];
    let metric = prop::sample::select(Metric::ALL.to_vec());
    (metric, limit).prop_map(|(metric, limit)| GateSpec { metric, limit, no_data: NoData::Hold })
}

/// Any value of a key, its ends included.
fn any_setting() -> impl Strategy<Value = String> {
    (0..KEYS.len(), prop_oneof![Just(0.0), Just(1.0), 0.0..1.0_f64]).prop_map(|(at, share)| {
        let key = &KEYS[at];
        // Traffic and horizon are kept small: the test is about answers, not about patience.
        let most = if key.name == "rps" { 1e5 } else { key.most };
        format!("{}={}", key.name, key.least + share * (most - key.least))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_world_and_policy_has_an_end(
        settings in prop::collection::vec(any_setting(), 0..6),
        gates in prop::collection::vec(any_gate(), 0..3),
        sticky in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let world = World::read(&format!("{},horizon-secs=40", settings.join(","))).unwrap();
        let mut policy = standard_policy();
        (policy.gates, policy.sticky) = (gates, sticky);
        let asked = Simulation { policy, world, looks: Looks::fine(), seeds: 1, compare: true };
        let (run, path) = asked.example(seed).unwrap();
        prop_assert!(run.at_secs <= 40.0 && run.excess.is_finite(), "{run:?}");
        prop_assert!(path.points.iter().all(|point| point.log_e_harm.is_finite()));
        prop_assert!(!summary_text(&asked.run(1, &Progress::default()).unwrap().summary).contains("NaN"));
    }
}

/// A look without a canary request is not a look without a canary: while it warms up, such looks must not be bet on.
#[test]
fn a_warm_up_at_little_traffic_blames_nobody() {
    let policy = standard_policy().latency_alone(0.1).holding(Weight::percent(5.0).unwrap());
    let summary = run(policy, "plain,rps=100,horizon-secs=120", 100).summary;
    assert!(summary.false_rollbacks.count <= 4, "{summary:?}");
}
