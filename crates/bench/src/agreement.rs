//! Whether rollouts that were carried out went as the simulation says: outcomes, and how their times and costs are
//! spread, from the journal and from what `staunch simulate --output json` printed.

use std::collections::BTreeMap;
use std::error::Error;

use serde_json::{Value, json};

use crate::args::Args;
use crate::latency::quantile;
use crate::{Outcome, report};

/// The two-sided 95 % and 99 % points of the normal law.
const Z95: f64 = 1.96;
const Z99: f64 = 2.576;

/// One rollout, in seconds since its first user.
#[derive(Debug, Default, Clone, PartialEq)]
struct Rollout {
    /// When a part of the traffic was first routed to the canary, in seconds of the day.
    first: Option<f64>,
    full: Option<f64>,
    /// Taken back by evidence.
    blamed: Option<f64>,
    /// The canary's failures and all its requests that count.
    failed: f64,
    judged: f64,
}

/// An interval.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Range {
    low: f64,
    high: f64,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let rollouts = rollouts(&std::fs::read_to_string(args.text("journal")?)?, args.text("services")?)?;
    let simulated: Value = serde_json::from_str(&std::fs::read_to_string(args.text("simulated")?)?)?;
    report(&figure(args.text("figure")?, &rollouts, &simulated["summary"])?)
}

/// One figure, measured and simulated, by the simulation's name for it.
fn figure(name: &str, rollouts: &[Rollout], simulated: &Value) -> Result<Value, Box<dyn Error>> {
    let errors = number(&simulated["world"], "errors")?;
    let expected = &simulated[name];
    let of = rollouts.len();
    match name {
        "false-rollbacks" => {
            share(rollouts.iter().filter_map(|rollout| rollout.blamed).count(), of, expected)
        }
        "missed" => share(rollouts.iter().filter(|rollout| rollout.blamed.is_none()).count(), of, expected),
        "full-secs" => spread(rollouts.iter().filter_map(|rollout| rollout.full), expected),
        "delay-secs" => spread(rollouts.iter().filter_map(|rollout| rollout.blamed), expected),
        "excess-failures" => {
            spread(rollouts.iter().map(|rollout| rollout.failed - errors * rollout.judged), expected)
        }
        _ => Err(format!("--figure {name}: not known").into()),
    }
}

/// The rollouts of services whose names begin so, as far as users saw them.
fn rollouts(journal: &str, services: &str) -> Result<Vec<Rollout>, Box<dyn Error>> {
    let mut rollouts: BTreeMap<u64, Rollout> = BTreeMap::new();
    for line in journal.lines() {
        let entry: Value = serde_json::from_str(line)?;
        let Some(number) = entry["rollout"].as_u64() else { continue };
        if entry["service"].as_str().is_some_and(|service| service.starts_with(services)) {
            let at = second_of_day(entry["at"].as_str().unwrap_or_default())?;
            rollouts.entry(number).or_default().hear(at, &entry["body"]);
        }
    }
    Ok(rollouts.into_values().filter(|rollout| rollout.first.is_some()).collect())
}

impl Rollout {
    fn hear(&mut self, at: f64, body: &Value) {
        let since = self.first.map(|first| since(first, at));
        match body["event"].as_str() {
            Some("traffic-shifted") => {
                let is_canary = body["weight"].as_u64().is_some_and(|weight| weight > 0 && weight < 10_000);
                self.first = self.first.or_else(|| is_canary.then_some(at));
            }
            Some("bake-started" | "succeeded") => self.full = self.full.or(since),
            Some("rollback-started") if matches!(body["cause"]["cause"].as_str(), Some("harm" | "gate")) => {
                self.blamed = since;
            }
            Some("evidence-captured") => self.count(&body["bundle"]["canary"]),
            _ => {}
        }
    }

    fn count(&mut self, canary: &Value) {
        let sum = |names: &[&str]| names.iter().filter_map(|name| canary[name].as_f64()).sum::<f64>();
        self.failed = sum(&["server_error", "connect_error", "reset", "timeout"]);
        self.judged = self.failed + sum(&["ok", "client_error"]);
    }
}

/// `…THH:MM:SS.mmmZ`
fn second_of_day(text: &str) -> Result<f64, Box<dyn Error>> {
    let clock =
        text.split_once('T').and_then(|(_, clock)| clock.strip_suffix('Z')).ok_or("no time in UTC")?;
    let parts = clock.split(':').map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    let [hours, minutes, seconds] = parts[..] else { return Err(format!("{text}: no time").into()) };
    Ok(hours * 3_600.0 + minutes * 60.0 + seconds)
}

/// Seconds from one time of the day to another that is less than a day later.
fn since(from: f64, to: f64) -> f64 {
    (to - from).rem_euclid(86_400.0)
}

/// So many of so many with Wilson's 95 % interval, beside the simulated share and its interval.
fn share(count: usize, of: usize, simulated: &Value) -> Result<Value, Box<dyn Error>> {
    let measured = wilson(count, of);
    let expected = range(simulated, "low", "high")?;
    Ok(json!({
        "count": count, "of": of, "low": measured.low, "high": measured.high,
        "simulated": number(simulated, "count")? / number(simulated, "of")?,
        "simulated_low": expected.low, "simulated_high": expected.high,
        "agrees": measured.meets(expected),
    }))
}

/// The measured values beside the simulated ones. They agree when the 99 % interval of the measured median and the 95 %
/// interval of the simulated one have a point in common.
fn spread(measured: impl Iterator<Item = f64>, simulated: &Value) -> Result<Value, Box<dyn Error>> {
    let mut values: Vec<f64> = measured.collect();
    values.sort_by(f64::total_cmp);
    let at = |q| quantile(&values, q).copied().ok_or("nothing was measured");
    let (median, expected) = (median(&values), range(simulated, "median-low", "median-high")?);
    Ok(json!({
        "of": values.len(), "median": at(0.5)?, "median_low": median.low, "median_high": median.high,
        "p5": at(0.05)?, "p95": at(0.95)?, "mean": values.iter().sum::<f64>() / count(values.len()),
        "simulated_median": number(simulated, "median")?, "simulated_mean": number(simulated, "mean")?,
        "simulated_p95": number(simulated, "p95")?,
        "agrees": median.meets(expected),
    }))
}

fn number(value: &Value, name: &str) -> Result<f64, String> {
    value[name].as_f64().ok_or_else(|| format!("the simulation has no {name} in {value}"))
}

fn range(value: &Value, low: &str, high: &str) -> Result<Range, String> {
    Ok(Range { low: number(value, low)?, high: number(value, high)? })
}

impl Range {
    fn meets(self, other: Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

#[expect(clippy::cast_precision_loss)]
fn count(number: usize) -> f64 {
    number as f64
}

/// Wilson's interval (1927); all of 0 to 1 without a trial.
fn wilson(hits: usize, of: usize) -> Range {
    if of == 0 {
        return Range { low: 0.0, high: 1.0 };
    }
    let (n, p) = (count(of), count(hits) / count(of));
    let scale = 1.0 + Z95 * Z95 / n;
    let middle = (p + Z95 * Z95 / (2.0 * n)) / scale;
    let half = Z95 * (p * (1.0 - p) / n + Z95 * Z95 / (4.0 * n * n)).sqrt() / scale;
    Range { low: (middle - half).max(0.0), high: (middle + half).min(1.0) }
}

/// Between which of the sorted values the median lies: binomial ranks, normal approximation. A side on which there are
/// too few values to tell has no end.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn median(sorted: &[f64]) -> Range {
    let n = count(sorted.len());
    let (middle, half) = (n / 2.0, Z99 * n.sqrt() / 2.0);
    let below = (middle - half).floor();
    let low = if below < 0.0 { None } else { sorted.get(below as usize) };
    let high = sorted.get((middle + half).ceil() as usize);
    Range { low: low.copied().unwrap_or(f64::NEG_INFINITY), high: high.copied().unwrap_or(f64::INFINITY) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOURNAL: &str = r#"
{"service":"a-1","rollout":1,"at":"2026-01-01T00:00:00.000Z","body":{"event":"traffic-shifted","weight":10000}}
{"service":"a-1","rollout":2,"at":"2026-01-01T23:59:59.500Z","body":{"event":"traffic-shifted","weight":500}}
{"service":"b-1","rollout":3,"at":"2026-01-01T23:59:59.600Z","body":{"event":"traffic-shifted","weight":500}}
{"service":"a-1","rollout":2,"at":"2026-01-02T00:00:01.000Z","body":{"event":"traffic-shifted","weight":2500}}
{"service":"a-1","rollout":2,"at":"2026-01-02T00:00:02.000Z","body":{"event":"rollback-started","cause":{"cause":"harm"}}}
{"service":"a-1","rollout":2,"at":"2026-01-02T00:00:02.100Z","body":{"event":"evidence-captured","bundle":{"canary":{"ok":40,"server_error":5,"reset":1,"client_error":4,"client_gone":9}}}}
{"service":"b-1","rollout":3,"at":"2026-01-02T00:00:09.600Z","body":{"event":"bake-started"}}
{"service":"b-1","rollout":3,"at":"2026-01-02T00:00:12.600Z","body":{"event":"succeeded"}}"#;

    #[test]
    fn rollouts_are_read_from_the_journal() {
        let of = |services| rollouts(JOURNAL.trim(), services).unwrap();
        let [back] = &of("a-")[..] else { panic!("the first deploy of a service has no canary") };
        assert_eq!((back.blamed, back.full, back.failed, back.judged), (Some(2.5), None, 6.0, 50.0));
        let [full] = &of("b-")[..] else { panic!("one") };
        assert_eq!((full.blamed, full.full), (None, Some(10.0)));
    }

    #[test]
    fn a_person_who_aborts_blames_nobody() {
        let mut rollout = Rollout { first: Some(1.0), ..Rollout::default() };
        rollout.hear(2.0, &json!({ "event": "rollback-started", "cause": { "cause": "aborted" } }));
        assert_eq!(rollout.blamed, None);
    }

    #[test]
    fn shares_agree_when_their_intervals_meet() {
        let simulated = json!({ "count": 10, "of": 2_000, "low": 0.0027, "high": 0.0092 });
        let agrees = |count, of| share(count, of, &simulated).unwrap()["agrees"].as_bool().unwrap();
        assert!(agrees(0, 60) && agrees(1, 60));
        assert!(!agrees(5, 60));
    }

    #[test]
    fn medians_agree_when_chance_explains_the_difference() {
        let simulated =
            json!({ "median": 50.0, "median-low": 49.0, "median-high": 51.0, "p95": 95.0, "mean": 50.0 });
        let agrees = |shift: f64| {
            let values = (1..=100).map(|value| f64::from(value) + shift);
            spread(values, &simulated).unwrap()["agrees"].as_bool().unwrap()
        };
        assert!(agrees(0.0) && agrees(10.0) && agrees(-10.0));
        assert!(!agrees(16.0) && !agrees(-16.0));
        assert!(spread(std::iter::empty(), &simulated).is_err());
    }

    #[test]
    fn a_few_values_tell_nothing_of_a_median() {
        assert_eq!(median(&[1.0, 2.0, 3.0]), Range { low: f64::NEG_INFINITY, high: f64::INFINITY });
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(median(&hundred), Range { low: 38.0, high: 64.0 });
    }
}
