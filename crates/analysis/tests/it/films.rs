//! A recording as a film: the numbers of a chart are those that decided.

use staunch_analysis::{Question, Record, film};

use crate::replays::{gates, recorded};
use crate::world::{World, spec};

fn rollout(seconds: u64) -> (Vec<Record>, World) {
    let mut world = World::new(1, gates(), 0.01, 0.004);
    let records = recorded(&mut world, &Question::of(&spec(gates()), false), seconds);
    (records, world)
}

#[test]
fn a_film_ends_with_what_the_judge_says() {
    let (records, world) = rollout(40);
    let film = film(records).unwrap();
    let said = world.judge.judge();
    let names: Vec<_> = said.gates.iter().map(|gate| gate.gate.clone()).collect();
    assert_eq!((film.gates, film.frame_ms), (names, 100));
    let last = film.frames.last().unwrap();
    for (shown, decided) in last.gates.iter().zip(&said.gates) {
        assert_eq!((shown.canary, shown.stable), (decided.canary, decided.stable));
        assert_eq!((shown.outcome, shown.allowed), (decided.verdict.outcome, decided.allowed));
        assert!(shown.allowed.is_some(), "{shown:?}");
    }
    assert_eq!((last.at, last.confidence), (world.at, said.confidence));
    assert!(last.weight > film.frames[0].weight, "the second step has more");
}

/// Every attempt of the recording is in exactly one frame.
#[test]
fn a_long_rollout_has_longer_frames_and_loses_nothing() {
    for (seconds, expected) in [(50, 100), (700, 1_600), (2_600, 6_400)] {
        let (records, _) = rollout(seconds);
        let mut attempts = 0;
        for record in &records {
            if let Record::Look(look) = record {
                let of = |split: &staunch_analysis::SplitLook| {
                    split.canary.attempts + split.warming.canary.attempts
                };
                attempts += look.splits.values().map(of).sum::<u64>();
            }
        }
        let film = film(records).unwrap();
        assert!(film.frames.len() <= 600, "{}", film.frames.len());
        assert_eq!(film.frames.iter().map(|frame| frame.canary.attempts).sum::<u64>(), attempts);
        let latencies: u64 = film.frames.iter().map(|frame| frame.canary.latency.count()).sum();
        assert_eq!(latencies, attempts);
        assert!(film.frames.windows(2).all(|pair| pair[0].at < pair[1].at));
        assert_eq!(film.frame_ms, expected);
    }
}

#[test]
fn what_is_no_recording_is_no_film() {
    let (mut records, _) = rollout(2);
    assert_eq!(film(vec![]), None);
    records.remove(0);
    assert_eq!(film(records), None);
}
