use std::collections::BTreeMap;

use proptest::prelude::*;
use staunch_analysis::{GateReading, Hearing, Judgement, Outcome};
use staunch_model::{
    EdgeReport, Failure, GateLimit, GateSpec, Histogram, Metric, NoData, Outcomes, Sample, SplitGeneration,
    Timestamp, Weight,
};

use crate::world::{
    World, error_limit, error_margin, failure, latency_limit, latency_margin, revision, service, spec,
};

#[test]
fn a_checkpoint_goes_on_as_if_nothing_had_happened() {
    let gates = vec![error_limit(0.01), error_margin(0.01), latency_margin(Metric::LatencyP95, 0.1)];
    let mut world = World::new(31, gates, 0.02, 0.004);
    for step in 0..600 {
        world.step();
        if step % 97 == 0 {
            let text = serde_json::to_string(&world.judge).unwrap();
            assert!(text.len() < 200_000, "{} bytes", text.len());
            let back: Hearing = serde_json::from_str(&text).unwrap();
            assert_eq!(back.judge(), world.judge.judge());
            assert_eq!(back, world.judge);
            let report = world.report();
            let mut restored = back;
            restored.observe(&report, world.at, false);
            world.judge.observe(&report, world.at, false);
            assert_eq!(restored.judge(), world.judge.judge());
        }
    }
}

#[test]
fn what_is_kept_is_bounded_whatever_the_traffic() {
    let mut world = World::new(32, vec![error_limit(0.01)], 0.0, 0.0);
    world.judge = Hearing::new(&spec(vec![error_limit(0.01)]), true);
    world.judge.enter_split(world.split, world.weight);
    for round in 0..2_000_u64 {
        let mut report = EdgeReport::default();
        for route in 0..10 {
            world.add(&mut report, 2, &format!("GET /{round}/{route}"), true, round);
        }
        world.split = SplitGeneration(round);
        world.take(&report);
    }
    assert!(world.judge.routes().len() <= 200);
    assert_eq!(world.judge.failures().len(), 20);
    let (canary, stable) = world.judge.totals();
    assert_eq!((canary.failed(), stable.failed()), (20_000, 0));
    let listed: u64 = world.judge.routes().iter().map(|route| route.canary.failed()).sum();
    assert_eq!(listed, 20_000, "nothing is lost, only added up");
    assert!(serde_json::to_string(&world.judge).unwrap().len() < 400_000);
}

#[test]
fn reports_of_another_service_or_revision_say_nothing() {
    let mut world = World::new(33, vec![error_limit(0.01)], 0.0, 0.0);
    let before = world.judge.judge();
    let mut report = EdgeReport::default();
    world.add(&mut report, 7, "GET /", true, 1);
    world.add(&mut report, 2, "GET /", true, 1);
    report.samples[1].service = staunch_model::ServiceName::try_from("other".to_owned()).unwrap();
    report.failures[1].service = report.samples[1].service.clone();
    world.take(&report);
    assert_eq!(world.judge.judge(), before);
    assert!(world.judge.failures().is_empty());
}

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 0_u64..30, 1 => Just(1_000_000_000_000)]
}

fn a_sample() -> impl Strategy<Value = Sample> {
    let latency = prop::collection::btree_map(any::<u16>(), count(), 0..6);
    let split = (0_u64..6, 0_u16..=10_000, any::<bool>(), any::<Option<bool>>());
    (1_u8..4, split, [count(), count(), count(), count()], latency).prop_map(
        |(id, (generation, weight, warming, twin), [assigned, ok, error, timeout], latency): (
            _,
            _,
            _,
            BTreeMap<u16, u64>,
        )| Sample {
            service: service(),
            revision: revision(id).digest,
            generation: SplitGeneration(generation),
            weight: Weight::try_from(weight).unwrap(),
            route: format!("GET /{generation}"),
            warming,
            twin,
            chosen: id == 2 && generation % 3 == 0,
            outcomes: Outcomes { assigned, ok, server_error: error, timeout, ..Outcomes::default() },
            // The scale ends at its last bucket.
            latency: Histogram(latency.into_iter().filter(|(bucket, _)| *bucket < 736).collect()),
        },
    )
}

fn a_report() -> impl Strategy<Value = (EdgeReport, i64)> {
    let failures = prop::collection::vec((1_u8..4, 0_u64..6, 0_u64..5, any::<(bool, Option<bool>)>()), 0..8);
    (prop::collection::vec(a_sample(), 0..6), failures, -100_000_i64..200_000).prop_map(
        |(samples, failures, passes)| {
            let failures = failures.into_iter().map(|(id, split, client, (warming, twin))| Failure {
                warming,
                twin,
                ..failure(id, "GET /", SplitGeneration(split), client, 5)
            });
            (EdgeReport { samples, failures: failures.collect(), ..EdgeReport::default() }, passes)
        },
    )
}

fn any_gate() -> impl Strategy<Value = GateSpec> {
    let share = prop_oneof![Just(0.0), Just(1.0), 0.0..1.0_f64];
    prop_oneof![
        share.clone().prop_map(error_limit),
        share.clone().prop_map(error_margin),
        share.clone().prop_map(|margin| latency_margin(Metric::LatencyP99, margin)),
        (0_u64..2_000).prop_map(|millis| latency_limit(Metric::LatencyP50, millis)),
        share.prop_map(|max| GateSpec {
            metric: Metric::LatencyP95,
            limit: GateLimit::MaxRatio { max },
            no_data: NoData::Hold
        }),
    ]
}

/// Chart, text and verdict cannot disagree: the bound reaches what is allowed exactly when the test decides.
fn assert_bounds_decide(gate: &GateReading) {
    let Some(bounds) = gate.bounds else { return };
    let harmful = bounds.least.is_some_and(|least| least >= bounds.least_allowed);
    let harmless = bounds.most.is_some_and(|most| most <= bounds.most_allowed);
    assert_eq!(harmful, gate.log_e_harm >= gate.harm_limit, "{gate:?}");
    assert_eq!(harmless, gate.log_e_pass >= gate.pass_limit, "{gate:?}");
    assert!(gate.verdict.outcome != Outcome::Pass || harmless || gate.no_data == NoData::Continue);
}

fn assert_sane(judgement: &Judgement) {
    assert!((0.0..=100.0).contains(&judgement.confidence), "{judgement:?}");
    for gate in &judgement.gates {
        let numbers = [gate.log_e_harm, gate.log_e_pass, gate.harm_limit, gate.pass_limit];
        assert!(numbers.iter().all(|number| number.is_finite()), "{gate:?}");
        for band in gate.canary.iter().chain(&gate.stable) {
            assert!(band.low <= band.estimate && band.estimate <= band.high, "{band:?}");
        }
        assert_bounds_decide(gate);
        assert!(!gate.verdict.because.is_empty() && !gate.verdict.because.contains("NaN"), "{gate:?}");
    }
    assert!(judgement.failed().is_none_or(|(_, because)| !because.is_empty()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_reported_the_judgement_is_made_of_numbers(
        gates in prop::collection::vec(any_gate(), 0..4),
        reports in prop::collection::vec(a_report(), 1..12),
        sticky in any::<bool>(),
        has_stable in any::<bool>(),
    ) {
        let mut spec = spec(gates);
        spec.from = spec.from.filter(|_| has_stable);
        let mut judge = Hearing::new(&spec, sticky);
        let mut at = Timestamp(0);
        for (split, (report, passes)) in (0..).zip(&reports) {
            if split % 3 == 0 {
                judge.enter_split(SplitGeneration(split), Weight::try_from(split as u16 * 800).unwrap());
            }
            at = Timestamp(at.0 + passes);
            judge.observe(report, at, split % 2 == 0);
            let judgement = judge.judge();
            assert_sane(&judgement);
            let standing = judge.judge_itself().standing();
            prop_assert_eq!(standing.failed, judgement.failed().is_some());
            prop_assert_eq!(standing.passed, judgement.passed(judgement.under));
            prop_assert_eq!(standing.found, !judgement.findings.is_empty());
        }
        let text = serde_json::to_string(&judge).unwrap();
        prop_assert!(serde_json::from_str::<Hearing>(&text).is_ok());
    }
}
