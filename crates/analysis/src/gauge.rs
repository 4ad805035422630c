//! A gate on a value that is read from time to time: both sides of its question, and how it reads.

use serde::{Deserialize, Serialize};
use staunch_evidence::{Exposure, MeanDifference, MeanSide, MeanTest, RateSide, Throughput};
use staunch_model::{GaugeLimit, GaugeReading, GaugeSource, GaugeSpec, human_duration};

use crate::severity::{Severity, severity};
use crate::verdict::{GateReading, Outcome, Verdict};
use crate::words;

/// Values beyond this many times the limit count as this many: the mean of the rest decides.
const CLIPPED_AT: f64 = 2.0;
/// Differences of less than this part make no value certain, however quiet it is.
const FLOOR: f64 = 0.02;
/// Below this a value has no logarithm that means anything.
const LEAST: f64 = 1e-9;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Gauge {
    pub(crate) spec: GaugeSpec,
    harm: Test,
    pass: Test,
    /// Whether stable breaks the limit too.
    witness: Option<Test>,
    /// Of the present split: how many were read, and their sums.
    seen: u64,
    canary: f64,
    stable: (u64, f64),
    last: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Test {
    Mean(MeanTest),
    /// Of logarithms: a margin is a ratio.
    Ratio(MeanDifference),
    /// Of counts per time, with the part of the canary's time that it must fill.
    Rate(Throughput, f64),
    /// The last value speaks for itself.
    Level,
    /// So many in a row speak, and nothing else does.
    Row(Row),
}

/// How many bad readings came last, one after the other, and how many good ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Row {
    bad: u32,
    good: u32,
}

impl Row {
    fn observe(&mut self, value: f64) {
        let bad = value >= 0.5;
        self.bad = if bad { self.bad.saturating_add(1) } else { 0 };
        self.good = if bad { 0 } else { self.good.saturating_add(1) };
    }
}

impl Test {
    fn log_e(&self) -> f64 {
        match self {
            Self::Mean(test) => test.log_e(),
            Self::Ratio(test) => test.log_e(),
            Self::Rate(test, _) => test.log_e(),
            Self::Level | Self::Row(_) => 0.0,
        }
    }
}

fn harm_of(spec: &GaugeSpec) -> Test {
    let mean = |side, limit: f64| Test::Mean(MeanTest::new(side, limit, CLIPPED_AT * limit));
    match (&spec.source, spec.limit) {
        (_, GaugeLimit::InARow { .. }) => Test::Row(Row::default()),
        (GaugeSource::Healthy, _) => Test::Level,
        (_, GaugeLimit::Max { max }) => mean(MeanSide::Above, max),
        (_, GaugeLimit::Min { min }) => mean(MeanSide::Below, min),
        (_, GaugeLimit::VsStable { margin }) => Test::Ratio(MeanDifference::new(libm::log1p(margin), FLOOR)),
        (_, GaugeLimit::BelowStable { margin }) => {
            Test::Rate(Throughput::new(RateSide::Lower, 1.0), 1.0 - margin)
        }
    }
}

fn pass_of(spec: &GaugeSpec) -> Test {
    let mean = |side, limit: f64| Test::Mean(MeanTest::new(side, limit, CLIPPED_AT * limit));
    match (&spec.source, spec.limit) {
        (_, GaugeLimit::InARow { .. }) => Test::Row(Row::default()),
        (GaugeSource::Healthy, _) => Test::Level,
        (_, GaugeLimit::Max { max }) => mean(MeanSide::Below, max),
        (_, GaugeLimit::Min { min }) => mean(MeanSide::Above, min),
        (_, GaugeLimit::VsStable { margin }) => Test::Ratio(MeanDifference::new(-libm::log1p(margin), FLOOR)),
        (_, GaugeLimit::BelowStable { margin }) => {
            Test::Rate(Throughput::new(RateSide::Higher, 1.0), 1.0 - margin)
        }
    }
}

impl Gauge {
    pub(crate) fn new(spec: &GaugeSpec) -> Self {
        let compares = matches!(spec.limit, GaugeLimit::VsStable { .. } | GaugeLimit::BelowStable { .. });
        Self {
            spec: spec.clone(),
            harm: harm_of(spec),
            pass: pass_of(spec),
            witness: (!compares).then(|| harm_of(spec)),
            seen: 0,
            canary: 0.0,
            stable: (0, 0.0),
            last: None,
        }
    }

    /// What was shown for a pass under another split is void.
    pub(crate) fn enter_split(&mut self) {
        self.pass = pass_of(&self.spec);
        (self.seen, self.canary, self.stable, self.last) = (0, 0.0, (0, 0.0), None);
    }

    /// Fresh mass, for a fault that begins late.
    pub(crate) fn tick(&mut self) {
        for test in [Some(&mut self.harm), self.witness.as_mut()].into_iter().flatten() {
            match test {
                Test::Mean(test) => test.restart(),
                Test::Rate(test, _) => test.restart(),
                Test::Ratio(_) | Test::Level | Test::Row(_) => {}
            }
        }
    }

    /// Values that are no finite number are not read.
    pub(crate) fn observe(&mut self, reading: &GaugeReading) {
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        let (canary, stable) = (finite(reading.canary), finite(reading.stable));
        if self.is_level() {
            // What was before is no part of what speaks.
            (self.seen, self.canary, self.stable) = (0, 0.0, (0, 0.0));
        }
        self.count_row(canary, stable);
        if let Some(stable) = stable {
            self.stable = (self.stable.0 + 1, self.stable.1 + stable);
            if let Some(Test::Mean(test)) = &mut self.witness {
                test.observe(stable);
            }
        }
        let Some(canary) = canary else { return };
        (self.seen, self.canary, self.last) = (self.seen + 1, self.canary + canary, Some(canary));
        for test in [&mut self.harm, &mut self.pass] {
            if let Test::Mean(test) = test {
                test.observe(canary);
            }
        }
        if let Some(stable) = stable {
            self.count(reading, canary, stable);
            let [canary, stable] = [canary, stable].map(|value| libm::log(value.max(LEAST)));
            if let Test::Ratio(test) = &mut self.harm {
                test.observe(canary, stable);
            }
            if let Test::Ratio(test) = &mut self.pass {
                test.observe(stable, canary);
            }
        }
    }

    /// Rates are counts again here: that is what is certain about them.
    fn count(&mut self, reading: &GaugeReading, canary: f64, stable: f64) {
        let Some((canary_secs, stable_secs)) = reading.exposed else { return };
        let events = |rate: f64, secs: f64| libm::round(rate * secs) as u64;
        for test in [&mut self.harm, &mut self.pass] {
            let Test::Rate(test, part) = test else { continue };
            let of_canary =
                Exposure { events: events(canary, canary_secs), instance_secs: *part * canary_secs };
            let of_stable = Exposure { events: events(stable, stable_secs), instance_secs: stable_secs };
            test.observe(of_canary, of_stable);
        }
    }

    fn count_row(&mut self, canary: Option<f64>, stable: Option<f64>) {
        for test in [&mut self.harm, &mut self.pass] {
            if let (Test::Row(row), Some(value)) = (test, canary) {
                row.observe(value);
            }
        }
        if let Some(Test::Row(row)) = &mut self.witness {
            // What stable said long ago is no excuse.
            match stable {
                Some(value) => row.observe(value),
                None => *row = Row::default(),
            }
        }
    }

    fn is_level(&self) -> bool {
        matches!(self.pass, Test::Level)
    }

    fn times(&self) -> Option<u32> {
        match self.spec.limit {
            GaugeLimit::InARow { times } => Some(times),
            GaugeLimit::Max { .. }
            | GaugeLimit::Min { .. }
            | GaugeLimit::VsStable { .. }
            | GaugeLimit::BelowStable { .. } => None,
        }
    }

    /// A rule of the file: it decides by itself, and is no part of an average.
    pub(crate) fn is_rule(&self) -> bool {
        self.times().is_some()
    }

    fn bad_enough(&self, test: &Test) -> bool {
        matches!((test, self.times()), (Test::Row(row), Some(times)) if row.bad >= times)
    }

    /// The rule is broken by the canary alone.
    pub(crate) fn breaks_rule(&self) -> bool {
        self.bad_enough(&self.harm) && !self.witness.as_ref().is_some_and(|witness| self.bad_enough(witness))
    }

    pub(crate) fn log_e_harm(&self) -> f64 {
        self.harm.log_e()
    }

    /// Evidence that may be held against the canary: none while stable breaks the limit too.
    pub(crate) fn blame(&self, harm_limit: f64) -> f64 {
        if self.both_bad(harm_limit) { f64::NEG_INFINITY } else { self.log_e_harm() }
    }

    pub(crate) fn both_bad(&self, harm_limit: f64) -> bool {
        let broken = |witness: &Test| {
            if self.is_rule() {
                self.bad_enough(&self.harm) && self.bad_enough(witness)
            } else {
                witness.log_e() >= harm_limit
            }
        };
        self.witness.as_ref().is_some_and(broken)
    }

    pub(crate) fn outcome(&self, pass_limit: f64, harm_limit: f64) -> Outcome {
        let Some(last) = self.last else { return Outcome::NoData };
        let shown = match &self.pass {
            Test::Level => self.allows(last),
            Test::Row(row) => self.times().is_some_and(|times| row.good >= times),
            Test::Mean(_) | Test::Ratio(_) | Test::Rate(..) => {
                self.pass.log_e() >= pass_limit && !self.both_bad(harm_limit)
            }
        };
        if shown { Outcome::Pass } else { Outcome::Undecided }
    }

    fn allows(&self, value: f64) -> bool {
        match self.spec.limit {
            GaugeLimit::Max { max } => value <= max,
            GaugeLimit::Min { min } => value >= min,
            GaugeLimit::VsStable { .. } | GaugeLimit::BelowStable { .. } => true,
            GaugeLimit::InARow { .. } => value < 0.5,
        }
    }

    pub(crate) fn reading(&self, at: Levels, fail: Option<&str>) -> GateReading {
        let outcome = if fail.is_some() { Outcome::Fail } else { self.outcome(at.pass, at.harm) };
        let because = fail.map_or_else(|| self.because(outcome, at.harm), str::to_owned);
        let effect = self.effect().and_then(|effect| severity(effect, self.log_e_harm() / at.harm));
        GateReading {
            gate: self.spec.name.clone(),
            verdict: Verdict { outcome, because, under: at.under },
            no_data: self.spec.no_data,
            canary: None,
            stable: None,
            bounds: None,
            limit: self.limit_words(),
            allowed: None,
            log_e_harm: self.log_e_harm(),
            log_e_pass: self.pass.log_e(),
            harm_limit: at.harm,
            pass_limit: at.pass,
            severity: if fail.is_some() { Some(Severity::Critical) } else { effect },
            needs: None,
        }
    }

    fn because(&self, outcome: Outcome, harm_limit: f64) -> String {
        let every = human_duration(self.spec.every);
        match outcome {
            Outcome::NoData => {
                format!("nothing was read yet of instances past their warm-up (every {every})")
            }
            Outcome::Pass => format!("{}: shown", self.numbers()),
            Outcome::Undecided | Outcome::Fail if self.both_bad(harm_limit) => {
                format!("{}: stable breaks the limit too", self.numbers())
            }
            Outcome::Undecided | Outcome::Fail => {
                format!("{}: not yet sure, read every {every}", self.numbers())
            }
        }
    }

    /// Means under the present split, and the limit.
    pub(crate) fn numbers(&self) -> String {
        if let (Test::Row(harm), Test::Row(pass), Some(times)) = (&self.harm, &self.pass, self.times()) {
            return row_words(*harm, *pass, times);
        }
        let canary = self.mean().map_or_else(|| "unknown".to_owned(), |mean| self.value_words(mean));
        let stable = match self.stable {
            (0, _) => String::new(),
            (count, sum) => format!(", stable {}", self.value_words(sum / count as f64)),
        };
        let readings = if self.is_level() { String::new() } else { format!(" over {} readings", self.seen) };
        format!("canary {canary}{stable}{readings}, limit {}", self.limit_words())
    }

    fn mean(&self) -> Option<f64> {
        (self.seen > 0).then(|| self.canary / self.seen as f64)
    }

    /// How many times what is allowed was read.
    fn effect(&self) -> Option<f64> {
        let mean = self.mean()?;
        let ratio = match (self.spec.limit, self.stable) {
            (GaugeLimit::Max { max }, _) => mean / max,
            (GaugeLimit::Min { min }, _) => min / mean.max(LEAST),
            (GaugeLimit::VsStable { .. } | GaugeLimit::BelowStable { .. }, (0, _))
            | (GaugeLimit::InARow { .. }, _) => return None,
            (GaugeLimit::BelowStable { margin }, (count, sum)) => {
                (1.0 - margin) * (sum / count as f64) / mean.max(LEAST)
            }
            (GaugeLimit::VsStable { margin }, (count, sum)) => {
                mean / ((1.0 + margin) * (sum / count as f64).max(LEAST))
            }
        };
        ratio.is_finite().then_some(ratio)
    }

    pub(crate) fn limit_words(&self) -> String {
        match self.spec.limit {
            GaugeLimit::Max { max } => format!("at most {}", self.value_words(max)),
            GaugeLimit::Min { min } => format!("at least {}", self.value_words(min)),
            GaugeLimit::VsStable { margin } => format!("stable + {}", words::exact_percent(margin)),
            GaugeLimit::BelowStable { margin } => format!("stable - {}", words::exact_percent(margin)),
            GaugeLimit::InARow { times } => format!("not {times} bad in a row"),
        }
    }

    fn value_words(&self, value: f64) -> String {
        match self.spec.source {
            GaugeSource::Cpu | GaugeSource::Healthy => words::percent(value),
            GaugeSource::Memory => format!("{:.0} MB", value / 1e6),
            GaugeSource::Throughput => format!("{value:.1} requests/s"),
            GaugeSource::Check { .. } => format!("{} bad", words::percent(value)),
            GaugeSource::Command { .. } => {
                let text = format!("{value:.3}");
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
        }
    }
}

fn row_words(harm: Row, pass: Row, times: u32) -> String {
    match harm.bad {
        0 => format!("good {} times in a row, {times} are a pass", pass.good),
        bad => format!("bad {bad} times in a row, {times} are a failure"),
    }
}

/// Where a gauge's evidence decides, and under which split.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Levels {
    pub(crate) harm: f64,
    pub(crate) pass: f64,
    pub(crate) under: staunch_model::SplitGeneration,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use staunch_model::NoData;

    use super::*;

    const PASS: f64 = 3.0;
    const HARM: f64 = 4.6;

    fn gauge(source: GaugeSource, limit: GaugeLimit) -> Gauge {
        let every = Duration::from_secs(3);
        Gauge::new(&GaugeSpec { name: "g".to_owned(), source, limit, every, no_data: NoData::Hold })
    }

    fn read(gauge: &mut Gauge, canary: f64, stable: f64, times: usize) {
        for at in 0..times {
            // A little unrest: a twentieth up and down.
            let unrest =
                |value: f64, phase: usize| value * (1.0 + 0.05 * f64::from((at + phase) as u32 % 3) - 0.05);
            let [canary, stable] = [Some(unrest(canary, 0)), Some(unrest(stable, 1))];
            gauge.observe(&GaugeReading { gauge: "g".to_owned(), canary, stable, exposed: None });
        }
    }

    #[test]
    fn each_limit_is_shown_to_hold_and_to_break() {
        let ratio = GaugeLimit::VsStable { margin: 0.2 };
        let cases = [
            (GaugeSource::Cpu, GaugeLimit::Max { max: 0.8 }, 0.3, 2.0),
            (GaugeSource::Command { words: vec![] }, GaugeLimit::Min { min: 100.0 }, 200.0, 20.0),
            (GaugeSource::Memory, ratio, 1e8, 2e8),
        ];
        for (source, limit, good, bad) in cases {
            let mut well = gauge(source.clone(), limit);
            read(&mut well, good, 1e8_f64.min(good), 40);
            assert_eq!(well.outcome(PASS, HARM), Outcome::Pass, "{source:?} {}", well.numbers());
            assert!(well.log_e_harm() < 1.0);
            let mut ill = gauge(source.clone(), limit);
            read(&mut ill, bad, 1e8_f64.min(good), 60);
            assert!(ill.blame(HARM) >= HARM, "{source:?} {} {}", ill.numbers(), ill.log_e_harm());
            assert_eq!(ill.outcome(PASS, HARM), Outcome::Undecided);
        }
    }

    #[test]
    fn what_stable_breaks_too_is_nobodys_fault() {
        let mut both = gauge(GaugeSource::Cpu, GaugeLimit::Max { max: 0.5 });
        read(&mut both, 1.5, 1.5, 60);
        assert!(both.both_bad(HARM) && both.blame(HARM) == f64::NEG_INFINITY);
        assert!(both.because(Outcome::Undecided, HARM).contains("stable breaks the limit too"));
    }

    #[test]
    fn a_pass_is_void_under_another_split_and_silence_is_no_pass() {
        let mut one = gauge(GaugeSource::Cpu, GaugeLimit::Max { max: 0.8 });
        assert_eq!(one.outcome(PASS, HARM), Outcome::NoData);
        read(&mut one, 0.2, 0.2, 40);
        one.enter_split();
        assert_eq!(one.outcome(PASS, HARM), Outcome::NoData);
        one.observe(&GaugeReading {
            gauge: "g".to_owned(),
            canary: Some(f64::NAN),
            stable: None,
            exposed: None,
        });
        assert_eq!(one.outcome(PASS, HARM), Outcome::NoData);
    }

    #[test]
    fn health_is_what_it_was_last() {
        let mut one = gauge(GaugeSource::Healthy, GaugeLimit::Min { min: 0.8 });
        read(&mut one, 0.5, 1.0, 1);
        assert_eq!(one.outcome(PASS, HARM), Outcome::Undecided);
        one.observe(&GaugeReading { gauge: "g".to_owned(), canary: Some(1.0), stable: None, exposed: None });
        assert_eq!(one.outcome(PASS, HARM), Outcome::Pass);
        assert_eq!(one.log_e_harm(), 0.0);
    }

    /// A tenth of the traffic, 20 requests answered per second by all, for so many seconds.
    fn answered(gauge: &mut Gauge, canary_part: f64, seconds: usize) {
        for at in 0..seconds {
            let canary = canary_part * 20.0 * if at % 2 == 0 { 1.5 } else { 0.5 };
            let exposed = Some((1.0, 9.0));
            let (canary, stable) = (Some(canary), Some(20.0));
            gauge.observe(&GaugeReading { gauge: "g".to_owned(), canary, stable, exposed });
        }
    }

    #[test]
    fn throughput_is_compared_as_counts_for_the_share_that_each_had() {
        let limit = GaugeLimit::BelowStable { margin: 0.2 };
        let new = || gauge(GaugeSource::Throughput, limit);
        let mut alike = new();
        answered(&mut alike, 1.0, 120);
        assert_eq!(alike.outcome(PASS, HARM), Outcome::Pass, "{}", alike.numbers());
        assert!(alike.blame(HARM) < 1.0);
        let mut allowed = new();
        answered(&mut allowed, 0.8, 600);
        assert!(allowed.blame(HARM) < 1.0 && allowed.outcome(PASS, HARM) == Outcome::Undecided);
        let mut half = new();
        answered(&mut half, 0.5, 60);
        assert!(half.blame(HARM) >= HARM, "{} {}", half.numbers(), half.log_e_harm());
        assert_eq!(half.limit_words(), "stable - 20 %");
        assert!(half.effect().is_some_and(|effect| effect > 1.5));
    }

    #[test]
    fn throughput_without_time_says_nothing() {
        let mut one = gauge(GaugeSource::Throughput, GaugeLimit::BelowStable { margin: 0.2 });
        for exposed in [None, Some((0.0, 1.0)), Some((f64::NAN, 1.0)), Some((1.0, f64::INFINITY))] {
            one.observe(&GaugeReading {
                gauge: "g".to_owned(),
                canary: Some(0.0),
                stable: Some(1e12),
                exposed,
            });
        }
        assert_eq!(one.log_e_harm(), 0.0);
    }
}
