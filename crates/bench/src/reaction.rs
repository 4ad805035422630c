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
    arrivals: Vec<u64>,
    known: usize,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let known = known(&std::fs::read_to_string(args.text("journal")?)?)?;
    let rollbacks: Vec<Rollback> = join(known, &arrivals(Path::new(args.text("logs")?))?);
    let enough = rollbacks.iter().map(|rollback| rollback.known).min().ok_or("the journal has no rollback")?;
    let since = |number: usize| times(&rollbacks, number);
    let (sufficient, first) = (since(enough), since(1));
    report(&json!({
        "rollbacks": rollbacks.len(),
        "enough": enough,
        "known_most": rollbacks.iter().map(|rollback| rollback.known).max(),
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
    let with = |(version, known)| Some(Rollback { arrivals: arrivals.get(&version)?.clone(), known });
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
            Some("evidence-captured") => {
                let count = body["bundle"]["canary"]["total"].as_u64().unwrap_or_default();
                let version = versions.get(&rollout).ok_or("a rollback without its beginning")?;
                known.insert(version.clone(), usize::try_from(count)?);
            }
            _ => {}
        }
    }
    Ok(known)
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
