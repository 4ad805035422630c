//! Triggers as people read them.

use staunch_evidence::Counts;
use staunch_model::{DependencySpec, Signal, TriggerRule, human_duration};

use super::measure::{RECENT, Shown, is_shared, share_above, value};
use crate::words::{both, exact_percent, micros, percent};

/// `above 5 % for 30 s`, `below 80 %`.
pub(crate) fn limit_words(rule: &TriggerRule, limit: f64) -> String {
    let side = if rule.signal.is_floor() { "below" } else { "above" };
    let bound = match &rule.signal {
        Signal::Dependency(spec) => format!("{} failures in a row", spec.fall),
        Signal::OutOfMemory => "killed for want of memory".to_owned(),
        Signal::ErrorRate { .. } | Signal::SuccessRate { .. } | Signal::Healthy => {
            format!("{side} {}", exact_percent(limit))
        }
        Signal::Latency { .. } => format!("{side} {}", micros(limit)),
        Signal::Throughput => format!("{side} {limit} requests/s"),
        Signal::Cpu => format!("{side} {} of a core", exact_percent(limit)),
        Signal::ErrorSpike { window, .. } => {
            format!("{side} stable + {} over {}", exact_percent(limit), human_duration(*window))
        }
        Signal::CpuVsStable | Signal::MemoryVsStable => format!("{side} stable + {}", exact_percent(limit)),
        Signal::Memory => format!("{side} {}", megabytes(limit)),
        Signal::Restarts { window } => format!("{side} {limit} in {}", human_duration(*window)),
    };
    if rule.sustain.is_zero() { bound } else { format!("{bound} for {}", human_duration(rule.sustain)) }
}

/// What is seen now.
pub(crate) fn figure(signal: &Signal, shown: &Shown<'_>) -> String {
    let known = value(signal, shown);
    let or_unknown = |words: Option<String>| words.unwrap_or_else(|| "not known yet".to_owned());
    match signal {
        Signal::ErrorRate { min_count } | Signal::SuccessRate { min_count } => {
            let counts = shown.within(RECENT).canary;
            format!("{} of requests failed{}", share(counts), too_few(counts.attempts(), *min_count))
        }
        Signal::Latency { metric, min_count } => {
            let count = shown.recent.count();
            let quantile = metric.quantile().and_then(|q| shown.recent.quantile_micros(q)).map(micros);
            let figure = quantile
                .map_or_else(|| "no requests".to_owned(), |text| format!("{text} of {count} requests"));
            format!("{figure}{}", too_few(count, *min_count))
        }
        Signal::ErrorSpike { window, min_count } => {
            let counts = shown.compared_within(*window);
            format!("{}{}", both(counts), too_few_failed(counts.canary.failures(), *min_count))
        }
        Signal::Throughput => or_unknown(known.map(|rate| format!("{rate:.1} requests/s"))),
        Signal::Healthy => or_unknown(
            shown
                .facts
                .ready
                .map(|(ready, needed)| format!("{ready} of {needed} needed instances are ready")),
        ),
        Signal::Cpu => or_unknown(
            shown
                .facts
                .new
                .busiest()
                .map(|usage| format!("{} uses {} of a core", usage.instance, percent(usage.cpu_ratio))),
        ),
        Signal::CpuVsStable => or_unknown(known.map(|growth| {
            let (new, stable) = (&shown.facts.new, &shown.facts.stable);
            let each = (percent(new.cpu() / new.size()), percent(stable.cpu() / stable.size()));
            format!("{} of a core, stable {}: {}", each.0, each.1, more(growth))
        })),
        Signal::Memory => or_unknown(shown.facts.new.largest().map(|usage| {
            format!("{} uses {} of memory", usage.instance, megabytes(usage.memory_bytes as f64))
        })),
        Signal::MemoryVsStable => or_unknown(known.zip(shown.facts.new.largest()).map(|(growth, usage)| {
            let usual = shown.facts.stable.memory() / shown.facts.stable.size();
            let own = megabytes(usage.memory_bytes as f64);
            format!("{} uses {own} of memory, stable {}: {}", usage.instance, megabytes(usual), more(growth))
        })),
        Signal::Restarts { window } => {
            let last = shown.facts.new.exits.iter().max_by_key(|exit| exit.at);
            let last = last.map_or_else(String::new, |exit| {
                format!(", the last of {} with {}", exit.instance, exit.status)
            });
            format!("{} ends in {}{last}", known.unwrap_or(0.0), human_duration(*window))
        }
        Signal::OutOfMemory => {
            let killed = shown.facts.new.exits.iter().find(|exit| exit.out_of_memory);
            killed.map_or_else(
                || "none was killed for want of memory".to_owned(),
                |exit| format!("{} was killed for want of memory", exit.instance),
            )
        }
        Signal::Dependency(spec) => match shown.dependency(spec).filter(|look| look.looks > 0) {
            Some(look) if look.failures_in_row == 0 => format!("{}: {}", spec.title(), look.words),
            Some(look) => format!("{} fails: {}", spec.title(), look.words),
            None => format!("{} has not been asked yet", spec.title()),
        },
    }
}

/// What was counted while the limit was broken.
pub(crate) fn counted(rule: &TriggerRule, limit: f64, counts: Counts) -> String {
    match &rule.signal {
        Signal::Latency { metric, .. } => {
            let allowed = exact_percent(share_above(*metric));
            format!("{} took {} or longer where {allowed} may", share(counts), micros(limit))
        }
        Signal::ErrorRate { .. }
        | Signal::SuccessRate { .. }
        | Signal::Throughput
        | Signal::Healthy
        | Signal::ErrorSpike { .. }
        | Signal::Cpu
        | Signal::CpuVsStable
        | Signal::Memory
        | Signal::MemoryVsStable
        | Signal::Restarts { .. }
        | Signal::OutOfMemory
        | Signal::Dependency(_) => format!("{} of requests failed", share(counts)),
    }
}

/// Whose dependency it is, and how that is known.
pub(crate) fn whose(spec: &DependencySpec, stable_suffers: bool) -> String {
    let words = match (is_shared(spec, stable_suffers), stable_suffers) {
        (false, _) => "only the new version needs it, and stable's errors have not risen",
        (true, true) => "shared: stable's errors have risen with it",
        (true, false) => "shared: stable needs it too",
    };
    format!("; {words}")
}

fn share(counts: Counts) -> String {
    counts.rate().map_or_else(
        || "none".to_owned(),
        |rate| format!("{} ({} of {})", percent(rate), counts.failures(), counts.attempts()),
    )
}

fn too_few(count: u64, min_count: u64) -> String {
    if count < min_count {
        format!(" in 10 s: too little traffic, {min_count} are needed")
    } else {
        String::new()
    }
}

fn too_few_failed(failed: u64, min_count: u64) -> String {
    if failed > 0 && failed < min_count {
        format!(": fewer than the {min_count} failures it takes")
    } else {
        String::new()
    }
}

fn megabytes(bytes: f64) -> String {
    format!("{:.0} MB", bytes / 1e6)
}

fn more(growth: f64) -> String {
    if growth <= 0.0 { "no more than stable".to_owned() } else { format!("{} more", percent(growth)) }
}
