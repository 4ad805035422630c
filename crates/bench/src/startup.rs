//! How long a program takes from its start to its end.

use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::json;

use crate::args::Args;
use crate::latency::Latencies;
use crate::{Outcome, report};

pub(crate) fn run(args: &Args) -> Outcome {
    let (program, words) = args.rest.split_first().ok_or("-- PROGRAM is missing")?;
    let mut times = Latencies::default();
    for _ in 0..args.maybe("runs")?.unwrap_or(50_u32) {
        let start = Instant::now();
        let status =
            Command::new(program).args(words).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        times.add(start.elapsed());
        if !status.success() {
            return Err(format!("{program} ended with {status}").into());
        }
    }
    times.sort();
    report(&json!({ "p50_us": times.quantile(0.5), "p99_us": times.quantile(0.99) }))
}
