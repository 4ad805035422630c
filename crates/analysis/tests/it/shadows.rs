//! The verdict on a shadow, from the counts that an edge hands over.

use std::time::Duration;

use staunch_analysis::{Hearing, Outcome, ShadowReading};
use staunch_model::{
    EdgeReport, MirrorSpec, ShadowCounts, ShadowExample, ShadowSample, ShadowSpec, ShadowThen,
    SplitGeneration, Timestamp, Weight,
};

use crate::world::{revision, service, spec};

fn shadow() -> ShadowSpec {
    ShadowSpec {
        mirror: MirrorSpec {
            share: Weight::FULL,
            methods: ["GET".to_owned()].into(),
            headers: vec![],
            ignore: vec![],
            max_body: 1_000,
            concurrency: 8,
        },
        hold: Duration::ZERO,
        requests: 500,
        max_differences: 0.01,
        max_errors: 0.01,
        max_slower: 0.5,
        then: ShadowThen::Canary,
    }
}

fn hearing(shadow: ShadowSpec) -> Hearing {
    let mut spec = spec(vec![]);
    spec.strategy.shadow = Some(shadow);
    Hearing::new(&spec, false)
}

/// Pairs of one report, a fifth of them timed.
fn sample(counts: ShadowCounts, shadow_micros: u32, stable_micros: u32) -> ShadowSample {
    let timed = (0..counts.pairs / 5).map(|_| (Some(shadow_micros), Some(stable_micros)));
    ShadowSample {
        service: service(),
        revision: revision(2).digest,
        generation: SplitGeneration(1),
        timed: timed.collect(),
        volatile: vec!["GET / /id".to_owned()],
        examples: vec![],
        counts,
    }
}

fn report(sample: ShadowSample) -> EdgeReport {
    EdgeReport { shadow: vec![sample], ..EdgeReport::default() }
}

fn clean(pairs: u64) -> ShadowCounts {
    ShadowCounts { pairs, ..ShadowCounts::default() }
}

/// What is said after so many reports of ten pairs.
fn after(reports: u64, shadow: ShadowSpec, each: impl Fn(u64) -> ShadowSample) -> ShadowReading {
    let mut hearing = hearing(shadow);
    for number in 0..reports {
        hearing.observe_shadow(&report(each(number)), Timestamp(100 * number as i64));
    }
    hearing.judge().shadow.unwrap()
}

#[test]
fn no_copy_is_no_data_and_never_a_pass() {
    let reading = hearing(shadow()).judge().shadow.unwrap();
    assert_eq!((reading.outcome, reading.needs), (Outcome::NoData, None));
}

#[test]
fn a_shadow_that_is_no_worse_passes_when_all_is_shown_and_not_before() {
    let good = |reports| after(reports, shadow(), |_| sample(clean(10), 1_000, 1_000));
    let early = good(20);
    assert_eq!(early.outcome, Outcome::Undecided);
    assert!(early.needs.is_some_and(|needs| needs > 0), "{early:?}");
    assert_eq!(good(60).outcome, Outcome::Pass);
}

#[test]
fn as_many_pairs_as_are_asked_for_must_be_there() {
    let many = ShadowSpec { requests: 5_000, ..shadow() };
    let reading = after(60, many, |_| sample(clean(10), 1_000, 1_000));
    assert_eq!((reading.outcome, reading.needs), (Outcome::Undecided, Some(4_400)));
}

#[test]
fn other_answers_are_harm_unless_all_are_tolerated() {
    let differing = |_| sample(ShadowCounts { different: 2, ..clean(10) }, 1_000, 1_000);
    let reading = after(10, shadow(), differing);
    assert_eq!(reading.outcome, Outcome::Fail);
    assert!(reading.because.starts_with("differences: "), "{}", reading.because);
    let tolerated = ShadowSpec { max_differences: 1.0, ..shadow() };
    assert_eq!(after(100, tolerated, differing).outcome, Outcome::Pass);
}

#[test]
fn failures_of_both_sides_alike_blame_nobody() {
    let both = |_| sample(ShadowCounts { shadow_failed: 1, stable_failed: 1, ..clean(10) }, 1_000, 1_000);
    assert_ne!(after(200, shadow(), both).outcome, Outcome::Fail);
    let alone = |_| sample(ShadowCounts { shadow_failed: 1, ..clean(10) }, 1_000, 1_000);
    let reading = after(30, shadow(), alone);
    assert_eq!(reading.outcome, Outcome::Fail);
    assert!(reading.because.starts_with("errors: "), "{}", reading.because);
}

#[test]
fn a_slow_shadow_is_found_and_one_within_the_margin_passes() {
    let slow = after(40, shadow(), |_| sample(clean(10), 1_600, 1_000));
    assert_eq!(slow.outcome, Outcome::Fail);
    assert!(slow.because.starts_with("latency: "), "{}", slow.because);
    assert_eq!(after(60, shadow(), |_| sample(clean(10), 1_400, 1_000)).outcome, Outcome::Pass);
}

#[test]
fn another_revisions_copies_are_not_heard() {
    let other = |_| ShadowSample { revision: revision(3).digest, ..sample(clean(10), 1_000, 1_000) };
    assert_eq!(after(60, shadow(), other).outcome, Outcome::NoData);
}

#[test]
fn a_verdict_stands_and_what_is_kept_is_bounded() {
    let example = ShadowExample {
        at: Timestamp(0),
        method: "GET".to_owned(),
        path: "/".to_owned(),
        stable: "200".to_owned(),
        shadow: "404".to_owned(),
        differences: vec![],
    };
    let each = |number: u64| ShadowSample {
        examples: vec![example.clone(); 4],
        volatile: vec![format!("GET /{number} /id")],
        ..sample(ShadowCounts { different: if number < 5 { 10 } else { 0 }, ..clean(10) }, 1_000, 1_000)
    };
    let reading = after(5_000, shadow(), each);
    assert_eq!(reading.outcome, Outcome::Fail, "many good answers later");
    assert_eq!((reading.examples.len(), reading.volatile.len()), (10, 64));
}

#[test]
fn a_checkpoint_goes_on_as_if_nothing_had_happened() {
    let mut one = hearing(shadow());
    let turn = |hearing: &mut Hearing, number: i64| {
        let counts = ShadowCounts { different: u64::from(number % 40 == 0), ..clean(10) };
        hearing.observe_shadow(&report(sample(counts, 1_000, 900)), Timestamp(30_000 * number));
    };
    (0..50).for_each(|number| turn(&mut one, number));
    let mut other: Hearing = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
    for hearing in [&mut one, &mut other] {
        (50..100).for_each(|number| turn(hearing, number));
    }
    assert_eq!(one, other);
}
