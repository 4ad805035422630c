//! What became of the requests.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use crate::latency::Latencies;

/// Failures told in full; the rest is only counted.
const EXAMPLES: usize = 10;

#[derive(Default)]
pub(crate) struct Tally {
    good: u64,
    latencies: Latencies,
    failed: BTreeMap<String, u64>,
    examples: Vec<Value>,
    dropped: u64,
}

impl Tally {
    pub(crate) fn good(&mut self, due: Instant) {
        self.good += 1;
        self.latencies.add(due.elapsed());
    }

    pub(crate) fn failed(&mut self, method: &str, due: Instant, why: &str) {
        *self.failed.entry(format!("{method}: {why}")).or_default() += 1;
        if self.examples.len() < EXAMPLES {
            let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let after_ms = u64::try_from(due.elapsed().as_millis()).unwrap_or(u64::MAX);
            let at_ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
            self.examples.push(json!({ "at_ms": at_ms, "method": method, "why": why, "after_ms": after_ms }));
        }
    }

    /// A connection that the client would have kept was ended by the server.
    pub(crate) fn dropped(&mut self) {
        self.dropped += 1;
    }

    pub(crate) fn report(mut self, ran: Duration, unanswered: u64, backlog: usize) -> Value {
        self.latencies.sort();
        let failed: u64 = self.failed.values().sum();
        json!({
            "seconds": ran.as_secs_f64(),
            "good": self.good,
            "failed": failed + unanswered,
            "dropped_connections": self.dropped,
            "unanswered": unanswered,
            "backlog": backlog,
            "p50_us": self.latencies.quantile(0.5),
            "p99_us": self.latencies.quantile(0.99),
            "p999_us": self.latencies.quantile(0.999),
            "max_us": self.latencies.quantile(1.0),
            "failures": self.failed,
            "examples": self.examples,
        })
    }
}
