//! Gates on values that are read from time to time: processor, memory, health, and values of one's own.

use std::time::Duration;

use staunch_model::{GaugeLimit, GaugeSource, GaugeSpec, NoData, ServiceSpec};

use crate::codes::Code;
use crate::reader::{Reader, Section};
use crate::v1::gates::no_data;
use crate::v1::keys::{COMMAND_GATE, METRIC_GATE, Table};
use crate::v1::service::{command, small, span};
use crate::{Diagnostic, scalar};

/// What the platform knows of its processes is that old.
const PROCESSES: Duration = Duration::from_secs(3);

pub(crate) fn read(reader: &mut Reader<'_>, gates: &Section<'_>) -> Vec<GaugeSpec> {
    let cpu = reader.section(gates, "cpu");
    let max = reader.get(&cpu, "max", scalar::share);
    let mut all = process(reader, &cpu, "cpu", &GaugeSource::Cpu, max);
    let memory = reader.section(gates, "memory");
    let max = reader.get(&memory, "max", scalar::size).map(|bytes| bytes as f64);
    all.extend(process(reader, &memory, "memory", &GaugeSource::Memory, max));
    all.extend(healthy(reader, gates));
    all.extend(throughput(reader, gates));
    all.extend(metrics(reader, gates));
    all.extend(commands(reader, gates));
    all
}

fn throughput(reader: &mut Reader<'_>, gates: &Section<'_>) -> Vec<GaugeSpec> {
    let section = reader.section(gates, "throughput");
    let min = reader.get(&section, "min", scalar::number).filter(|min| *min > 0.0);
    let margin = reader.get(&section, "max-below-stable", scalar::share);
    let no_data = no_data(reader, &section);
    if section.is_present() && !given(&section, &["min", "max-below-stable"]) {
        without_limit(reader, &section, "throughput");
    }
    let min = min.map(|min| GaugeLimit::Min { min });
    let margin = margin.map(|margin| GaugeLimit::BelowStable { margin });
    let limits = min.into_iter().chain(margin);
    limits.map(|limit| spec("throughput", GaugeSource::Throughput, limit, PROCESSES, no_data)).collect()
}

/// Users who keep their version do not come in the proportion of the split.
pub(crate) fn within(reader: &mut Reader<'_>, service: &Section<'_>, spec: &ServiceSpec) {
    let compares = |gauge: &GaugeSpec| matches!(gauge.limit, GaugeLimit::BelowStable { .. });
    if spec.edge.sticky.is_none() || !spec.gauges.iter().any(compares) {
        return;
    }
    let place = |name: &str| service.value_span(name).unwrap_or_else(|| service.span.clone());
    let message = "throughput cannot be compared with stable's where users keep their version";
    let finding = Diagnostic::error(Code::ValuesDisagree, message, place("gates"))
        .here("`max-below-stable` needs the shares of the split")
        .and(place("edge"), "`sticky` changes them");
    reader.report(finding.help("leave it out, or take `min`; or remove [edge.sticky]"));
}

fn process(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    name: &str,
    source: &GaugeSource,
    max: Option<f64>,
) -> Vec<GaugeSpec> {
    let margin = margin(reader, section);
    let no_data = no_data(reader, section);
    if section.is_present() && !given(section, &["max", "max-vs-stable"]) {
        without_limit(reader, section, name);
    }
    limits(max, None, margin).map(|limit| spec(name, source.clone(), limit, PROCESSES, no_data)).collect()
}

fn healthy(reader: &mut Reader<'_>, gates: &Section<'_>) -> Option<GaugeSpec> {
    let section = reader.section(gates, "healthy");
    let min = reader.get(&section, "min", scalar::share);
    let no_data = no_data(reader, &section);
    let limit = GaugeLimit::Min { min: min? };
    Some(spec("healthy", GaugeSource::Healthy, limit, Duration::from_millis(500), no_data))
}

fn metrics(reader: &mut Reader<'_>, gates: &Section<'_>) -> Vec<GaugeSpec> {
    let tables = named(reader, gates, "metric", &METRIC_GATE);
    tables.into_iter().flat_map(|(name, section)| metric(reader, &section, &name)).collect()
}

fn commands(reader: &mut Reader<'_>, gates: &Section<'_>) -> Vec<GaugeSpec> {
    let tables = named(reader, gates, "command", &COMMAND_GATE);
    tables.into_iter().filter_map(|(name, section)| check(reader, &section, &name)).collect()
}

fn check(reader: &mut Reader<'_>, section: &Section<'_>, name: &str) -> Option<GaugeSpec> {
    let words = command(reader, section, "command");
    let every = span(reader, section, "every");
    let limit = GaugeLimit::InARow { times: small(reader, section, "fails-after") };
    let no_data = no_data(reader, section);
    Some(spec(name, GaugeSource::Check { words: words? }, limit, every, no_data))
}

/// One table for each name.
fn named<'a>(
    reader: &mut Reader<'_>,
    gates: &Section<'a>,
    group: &str,
    keys: &'static Table,
) -> Vec<(String, Section<'a>)> {
    reader.note_origin(gates, gates.key(group));
    let Some(value) = gates.find(group) else { return vec![] };
    let Some(tables) = value.get_ref().as_table() else {
        let flaw = scalar::Flaw::wrong_type(gates.key(group), "tables", value.get_ref());
        reader.flawed(value, flaw.help(format!("write one [gates.{group}.NAME] table for each")));
        return vec![];
    };
    let mut all = vec![];
    for (name, value) in tables {
        if let Err(flaw) = scalar::name_of(name.get_ref()) {
            reader.report(Diagnostic::error(flaw.code, flaw.message, name.span()));
        }
        match value.get_ref().as_table() {
            Some(entries) => {
                let path = format!("{}.{}", gates.path_of(group), name.get_ref());
                let section = reader.open(Section::new(keys, entries, value.span(), path));
                all.push((name.get_ref().to_string(), section));
            }
            None => {
                let message = format!("`{}` in [gates.{group}] takes a table", name.get_ref());
                reader.report(Diagnostic::error(Code::WrongType, message, value.span()));
            }
        }
    }
    all
}

fn metric(reader: &mut Reader<'_>, section: &Section<'_>, name: &str) -> Vec<GaugeSpec> {
    reader.one_of(section, &["max", "min"]);
    let words = command(reader, section, "command");
    let every = span(reader, section, "every");
    let max = reader.get(section, "max", scalar::number);
    let min = reader.get(section, "min", scalar::number);
    let margin = margin(reader, section);
    let no_data = no_data(reader, section);
    if !given(section, &["max", "min", "max-vs-stable"]) {
        without_limit(reader, section, name);
    }
    let Some(words) = words else { return vec![] };
    let source = GaugeSource::Command { words };
    limits(max, min, margin).map(|limit| spec(name, source.clone(), limit, every, no_data)).collect()
}

fn margin(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<f64> {
    let margin = reader.get(section, "max-vs-stable", scalar::growth);
    if margin == Some(0.0) {
        let place = section.value_span("max-vs-stable").unwrap_or_else(|| section.span.clone());
        let finding =
            Diagnostic::error(Code::GateUndecidable, "no reading proves that two values are equal", place);
        reader.report(finding.help("allow a margin, for example \"+20%\""));
    }
    margin.filter(|margin| *margin > 0.0)
}

fn limits(max: Option<f64>, min: Option<f64>, margin: Option<f64>) -> impl Iterator<Item = GaugeLimit> {
    let max = max.map(|max| GaugeLimit::Max { max });
    let min = min.map(|min| GaugeLimit::Min { min });
    let margin = margin.map(|margin| GaugeLimit::VsStable { margin });
    [max, min, margin].into_iter().flatten()
}

fn spec(name: &str, source: GaugeSource, limit: GaugeLimit, every: Duration, no_data: NoData) -> GaugeSpec {
    let name = match limit {
        GaugeLimit::VsStable { .. } | GaugeLimit::BelowStable { .. } => format!("{name} vs stable"),
        GaugeLimit::Max { .. } | GaugeLimit::Min { .. } | GaugeLimit::InARow { .. } => name.to_owned(),
    };
    GaugeSpec { name, source, limit, every, no_data }
}

/// One with a flaw of its own is given too.
fn given(section: &Section<'_>, names: &[&str]) -> bool {
    names.iter().any(|name| section.find(name).is_some())
}

fn without_limit(reader: &mut Reader<'_>, section: &Section<'_>, name: &str) {
    let message = format!("gate `{name}` has no limit");
    reader.report(Diagnostic::error(Code::GateWithoutLimit, message, section.span.clone()));
}
