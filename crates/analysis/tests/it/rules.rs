//! Rules of the file: so many bad answers of a command in a row, whatever the average says.

use std::time::Duration;

use staunch_analysis::{Finding, Hearing, Judgement, Outcome};
use staunch_model::{
    GaugeLimit, GaugeReading, GaugeSource, GaugeSpec, NoData, RollingSpec, SplitGeneration, Timestamp, Weight,
};

use crate::world::spec;

struct Asked {
    hearing: Hearing,
    at: i64,
}

impl Asked {
    /// Three bad ones in a row are a failure.
    fn new() -> Self {
        let mut spec = spec(vec![]);
        spec.strategy.rolling = Some(RollingSpec { max_surge: 1, max_unavailable: 0 });
        spec.gauges = vec![GaugeSpec {
            name: "jobs".to_owned(),
            source: GaugeSource::Check { words: vec!["./ok".to_owned()] },
            limit: GaugeLimit::InARow { times: 3 },
            every: Duration::from_secs(5),
            no_data: NoData::Hold,
        }];
        let mut asked = Self { hearing: Hearing::new(&spec, false), at: 0 };
        asked.enter(1);
        asked
    }

    fn enter(&mut self, generation: u64) {
        self.hearing.enter_split(SplitGeneration(generation), Weight::FULL);
    }

    /// `+` good, `-` bad, `?` nothing said; one answer of the new version after the other, with the old one's.
    fn hears(&mut self, new: &str, old: &str) -> Judgement {
        let value = |said: char| match said {
            '+' => Some(0.0),
            '-' => Some(1.0),
            _ => None,
        };
        for (new, old) in new.chars().zip(old.chars()) {
            self.at += 5_000;
            let reading = GaugeReading {
                gauge: "jobs".to_owned(),
                canary: value(new),
                stable: value(old),
                exposed: None,
            };
            self.hearing.read(vec![reading], Timestamp(self.at));
        }
        self.hearing.judge()
    }
}

fn outcome(judgement: &Judgement) -> Outcome {
    judgement.gates[0].verdict.outcome
}

#[test]
fn so_many_bad_ones_in_a_row_are_a_failure_and_fewer_are_none() {
    let mut asked = Asked::new();
    let judgement = asked.hears("--+--+?--", "+++++++++");
    assert_eq!(outcome(&judgement), Outcome::Undecided);
    let judgement = asked.hears("-", "+");
    assert_eq!(judgement.failed(), Some(("jobs", "bad 3 times in a row, 3 are a failure")));
    // Decided once is decided for good.
    assert_eq!(outcome(&asked.hears("+++++", "+++++")), Outcome::Fail);
}

#[test]
fn as_many_good_ones_in_a_row_pass_and_silence_does_not() {
    let mut asked = Asked::new();
    assert_eq!(outcome(&asked.hears("????", "++++")), Outcome::NoData);
    assert_eq!(outcome(&asked.hears("++-++", "+++++")), Outcome::Undecided);
    let judgement = asked.hears("+", "+");
    assert!(judgement.passed(SplitGeneration(1)), "{judgement:?}");
    asked.enter(2);
    assert_eq!(outcome(&asked.hears("++", "++")), Outcome::Undecided, "a pass is void under another split");
}

#[test]
fn what_the_old_version_does_too_is_nobodys_fault() {
    let mut asked = Asked::new();
    let judgement = asked.hears("-----", "-----");
    assert_eq!(judgement.failed(), None);
    assert!(matches!(judgement.findings[0], Finding::StableIsBadToo { .. }), "{judgement:?}");
    // It is well again, and the new one is not.
    assert!(asked.hears("-", "+").failed().is_some());
}

#[test]
fn a_bad_one_before_the_split_counts_and_a_silent_old_version_excuses_nothing() {
    let mut asked = Asked::new();
    asked.hears("--", "--");
    asked.enter(2);
    assert!(asked.hears("-", "?").failed().is_some());
}
