//! How fast a rollback is, as the backend saw it: from the request that made the evidence sufficient to the last
//! request that the canary got.
//!
//! No request says of itself that it was the one. But a canary that always fails is found bad after the same number
//! of requests each time, and the journal says how many were known at each rollback: the fewest of all rollbacks is
//! a number that suffices. The backend's log says when the request of that number came.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use serde_json::{Value, json};

use crate::args::Args;
use crate::latency::quantile;
use crate::{Outcome, report};

/// One canary that was taken back: what it got, in microseconds since the epoch, and how many requests were known.
struct Rollback {
    version: String,
    arrivals: Vec<u64>,
    known: usize,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let known = known(&std::fs::read_to_string(args.text("journal")?)?)?;
    let rollbacks: Vec<Rollback> = join(known, &arrivals(Path::new(args.text("logs")?))?);
    let enough =
        rollbacks.iter().map(|rollback| rollback.known).min().ok_or("the journal has no rollback")?;
    let since = |number: usize| times(&rollbacks, number);
    let (sufficient, first) = (since(enough), since(1));
    if sufficient.is_empty() {
        return Err("the logs have no request that the journal tells of".into());
    }
    let slowest = rollbacks.iter().max_by_key(|rollback| rollback.known);
    report(&json!({
        "rollbacks": rollbacks.len(),
        "enough": enough,
        "known_most": slowest.map(|rollback| rollback.known),
        "slowest": slowest.map(|rollback| rollback.version.as_str()),
        "p50_ms": ms(&sufficient, 0.5),
        "p99_ms": ms(&sufficient, 0.99),
        "max_ms": ms(&sufficient, 1.0),
        "from_first_p50_ms": ms(&first, 0.5),
        "from_first_p99_ms": ms(&first, 0.99),
    }))
}

/// From the arrival of the given number to the last one, for each rollback, sorted.
fn times(rollbacks: &[Rollback], number: usize) -> Vec<u64> {
    let mut times: Vec<u64> = rollbacks
        .iter()
        .filter_map(|rollback| {
            let since = rollback.arrivals.get(number - 1)?;
            rollback.arrivals.last().map(|last| last - since)
        })
        .collect();
    times.sort_unstable();
    times
}

#[expect(clippy::cast_precision_loss)]
fn ms(sorted: &[u64], q: f64) -> f64 {
    quantile(sorted, q).map_or(f64::NAN, |micros| *micros as f64 / 1_000.0)
}

fn join(known: BTreeMap<String, usize>, arrivals: &BTreeMap<String, Vec<u64>>) -> Vec<Rollback> {
    let with = |(version, known)| {
        let arrivals = arrivals.get(&version)?.clone();
        Some(Rollback { version, arrivals, known })
    };
    known.into_iter().filter_map(with).collect()
}

/// For each version that was taken back, how many of its requests were known then.
fn known(journal: &str) -> Result<BTreeMap<String, usize>, Box<dyn Error>> {
    let mut versions = BTreeMap::new();
    let mut known = BTreeMap::new();
    for line in journal.lines() {
        let entry: Value = serde_json::from_str(line)?;
        let (rollout, body) = (entry["rollout"].to_string(), &entry["body"]);
        match body["event"].as_str() {
            Some("admitted") => {
                let version = body["spec"]["to"]["label"].as_str().unwrap_or_default().to_owned();
                versions.insert(rollout, version);
            }
            Some("rollback-started") => {
                let because = body["cause"]["because"].as_str().unwrap_or_default();
                let count =
                    judged(because).ok_or_else(|| format!("no count of the canary's requests: {because}"))?;
                let version = versions.get(&rollout).ok_or("a rollback without its beginning")?;
                known.insert(version.clone(), count);
            }
            _ => {}
        }
    }
    Ok(known)
}

/// The number of requests in "… canary 100 % (7 of 7), stable …".
fn judged(because: &str) -> Option<usize> {
    let (_, after) = because.split_once("canary ")?;
    let (counts, _) = after.split_once('(')?.1.split_once(')')?;
    counts.split_once(" of ")?.1.replace([' ', '\u{202f}', '\u{a0}'], "").parse().ok()
}

/// What each version got: the logs are named VERSION.PID, one for each of its processes.
fn arrivals(dir: &Path) -> Result<BTreeMap<String, Vec<u64>>, Box<dyn Error>> {
    let mut all: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for file in std::fs::read_dir(dir)? {
        let file = file?;
        let name = file.file_name().to_string_lossy().into_owned();
        let version = name.split('.').next().unwrap_or_default().to_owned();
        let text = std::fs::read_to_string(file.path())?;
        all.entry(version).or_default().extend(text.lines().filter_map(|line| line.parse::<u64>().ok()));
    }
    all.values_mut().for_each(|times| times.sort_unstable());
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_says_how_many_requests_were_judged() {
        assert_eq!(
            judged("too many fail: canary 100 % (7 of 9), stable 0 % (0 of 233), limit 20 %"),
            Some(9)
        );
        assert_eq!(judged("canary 50 % (600 of 1 200), stable"), Some(1_200));
        assert_eq!(judged("aborted"), None);
    }

    #[test]
    fn the_fewest_known_requests_are_enough_for_all() {
        let journal = [
            r#"{"rollout":2,"body":{"event":"admitted","spec":{"to":{"label":"a"}}}}"#,
            r#"{"rollout":2,"body":{"event":"rollback-started","cause":{"because":"canary 100 % (2 of 2)"}}}"#,
            r#"{"rollout":3,"body":{"event":"admitted","spec":{"to":{"label":"b"}}}}"#,
            r#"{"rollout":3,"body":{"event":"rollback-started","cause":{"because":"canary 100 % (4 of 4)"}}}"#,
        ];
        let arrivals = BTreeMap::from([
            ("a".to_owned(), vec![1_000, 2_000, 5_000]),
            ("b".to_owned(), vec![1_000, 2_000, 3_000, 4_000, 9_000]),
        ]);
        let rollbacks = join(known(&journal.join("\n")).unwrap(), &arrivals);
        assert_eq!(rollbacks.iter().map(|rollback| rollback.known).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(times(&rollbacks, 2), [3_000, 7_000]);
        assert_eq!(times(&rollbacks, 4), [5_000]);
    }
}
