//! What was written down decides again as it did, and can be asked something else.

use staunch_analysis::{Asked, Hearing, Moment, Question, Record, Replay, Said, replay};
use staunch_model::Metric;

use crate::world::{Version, World, error_limit, error_margin, latency_margin, spec};

/// A rollout of `seconds` with what a recorder writes down.
pub(crate) fn recorded(world: &mut World, question: &Question, seconds: u64) -> Vec<Record> {
    let mut records = vec![asked(question)];
    records.push(Record::Split { at: world.at, generation: world.split, weight: world.weight });
    for turn in 0..seconds * 10 {
        if turn == seconds * 5 {
            world.shift(25.0);
            records.push(Record::Split { at: world.at, generation: world.split, weight: world.weight });
        }
        let report = world.report();
        records.push(Record::Look(world.take(&report)));
        if turn % 10 == 9 {
            records.push(Record::Said(Said::of(world.at, &world.judge.judge())));
        }
    }
    records
}

fn asked(question: &Question) -> Record {
    Record::Asked(Box::new(Asked { question: question.clone(), ..Asked::of(&spec(gates()), false) }))
}

/// Through text, as a file keeps it.
fn written_and_read(records: &[Record]) -> Vec<Record> {
    let line = |record: &Record| serde_json::to_string(record).unwrap();
    records.iter().map(|record| serde_json::from_str(&line(record)).unwrap()).collect()
}

pub(crate) fn gates() -> Vec<staunch_model::GateSpec> {
    vec![error_limit(0.02), error_margin(0.01), latency_margin(Metric::LatencyP95, 0.1)]
}

fn play(records: &[Record], other: Option<&Question>) -> Replay {
    replay(written_and_read(records), other).unwrap()
}

fn failure(replay: &Replay) -> Option<&Moment> {
    replay.moments.iter().find(|moment| matches!(moment, Moment::Failed { .. }))
}

#[test]
fn a_recording_says_the_same_to_the_bit() {
    for (seed, canary) in [(1, 0.004), (2, 0.06), (3, 0.0)] {
        let question = Question::of(&spec(gates()), false);
        let mut world = World::new(seed, gates(), canary, 0.004);
        let records = recorded(&mut world, &question, 40);
        let replay = play(&records, None);
        assert_eq!((replay.difference.clone(), replay.agreed, replay.looks), (None, 40, 400));
        assert_eq!(failure(&replay).is_some(), canary == 0.06, "{replay:?}");
        assert_eq!(replay.recorded.is_some(), canary == 0.06);
    }
}

#[test]
fn a_recording_beside_twins_says_the_same_too() {
    let question = Question::of(&spec(gates()), false);
    let mut world = World::new(4, gates(), 0.02, 0.02);
    world.beside_twins = Some(Version::failing(0.0));
    (world.canary.young, world.stable.young) = (0.5, 0.5);
    let replay = play(&recorded(&mut world, &question, 40), None);
    assert_eq!((replay.difference.clone(), replay.agreed, replay.looks), (None, 40, 400));
}

#[test]
fn a_changed_recording_is_found_at_its_place() {
    let question = Question::of(&spec(gates()), false);
    let mut records = recorded(&mut World::new(5, gates(), 0.004, 0.004), &question, 20);
    let changed = records.iter_mut().filter_map(|record| match record {
        Record::Look(look) => look.splits.values_mut().next(),
        Record::Asked(_)
        | Record::State(_)
        | Record::Compared { .. }
        | Record::Split { .. }
        | Record::Said(_) => None,
    });
    let canary = &mut changed.into_iter().nth(50).unwrap().canary;
    (canary.attempts, canary.failed) = (canary.attempts + 1, canary.failed + 1);
    let replay = play(&records, None);
    assert!(replay.difference.is_some());
    assert!((4..=5).contains(&replay.agreed), "{}", replay.agreed);
}

#[test]
fn a_stricter_gate_would_have_taken_it_back_and_a_wider_one_not() {
    let question = Question::of(&spec(vec![error_limit(0.05)]), false);
    let mut world = World::new(7, vec![error_limit(0.05)], 0.02, 0.02);
    let records = recorded(&mut world, &question, 40);
    assert_eq!(failure(&play(&records, None)), None);
    let strict = Question { gates: vec![error_limit(0.001)], ..question.clone() };
    let replay = play(&records, Some(&strict));
    // Stable breaks that limit too: nobody is blamed, and nothing passes.
    assert_eq!(failure(&replay), None);
    assert!(!replay.moments.iter().any(|moment| matches!(moment, Moment::Passed { .. })));
    let mut bad = World::new(8, vec![error_limit(0.5)], 0.05, 0.0);
    bad.judge = Hearing::new(&spec(vec![error_limit(0.5)]), false);
    bad.judge.enter_split(bad.split, bad.weight);
    let records = recorded(&mut bad, &Question { gates: vec![error_limit(0.5)], ..question.clone() }, 40);
    let replay = play(&records, Some(&question));
    let Some(Moment::Failed { at, .. }) = failure(&replay) else { panic!("{replay:?}") };
    assert!(replay.exact_until <= *at && replay.exact_until <= replay.ended);
}

#[test]
fn what_is_no_recording_is_refused() {
    assert!(replay([], None).is_err());
    let question = Question::of(&spec(gates()), false);
    assert!(replay([asked(&question)], None).is_err());
}
