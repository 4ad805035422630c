//! `[gates]`: one question per limit.

use staunch_model::{GateLimit, GateSpec, Metric, NoData};

use crate::codes::Code;
use crate::reader::{Reader, Section};
use crate::{Diagnostic, scalar};

/// Without `[gates]`: not clearly worse than what runs, in absolute points, so that it works for services with few
/// errors and with many, and needs no knowledge of their latency.
const DEFAULT: GateSpec = GateSpec {
    metric: Metric::ErrorRate,
    limit: GateLimit::VsStablePoints { margin: 0.01 },
    no_data: NoData::Hold,
};

pub(crate) fn read(reader: &mut Reader<'_>, service: &Section<'_>) -> Vec<GateSpec> {
    let section = reader.section(service, "gates");
    let gates: Vec<GateSpec> =
        Metric::ALL.into_iter().flat_map(|metric| gate(reader, &section, metric)).collect();
    let blast_radius = blast_radius(reader, &section);
    if !section.is_present() {
        return [DEFAULT].into_iter().chain(blast_radius).collect();
    }
    let own = |name: &str| section.find(name).is_some();
    if !own("blast-radius") && Metric::ALL.into_iter().all(|metric| !own(metric.name())) {
        // Who writes an empty table wants no gate.
        let message = format!("{} has no gate", section.title());
        reader.report(Diagnostic::warning(Code::NoGates, message, section.span.clone()));
        return vec![];
    }
    gates.into_iter().chain(blast_radius).collect()
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

fn error_limits(reader: &mut Reader<'_>, section: &Section<'_>) -> [Option<GateLimit>; 2] {
    let max = reader.get(section, "max", scalar::share);
    let margin = reader.get(section, "max-vs-stable", scalar::points);
    refuse_zero(reader, section, "max", max, "no traffic proves that nothing ever fails");
    refuse_zero(reader, section, "max-vs-stable", margin, "no traffic proves that two rates are equal");
    [max.map(|max| GateLimit::MaxRatio { max }), margin.map(|margin| GateLimit::VsStablePoints { margin })]
}

fn latency_limits(reader: &mut Reader<'_>, section: &Section<'_>) -> [Option<GateLimit>; 2] {
    let max = reader.get(section, "max", scalar::duration);
    let margin = reader.get(section, "max-vs-stable", scalar::growth);
    refuse_zero(reader, section, "max-vs-stable", margin, "no traffic proves that two latencies are equal");
    let micros = max.and_then(|max| u64::try_from(max.as_micros()).ok());
    [micros.map(|max| GateLimit::MaxMicros { max }), margin.map(|margin| GateLimit::VsStableRatio { margin })]
}

fn refuse_zero(reader: &mut Reader<'_>, section: &Section<'_>, name: &str, limit: Option<f64>, why: &str) {
    if limit == Some(0.0) {
        let place = section.value_span(name).unwrap_or_else(|| section.span.clone());
        let message = format!("`{name}` of zero can never be shown to hold");
        reader.report(Diagnostic::error(Code::GateUndecidable, message, place).here(why));
    }
}

fn no_data(reader: &mut Reader<'_>, section: &Section<'_>) -> NoData {
    match reader.value(section, "no-data", scalar::choice) {
        "abort" => NoData::Abort,
        "continue" => NoData::Continue,
        _ => NoData::Hold,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::keys::SERVICE;

    #[test]
    fn the_documented_default_is_the_one_that_holds() {
        let doc = SERVICE.key("gates").unwrap().doc;
        assert!(doc.contains("error-rate") && doc.contains("max-vs-stable = \"+1pp\""));
        assert_eq!(DEFAULT.limit, GateLimit::VsStablePoints { margin: 0.01 });
    }
}
