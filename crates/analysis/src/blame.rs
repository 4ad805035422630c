//! Whom the evidence of harm points to, in a sentence with the numbers.

use staunch_model::Histogram;

use crate::gate::{Gate, Test};
use crate::harm::Source;
use crate::intake::Arms;
use crate::judge::{Decision, Judge};
use crate::latency::slow;
use crate::reading::latencies;
use crate::words;

impl Judge {
    pub(crate) fn blame(&self) -> Decision {
        let source = self.harm.culprit();
        match source {
            Source::Errors => self.blame_errors(),
            Source::Latency(test) => self.blame_latency(test),
            Source::Absolute(_) => {
                let gate = self.gates.iter().position(|gate| gate.source() == Some(source));
                Decision {
                    gate,
                    gauge: None,
                    because: gate.map_or_else(String::new, |at| self.absolute_words(&self.gates[at])),
                }
            }
            Source::Gauge(at) => {
                let because = self.harm.gauges[at].numbers();
                Decision { gate: None, gauge: Some(at), because }
            }
            Source::Guard => Decision { gate: None, gauge: None, because: self.guard_words() },
        }
    }

    /// The gate that asks about errors, if its limit is broken; else the comparison speaks for itself.
    fn blame_errors(&self) -> Decision {
        let (window, recent) = self.harm.compared.worst().unwrap_or((self.harm.compared.whole, false));
        let rate = window.canary.rate().unwrap_or(0.0);
        let gate = self.gates.iter().position(|gate| match gate.test {
            Test::ErrorVsStable { .. } => true,
            Test::ErrorMax { max, .. } => rate > max,
            // It asks how far the next step may go, not whether the canary is worse.
            Test::BlastRadius { .. }
            | Test::LatencyMax { .. }
            | Test::LatencyVsStable { .. }
            | Test::Unanswerable => false,
        });
        let numbers = format!("{}{}", words::both(window), when(recent));
        let because = match gate {
            Some(at) => format!("{numbers}, limit {}", self.gates[at].limit_words()),
            None => format!("error rate is higher than stable's: {numbers}"),
        };
        Decision { gate, gauge: None, because }
    }

    /// Of the gates that share the test, the one whose quantile looks worst.
    fn blame_latency(&self, test: usize) -> Decision {
        let latency = self.latency_shown();
        let worst = self.gates.iter().enumerate().filter_map(|(at, gate)| match gate.test {
            Test::LatencyVsStable { test: its, quantile, .. } if its == test => {
                let of = |histogram: &Histogram| histogram.quantile_micros(quantile).unwrap_or(1.0);
                Some((at, quantile, of(&latency.canary) / of(&latency.stable)))
            }
            Test::LatencyVsStable { .. }
            | Test::ErrorMax { .. }
            | Test::ErrorVsStable { .. }
            | Test::BlastRadius { .. }
            | Test::LatencyMax { .. }
            | Test::Unanswerable => None,
        });
        match worst.max_by(|a, b| a.2.total_cmp(&b.2)) {
            Some((at, quantile, _)) => {
                let because = latencies(latency, quantile, &self.gates[at].limit_words());
                Decision { gate: Some(at), gauge: None, because }
            }
            None => {
                Decision { gate: None, gauge: None, because: "the canary is slower than stable".to_owned() }
            }
        }
    }

    fn absolute_words(&self, gate: &Gate) -> String {
        let limit = gate.limit_words();
        let Test::LatencyMax { absolute, max, quantile, .. } = gate.test else {
            if let Some(by_name) = self.blame_cohort(gate) {
                return format!("{by_name}, limit {limit}");
            }
            let (window, recent) = self.harm.compared.worst().unwrap_or((self.judged, false));
            return format!("{}{}, limit {limit}", words::both(window), when(recent));
        };
        let latency = self.latency_shown();
        let counts = Arms { canary: slow(&latency.canary, max), stable: slow(&latency.stable, max) };
        let allowed = words::exact_percent(self.harm.absolute[absolute].limit);
        let slower = words::both(counts);
        format!("{}; slower than {limit}: {slower}, allowed {allowed}", latencies(latency, quantile, &limit))
    }

    /// The users who were sent by name, when they alone show it.
    fn blame_cohort(&self, gate: &Gate) -> Option<String> {
        let Test::ErrorMax { max, .. } = gate.test else { return None };
        let counts = self.cohort.as_ref()?.counts();
        let others = self.harm.compared.whole.canary.rate().unwrap_or(0.0);
        let worse = counts.rate().is_some_and(|rate| rate > max && rate > others);
        worse.then(|| words::arm("by name: canary", counts))
    }

    /// The present split's latencies, or the whole rollout's when it has none yet.
    fn latency_shown(&self) -> &Arms<Histogram> {
        let present = self.now.latency.canary.count() > 0 && self.now.latency.stable.count() > 0;
        if present { &self.now.latency } else { &self.latency }
    }

    fn guard_words(&self) -> String {
        let guard = &self.harm.guard;
        let limit = words::exact_percent(guard.limit);
        let when = if self.warming { " while warming up" } else { "" };
        let by_name =
            self.cohort.as_ref().map(|cohort| cohort.counts()).filter(|counts| counts.failures() > 0);
        let by_name =
            by_name.map(|counts| format!(" ({} of {} by name)", counts.failures(), counts.attempts()));
        let by_name = by_name.unwrap_or_default();
        format!("too many requests fail{when}: {}{by_name}, limit {limit}", words::both(guard.counts))
    }
}

fn when(recent: bool) -> &'static str {
    if recent { " in the last minutes" } else { "" }
}
