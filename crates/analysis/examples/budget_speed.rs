//! How long the budgets of 100 busy services take: 30 days of counts in every ten seconds, all windows and the thaw.
//!
//! `cargo run --release -p staunch-analysis --example budget_speed`

#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, Instant};

use staunch_analysis::budget::{Ledger, Served, Standing};
use staunch_model::{LatencyObjective, SloSpec, Timestamp};

const SERVICES: usize = 100;
const ROUNDS: usize = 20;
const DAY: u64 = 86_400;

fn main() -> std::io::Result<()> {
    let window = Duration::from_secs(30 * DAY);
    let latency = LatencyObjective { under: Duration::from_millis(300), target: 0.99 };
    let slo = SloSpec { latency: Some(latency), ..SloSpec::availability(0.999, window) };
    let (ledger, now) = busy(window);
    let ledgers = vec![ledger; SERVICES];
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begin = Instant::now();
            for ledger in &ledgers {
                // Frozen, so that the thaw is looked for too.
                black_box(Standing::of(ledger, &slo, true, now));
            }
            begin.elapsed()
        })
        .collect();
    times.sort();
    let (median, worst) = (times[ROUNDS / 2], times[ROUNDS - 1]);
    let buckets = ledgers[0].buckets().len();
    writeln!(
        std::io::stdout(),
        "{SERVICES} services, 259200 ten-second counts each, kept in {buckets} buckets: {median:?} median, {worst:?} worst"
    )
}

/// Every ten seconds of 30 days, with more failures than are allowed.
fn busy(window: Duration) -> (Ledger, Timestamp) {
    let mut now = Timestamp(0);
    let mut ledger = Ledger::new(window, now);
    for turn in 0..30 * DAY / 10 {
        now = Timestamp(i64::try_from(turn * 10_000).unwrap_or(i64::MAX));
        ledger.add(now, Served { total: 1_000, failed: turn % 3, timed: 999, slow: turn % 20 });
        ledger.tidy(now);
    }
    (ledger, now)
}
