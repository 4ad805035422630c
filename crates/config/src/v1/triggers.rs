//! `[triggers]`: what ends a rollout at any time.

use std::time::Duration;

use staunch_model::{Metric, Signal, Strategy, StrategyKind, TriggerRule, TriggerSpec};

use crate::codes::Code;
use crate::reader::{Reader, Section};
use crate::scalar::short_duration;
use crate::v1::keys::rolling_keys::ROLLING;
use crate::v1::keys::{BLUE_GREEN, CANARY, Table};
use crate::v1::service::{small, span};
use crate::v1::{dependencies, trigger_keys};
use crate::{Diagnostic, scalar};

pub(crate) fn read(reader: &mut Reader<'_>, service: &Section<'_>, strategy: &Strategy) -> TriggerSpec {
    let section = reader.section(service, "triggers");
    let (memory_bytes, memory) = memory(reader, &section);
    let spec = TriggerSpec {
        crash_exits: small(reader, &section, "crash-exits"),
        crash_window: span(reader, &section, "crash-window"),
        unready_for: span(reader, &section, "unready-for"),
        memory_bytes,
        catastrophic: reader.value(&section, "catastrophic", scalar::share),
        rules: rules(reader, &section, memory),
        rollout_deadline_ms: rollout_deadline(reader, service, strategy),
    };
    if section.find("unready-for").is_some() && spec.watches_health() {
        let place = |name: &str| section.value_span(name).unwrap_or_else(|| section.span.clone());
        let message = "`healthy` and `unready-for` both say how many instances may be missing";
        let finding = Diagnostic::error(Code::ValuesDisagree, message, place("healthy")).here("this …");
        let help = "keep one: `unready-for` ends a release when any needed instance is missing";
        reader.report(finding.and(place("unready-for"), "… or this").help(help));
    }
    spec
}

fn rules(reader: &mut Reader<'_>, section: &Section<'_>, memory: Vec<TriggerRule>) -> Vec<TriggerRule> {
    let mut rules = vec![];
    rules.extend(share(reader, section, "error-rate", |min_count| Signal::ErrorRate { min_count }));
    rules.extend(share(reader, section, "success-rate", |min_count| Signal::SuccessRate { min_count }));
    let quantiles = Metric::ALL.into_iter().filter(|metric| metric.quantile().is_some());
    rules.extend(quantiles.filter_map(|metric| latency(reader, section, metric)).collect::<Vec<_>>());
    rules.extend(throughput(reader, section));
    rules.extend(healthy(reader, section));
    rules.extend(spike(reader, section));
    rules.extend(cpu(reader, section));
    rules.extend(memory);
    rules.extend(restarts(reader, section));
    rules.extend(oom(reader, section));
    rules.extend(dependencies::read(reader, section));
    rules
}

/// The two limits of a rule, and what the one for going back is called.
struct Limits {
    warn: Option<f64>,
    rollback: Option<f64>,
    name: &'static str,
}

impl Limits {
    /// `None` when the table is not there, or has nothing to hold anything against.
    fn rule(
        self,
        reader: &mut Reader<'_>,
        section: &Section<'_>,
        signal: Signal,
        (sustain, cooldown): (Duration, Duration),
    ) -> Option<TriggerRule> {
        if !section.is_present() {
            return None;
        }
        if self.warn.is_none() && self.rollback.is_none() {
            // A limit that was given and could not be read is told of already.
            if section.find("warn").is_none() && section.find(self.name).is_none() {
                self.without_limit(reader, section);
            }
            return None;
        }
        self.refuse_crossed(reader, section, &signal);
        Some(TriggerRule { signal, warn: self.warn, rollback: self.rollback, sustain, cooldown })
    }

    fn without_limit(&self, reader: &mut Reader<'_>, section: &Section<'_>) {
        let message = format!("{} has no limit", section.title());
        let finding = Diagnostic::error(Code::TriggerWithoutLimit, message, section.span.clone());
        reader.report(finding.help(format!("give `warn`, `{}` or both", self.name)));
    }

    /// Who is told only when it is too late is not warned.
    fn refuse_crossed(&self, reader: &mut Reader<'_>, section: &Section<'_>, signal: &Signal) {
        let Some((warn, rollback)) = self.warn.zip(self.rollback) else { return };
        let floor = signal.is_floor();
        let in_order = if floor { warn > rollback } else { warn < rollback };
        if in_order {
            return;
        }
        let place = |name: &str| section.value_span(name).unwrap_or_else(|| section.span.clone());
        let (side, fix) = if floor { ("below", "raise") } else { ("above", "lower") };
        let message = format!("`warn` is not reached before `{}`: both fire when it is {side}", self.name);
        let finding = Diagnostic::error(Code::TriggerLevels, message, place("warn")).here("warns here");
        let finding = finding.and(place(self.name), "takes back here");
        reader.report(finding.help(format!("{fix} `warn`, or leave it out")));
    }
}

fn times(reader: &mut Reader<'_>, section: &Section<'_>) -> (Duration, Duration) {
    (span(reader, section, "for"), span(reader, section, "cooldown"))
}

fn share(
    reader: &mut Reader<'_>,
    triggers: &Section<'_>,
    name: &'static str,
    signal: fn(u64) -> Signal,
) -> Option<TriggerRule> {
    let section = reader.section(triggers, name);
    let warn = reader.get(&section, "warn", scalar::share);
    let rollback = reader.get(&section, "rollback", scalar::share);
    let signal = signal(reader.value(&section, "min-count", scalar::integer));
    let times = times(reader, &section);
    Limits { warn, rollback, name: "rollback" }.rule(reader, &section, signal, times)
}

fn latency(reader: &mut Reader<'_>, triggers: &Section<'_>, metric: Metric) -> Option<TriggerRule> {
    let section = reader.section(triggers, metric.name());
    let micros = |span: Duration| span.as_micros() as f64;
    let warn = reader.get(&section, "warn", scalar::duration).map(micros);
    let rollback = reader.get(&section, "rollback", scalar::duration).map(micros);
    let signal = Signal::Latency { metric, min_count: reader.value(&section, "min-count", scalar::integer) };
    let times = times(reader, &section);
    Limits { warn, rollback, name: "rollback" }.rule(reader, &section, signal, times)
}

fn throughput(reader: &mut Reader<'_>, triggers: &Section<'_>) -> Option<TriggerRule> {
    let section = reader.section(triggers, "throughput");
    let warn = reader.get(&section, "warn", scalar::integer).map(|rate| rate as f64);
    let rollback = reader.get(&section, "min", scalar::integer).map(|rate| rate as f64);
    let times = times(reader, &section);
    Limits { warn, rollback, name: "min" }.rule(reader, &section, Signal::Throughput, times)
}

fn healthy(reader: &mut Reader<'_>, triggers: &Section<'_>) -> Option<TriggerRule> {
    let section = reader.section(triggers, "healthy");
    let warn = reader.get(&section, "warn", scalar::share);
    let rollback = reader.get(&section, "min", scalar::share);
    let times = times(reader, &section);
    Limits { warn, rollback, name: "min" }.rule(reader, &section, Signal::Healthy, times)
}

fn spike(reader: &mut Reader<'_>, triggers: &Section<'_>) -> Option<TriggerRule> {
    let section = reader.section(triggers, "error-spike");
    let warn = reader.get(&section, "warn", scalar::share);
    let rollback = reader.get(&section, "increase", scalar::share);
    let signal = Signal::ErrorSpike {
        window: span(reader, &section, "window"),
        min_count: reader.value(&section, "min-count", scalar::integer),
    };
    let times = (Duration::ZERO, span(reader, &section, "cooldown"));
    Limits { warn, rollback, name: "increase" }.rule(reader, &section, signal, times)
}

/// An absolute limit and one against stable share a table and are two rules.
fn two(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    absolute: Limits,
    against: Signal,
    signal: Signal,
) -> Vec<TriggerRule> {
    let times = times(reader, section);
    let growth = reader.get(section, "max-vs-stable", scalar::growth);
    let relative = growth.map(|growth| TriggerRule {
        signal: against,
        warn: None,
        rollback: Some(growth),
        sustain: times.0,
        cooldown: times.1,
    });
    let alone =
        section.find("max-vs-stable").is_some() && absolute.warn.is_none() && absolute.rollback.is_none();
    let absolute = if alone { None } else { absolute.rule(reader, section, signal, times) };
    absolute.into_iter().chain(relative).collect()
}

fn cpu(reader: &mut Reader<'_>, triggers: &Section<'_>) -> Vec<TriggerRule> {
    let section = reader.section(triggers, "cpu");
    let warn = reader.get(&section, "warn", scalar::share);
    let rollback = reader.get(&section, "max", scalar::share);
    let limits = Limits { warn, rollback, name: "max" };
    two(reader, &section, limits, Signal::CpuVsStable, Signal::Cpu)
}

/// A size alone is a limit at once, as it always was; a table has its time.
fn memory(reader: &mut Reader<'_>, triggers: &Section<'_>) -> (Option<u64>, Vec<TriggerRule>) {
    let plain = triggers.find("memory").is_some_and(|value| value.get_ref().as_table().is_none());
    let bytes = if plain { reader.get(triggers, "memory", scalar::size) } else { None };
    let section = reader.table_or_plain(triggers, "memory", &trigger_keys::MEMORY);
    let float = |bytes: u64| bytes as f64;
    let warn = reader.get(&section, "warn", scalar::size).map(float);
    let rollback = reader.get(&section, "max", scalar::size).map(float);
    let limits = Limits { warn, rollback, name: "max" };
    (bytes, two(reader, &section, limits, Signal::MemoryVsStable, Signal::Memory))
}

fn restarts(reader: &mut Reader<'_>, triggers: &Section<'_>) -> Option<TriggerRule> {
    let section = reader.section(triggers, "restarts");
    let warn = reader.get(&section, "warn", scalar::integer).map(|ends| ends as f64);
    let rollback = reader.get(&section, "max", scalar::integer).map(|ends| ends as f64);
    let signal = Signal::Restarts { window: span(reader, &section, "window") };
    let times = (Duration::ZERO, span(reader, &section, "cooldown"));
    Limits { warn, rollback, name: "max" }.rule(reader, &section, signal, times)
}

/// Once is enough, and once is told.
fn oom(reader: &mut Reader<'_>, triggers: &Section<'_>) -> Option<TriggerRule> {
    let warns = reader.get(triggers, "oom", scalar::choice)? == "warn";
    let limit = Some(0.0);
    Some(TriggerRule {
        signal: Signal::OutOfMemory,
        warn: limit.filter(|_| warns),
        rollback: limit.filter(|_| !warns),
        sustain: Duration::ZERO,
        cooldown: Duration::from_secs(3_600),
    })
}

/// It stands with the other deadlines.
fn rollout_deadline(reader: &mut Reader<'_>, service: &Section<'_>, strategy: &Strategy) -> Option<u64> {
    let mut read = |name: &'static str, keys: &'static Table| {
        let table = service.find(name);
        let section = match table.and_then(|value| Some((value.span(), value.get_ref().as_table()?))) {
            Some((place, entries)) => Section::new(keys, entries, place, service.path_of(name)),
            None => Section::absent(keys, service.path_of(name)),
        };
        (reader.get(&section, "rollout-deadline", scalar::duration), section)
    };
    let (canary, blue_green) = (read("canary", &CANARY), read("blue-green", &BLUE_GREEN));
    let rolling = read("rolling", &ROLLING);
    let (deadline, section) = match strategy.kind {
        StrategyKind::Canary => canary,
        StrategyKind::BlueGreen => blue_green,
        StrategyKind::Rolling => rolling,
    };
    let deadline = deadline?;
    let holds: Duration = strategy.steps.iter().map(|step| step.hold).sum();
    if deadline <= holds {
        let ms = |span: Duration| short_duration(u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
        let message = format!(
            "`rollout-deadline` is {} but the holds of the steps are {} together: no rollout would end in time",
            ms(deadline),
            ms(holds)
        );
        let place = section.value_span("rollout-deadline").unwrap_or_else(|| section.span.clone());
        reader.report(Diagnostic::error(Code::ValuesDisagree, message, place));
    }
    u64::try_from(deadline.as_millis()).ok()
}
