//! What each signal is at one look.

use std::time::Duration;

use staunch_evidence::Counts;
use staunch_model::{
    DependencyLook, DependencySpec, Histogram, Metric, Signal, Timestamp, TriggerRule, bucket_bounds_micros,
};

use super::facts::Facts;
use super::seconds::Seconds;
use super::slice::Allowed;
use super::state::Sight;
use super::sure::{VERY_SURE, surprise, surprise_against};
use super::watched::Level;
use crate::intake::Arms;

/// Figures for people, and rates, are of the last ten seconds.
pub(crate) const RECENT: Duration = Duration::from_secs(10);
/// One instance's CPU or memory below this is not compared with stable's: everything idles differently.
const LEAST_CPU: f64 = 0.05;
const LEAST_MEMORY_GROWTH: f64 = 8e6;
/// Requests per second on each side before the work for one of them is compared.
const LEAST_RATE: f64 = 1.0;
/// Of stable, before its errors count as risen.
const LEAST_FAILURES: u64 = 3;

/// All that there is to see at one look.
pub(crate) struct Shown<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) counts: Arms<Counts>,
    pub(crate) latency: &'a Histogram,
    pub(crate) recent: &'a Histogram,
    pub(crate) seconds: &'a Seconds,
    /// The same without what was sent by name.
    pub(crate) compared: &'a Seconds,
    pub(crate) now: Timestamp,
}

impl Shown<'_> {
    pub(crate) fn within(&self, window: Duration) -> Arms<Counts> {
        self.seconds.within(window, self.now)
    }

    /// The same without what was sent by name.
    pub(crate) fn compared_within(&self, window: Duration) -> Arms<Counts> {
        self.compared.within(window, self.now)
    }

    pub(crate) fn dependency(&self, spec: &DependencySpec) -> Option<&DependencyLook> {
        self.facts.dependencies.iter().find(|look| look.name == spec.name)
    }

    /// Requests per second of both sides over the last ten whole seconds; `None` while it is too early.
    pub(crate) fn rates(&self) -> Option<Arms<f64>> {
        let span = self.seconds.span(self.now).filter(|span| *span >= RECENT)?.min(RECENT).as_secs_f64();
        let counts = self.within(RECENT);
        Some(Arms {
            canary: counts.canary.attempts() as f64 / span,
            stable: counts.stable.attempts() as f64 / span,
        })
    }

    /// Stable fails more often since then than before.
    pub(crate) fn is_worse_for_stable(&self, since: Timestamp) -> bool {
        let (before, after) = self.seconds.around(since);
        let (before, after) = (before.stable, after.stable);
        let usual = (before.failures() as f64 + 1.0) / (before.attempts() as f64 + 2.0);
        after.failures() >= LEAST_FAILURES && surprise(after, usual) >= super::sure::SURE
    }
}

/// How a level stands, and whether that is sure enough to act upon.
pub(crate) fn measure(
    rule: &TriggerRule,
    level: &mut Level,
    shown: &Shown<'_>,
    fresh: bool,
) -> (Sight, bool) {
    match &rule.signal {
        Signal::ErrorRate { min_count } => {
            requests(level, shown.counts.canary, &allowed(rule, level.limit, *min_count), shown.now)
        }
        Signal::SuccessRate { min_count } => {
            requests(level, shown.counts.canary, &allowed(rule, 1.0 - level.limit, *min_count), shown.now)
        }
        Signal::Latency { metric, min_count } => {
            let slow = slower_than(shown.latency, level.limit);
            requests(level, slow, &allowed(rule, share_above(*metric), *min_count), shown.now)
        }
        Signal::ErrorSpike { window, min_count } => {
            (spike(shown.compared_within(*window), level.limit, *min_count, shown.now), true)
        }
        Signal::Dependency(spec) => (dependency(shown, spec, fresh), true),
        Signal::Throughput
        | Signal::Healthy
        | Signal::Cpu
        | Signal::CpuVsStable
        | Signal::Memory
        | Signal::MemoryVsStable
        | Signal::Restarts { .. }
        | Signal::OutOfMemory => {
            let floor = rule.signal.is_floor();
            let beyond = |value: f64| if floor { value < level.limit } else { value > level.limit };
            let sight =
                value(&rule.signal, shown).map_or(Sight::Unknown, |v| Sight::now(beyond(v), shown.now));
            (sight, true)
        }
    }
}

fn allowed(rule: &TriggerRule, share: f64, min_count: u64) -> Allowed {
    Allowed { share, min_count, sustain: rule.sustain }
}

fn requests(level: &mut Level, counts: Counts, allowed: &Allowed, now: Timestamp) -> (Sight, bool) {
    let sight = level.slices.look(counts, allowed, now);
    (sight, level.slices.is_sure(allowed))
}

/// The share that may be slower than a quantile.
pub(crate) fn share_above(metric: Metric) -> f64 {
    metric.quantile().map_or(0.0, |quantile| 1.0 - quantile)
}

/// Requests, and those of them that took at least `limit` microseconds. Failed ones are in the slowest bucket.
fn slower_than(latency: &Histogram, limit: f64) -> Counts {
    let slow = |(bucket, _): &&(u16, u64)| bucket_bounds_micros(*bucket).0 as f64 >= limit;
    Counts::new(latency.count(), latency.0.iter().filter(slow).map(|(_, count)| count).sum())
}

/// Beyond when the new revision certainly fails more than `1 + increase` times as often as stable in the window, and
/// enough of its requests have failed.
fn spike(counts: Arms<Counts>, increase: f64, min_count: u64, now: Timestamp) -> Sight {
    if !counts.both_present() || counts.canary.failures() < min_count {
        // Too few failures are a reason to be calm only when there is something to compare with.
        return if counts.both_present() { Sight::Calm } else { Sight::Unknown };
    }
    let surprise = surprise_against(counts.canary, counts.stable, 1.0 + increase);
    Sight::now(surprise >= VERY_SURE, now)
}

fn dependency(shown: &Shown<'_>, spec: &DependencySpec, fresh: bool) -> Sight {
    match shown.dependency(spec) {
        Some(look) if fresh => Sight::now(look.failures_in_row >= spec.fall.max(1), shown.now),
        Some(_) | None => Sight::Unknown,
    }
}

/// Stable was deployed with the same target, or fails since it fails.
pub(crate) fn is_shared(spec: &DependencySpec, stable_suffers: bool) -> bool {
    spec.of_stable.unwrap_or(false) || stable_suffers
}

/// The figure that is held against the limit; `None` when it is not known.
pub(crate) fn value(signal: &Signal, shown: &Shown<'_>) -> Option<f64> {
    let new = &shown.facts.new;
    match signal {
        Signal::Throughput => shown.rates().map(|rates| rates.canary + rates.stable),
        Signal::Healthy => shown
            .facts
            .ready
            .filter(|(_, needed)| *needed > 0)
            .map(|(ready, needed)| f64::from(ready.min(needed)) / f64::from(needed)),
        Signal::Cpu => new.busiest().map(|usage| usage.cpu_ratio),
        Signal::CpuVsStable => cpu_growth(shown),
        Signal::Memory => new.largest().map(|usage| usage.memory_bytes as f64),
        Signal::MemoryVsStable => memory_growth(shown),
        Signal::Restarts { window } => {
            let recent = new.exits.iter().filter(|exit| shown.now.since(exit.at) <= *window);
            Some(recent.count() as f64)
        }
        Signal::OutOfMemory => Some(new.exits.iter().filter(|exit| exit.out_of_memory).count() as f64),
        Signal::ErrorRate { .. }
        | Signal::SuccessRate { .. }
        | Signal::Latency { .. }
        | Signal::ErrorSpike { .. }
        | Signal::Dependency(_) => None,
    }
}

/// The sides have unlike shares of the traffic: the new revision needs more only if it does so for an instance and for
/// a request. The smaller of the two is what is certain.
fn cpu_growth(shown: &Shown<'_>) -> Option<f64> {
    let (new, stable) = (&shown.facts.new, &shown.facts.stable);
    let rates = shown.rates().filter(|rates| rates.canary >= LEAST_RATE && rates.stable >= LEAST_RATE)?;
    let (each, usual) = (new.cpu() / new.size(), stable.cpu() / stable.size());
    if usual.is_nan() || usual <= 0.0 {
        return None;
    }
    if each < LEAST_CPU {
        return Some(0.0);
    }
    let by_request = (new.cpu() / rates.canary) / (stable.cpu() / rates.stable);
    Some((each / usual).min(by_request) - 1.0)
}

fn memory_growth(shown: &Shown<'_>) -> Option<f64> {
    let (new, stable) = (&shown.facts.new, &shown.facts.stable);
    let largest = new.largest()?.memory_bytes as f64;
    let usual = stable.memory() / stable.size();
    if usual.is_nan() || usual <= 0.0 {
        return None;
    }
    let more = largest - usual;
    Some(if more < LEAST_MEMORY_GROWTH { 0.0 } else { more / usual })
}
