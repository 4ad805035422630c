//! `[gates]`: one question per limit.

use staunch_model::{GateLimit, GateSpec, GaugeSpec, Metric, NoData};

use crate::codes::Code;
use crate::reader::{Reader, Section};
use crate::v1::gauges;
use crate::{Diagnostic, scalar};

/// Gates on what is counted where requests pass, and on what is read from time to time.
pub(crate) fn read(reader: &mut Reader<'_>, service: &Section<'_>) -> (Vec<GateSpec>, Vec<GaugeSpec>) {
    let section = reader.section(service, "gates");
    let gates: Vec<GateSpec> =
        Metric::ALL.into_iter().flat_map(|metric| gate(reader, &section, metric)).collect();
    let gates: Vec<GateSpec> = gates.into_iter().chain(success(reader, &section)).collect();
    let gauges = gauges::read(reader, &section);
    let blast_radius = blast_radius(reader, &section);
    if !section.is_present() {
        // In absolute points, so that it works for services with few errors and with many, and needs no knowledge of
        // their latency.
        return (blast_radius.into_iter().collect(), gauges);
    }
    let own = |name: &str| section.find(name).is_some();
    let others =
        ["blast-radius", "success-rate", "cpu", "memory", "healthy", "throughput", "metric", "command"];
    if !others.into_iter().any(own) && Metric::ALL.into_iter().all(|metric| !own(metric.name())) {
        // Who writes an empty table wants no gate.
        let message = format!("{} has no gate", section.title());
        reader.report(Diagnostic::warning(Code::NoGates, message, section.span.clone()));
        return (vec![], vec![]);
    }
    (gates.into_iter().chain(blast_radius).collect(), gauges)
}

/// The same question as the error rate's, put the other way round.
fn success(reader: &mut Reader<'_>, gates: &Section<'_>) -> Option<GateSpec> {
    let section = reader.section(gates, "success-rate");
    let min = reader.get(&section, "min", scalar::share);
    let no_data = no_data(reader, &section);
    // What is left of a hundred, as it is written: not with the last bit of a subtraction.
    let max = ((1.0 - min?) * 1e12).round() / 1e12;
    let limit = GateLimit::MaxRatio { max };
    Some(GateSpec { metric: Metric::ErrorRate, limit, no_data })
}

/// Everybody is no limit at all: then nothing is asked.
fn blast_radius(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<GateSpec> {
    let share = reader.value(section, "blast-radius", scalar::share);
    let limit = GateLimit::BlastRadius { share };
    (share < 1.0).then_some(GateSpec { metric: Metric::ErrorRate, limit, no_data: NoData::Hold })
}

fn gate(reader: &mut Reader<'_>, gates: &Section<'_>, metric: Metric) -> Vec<GateSpec> {
    let section = reader.section(gates, metric.name());
    let limits = match metric {
        Metric::ErrorRate => error_limits(reader, &section),
        Metric::LatencyP50 | Metric::LatencyP95 | Metric::LatencyP99 => latency_limits(reader, &section),
    };
    let no_data = no_data(reader, &section);
    if section.is_present() && section.find("max").is_none() && section.find("max-vs-stable").is_none() {
        let message = format!("gate `{}` has no limit", metric.name());
        reader.report(Diagnostic::error(Code::GateWithoutLimit, message, section.span.clone()));
    }
    limits.into_iter().flatten().map(|limit| GateSpec { metric, limit, no_data }).collect()
}

/// The smallest limits that some ten million canary requests can decide: tighter ones are refused, since a rollout
/// would only wait for its deadline.
const SMALLEST_MAX: f64 = 0.000_001;
const SMALLEST_POINTS: f64 = 0.000_01;
/// Latencies are counted in buckets that are 3 % wide.
const SMALLEST_GROWTH: f64 = 0.03;

/// The tightest limits that a file may ask for.
pub fn tightest_limits() -> [GateSpec; 3] {
    let gate = |metric, limit| GateSpec { metric, limit, no_data: NoData::Hold };
    [
        gate(Metric::ErrorRate, GateLimit::MaxRatio { max: SMALLEST_MAX }),
        gate(Metric::ErrorRate, GateLimit::VsStablePoints { margin: SMALLEST_POINTS }),
        gate(Metric::LatencyP95, GateLimit::VsStableRatio { margin: SMALLEST_GROWTH }),
    ]
}

fn error_limits(reader: &mut Reader<'_>, section: &Section<'_>) -> [Option<GateLimit>; 2] {
    let max = reader.get(section, "max", scalar::share);
    let margin = reader.get(section, "max-vs-stable", scalar::points);
    let never = Tiny { name: "max", least: SMALLEST_MAX, words: "0.0001%" };
    refuse_tiny(reader, section, &never, max, "no traffic proves that nothing ever fails");
    let equal = Tiny { name: "max-vs-stable", least: SMALLEST_POINTS, words: "+0.001pp" };
    refuse_tiny(reader, section, &equal, margin, "no traffic proves that two rates are equal");
    [max.map(|max| GateLimit::MaxRatio { max }), margin.map(|margin| GateLimit::VsStablePoints { margin })]
}

fn latency_limits(reader: &mut Reader<'_>, section: &Section<'_>) -> [Option<GateLimit>; 2] {
    let max = reader.get(section, "max", scalar::duration);
    let margin = reader.get(section, "max-vs-stable", scalar::growth);
    let equal = Tiny { name: "max-vs-stable", least: SMALLEST_GROWTH, words: "+3%" };
    refuse_tiny(reader, section, &equal, margin, "no traffic proves that two latencies are equal");
    let micros = max.and_then(|max| u64::try_from(max.as_micros()).ok());
    [micros.map(|max| GateLimit::MaxMicros { max }), margin.map(|margin| GateLimit::VsStableRatio { margin })]
}

/// The smallest value of a key that can be decided.
struct Tiny<'a> {
    name: &'a str,
    least: f64,
    words: &'a str,
}

fn refuse_tiny(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    tiny: &Tiny<'_>,
    limit: Option<f64>,
    why: &str,
) {
    let Some(limit) = limit.filter(|limit| *limit < tiny.least) else { return };
    let name = tiny.name;
    let place = section.value_span(name).unwrap_or_else(|| section.span.clone());
    let finding = if limit == 0.0 {
        let message = format!("`{name}` of zero can never be shown to hold");
        Diagnostic::error(Code::GateUndecidable, message, place).here(why)
    } else {
        let message = format!("`{name}` is too small to be decided by ten million requests");
        Diagnostic::error(Code::GateUndecidable, message, place).here("too small")
    };
    reader.report(finding.help(format!("the smallest that can be decided is \"{}\"", tiny.words)));
}

pub(crate) fn no_data(reader: &mut Reader<'_>, section: &Section<'_>) -> NoData {
    match reader.value(section, "no-data", scalar::choice) {
        "abort" => NoData::Abort,
        "continue" => NoData::Continue,
        _ => NoData::Hold,
    }
}
