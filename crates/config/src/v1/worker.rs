//! `kind = "worker"`: a service without requests. What is about requests is refused where it stands.

use std::net::SocketAddr;
use std::time::Duration;

use staunch_model::{GateSpec, GaugeLimit, GaugeSource, GaugeSpec, NoData, TriggerSpec};

use crate::codes::Code;
use crate::reader::{Reader, Section};
use crate::{Diagnostic, scalar};

pub(crate) fn is(reader: &mut Reader<'_>, section: &Section<'_>) -> bool {
    reader.value(section, "kind", scalar::choice) == "worker"
}

/// A service that nobody calls says so: a forgotten address is an error.
pub(crate) fn listen(reader: &mut Reader<'_>, section: &Section<'_>, worker: bool) -> Option<SocketAddr> {
    let listen = reader.get(section, "listen", scalar::address);
    // A kind that is none has been told already.
    let flawed = section.find("kind").is_some_and(|kind| kind.get_ref().as_str() != Some("http"));
    if !worker && !flawed && section.find("listen").is_none() {
        reader.missing(section, "listen");
    }
    listen.filter(|_| !worker)
}

/// Every instance that is there is ready, and what the file asks.
pub(crate) fn gates(section: &Section<'_>, mut gauges: Vec<GaugeSpec>) -> (Vec<GateSpec>, Vec<GaugeSpec>) {
    let unasked = section
        .find("gates")
        .and_then(|gates| gates.get_ref().as_table())
        .is_some_and(|gates| gates.is_empty());
    if !unasked && !gauges.iter().any(|gauge| gauge.name == "healthy") {
        gauges.push(GaugeSpec {
            name: "healthy".to_owned(),
            source: GaugeSource::Healthy,
            limit: GaugeLimit::Min { min: 1.0 },
            every: Duration::from_millis(500),
            no_data: NoData::Hold,
        });
    }
    (vec![], gauges)
}

/// A worker that ends has lost its work: once is enough, unless the file says otherwise.
pub(crate) fn triggers(section: &Section<'_>, triggers: TriggerSpec) -> TriggerSpec {
    let table = section.find("triggers").and_then(|table| table.get_ref().as_table());
    let given = table.is_some_and(|table| table.get("crash-exits").is_some());
    if given { triggers } else { TriggerSpec { crash_exits: 1, ..triggers } }
}

/// By table: what is about requests, and what takes its place.
const ABOUT_REQUESTS: [(&str, &[&str], &str); 5] = [
    (
        "",
        &["listen", "tls", "upstream", "canary", "blue-green", "shadow", "slo", "edge"],
        "remove it; [rolling] says how a worker goes to a new version",
    ),
    (
        "gates",
        &[
            "error-rate",
            "success-rate",
            "latency-p50",
            "latency-p95",
            "latency-p99",
            "throughput",
            "blast-radius",
        ],
        "ask `cpu`, `memory`, `healthy`, [gates.metric.NAME] or [gates.command.NAME]",
    ),
    (
        "triggers",
        &[
            "error-rate",
            "success-rate",
            "latency-p50",
            "latency-p95",
            "latency-p99",
            "throughput",
            "error-spike",
            "catastrophic",
        ],
        "a worker is watched by `crash-exits`, `unready-for`, `healthy`, `cpu`, `memory`, `restarts`, `oom` and \
         [triggers.dependency.NAME]",
    ),
    (
        "evidence",
        &["baseline", "warm-up-requests", "weights"],
        "remove it; `warm-up` is the age from which an instance is measured",
    ),
    ("stop", &["drain"], "`grace` is the time in which a worker finishes its work"),
];

pub(crate) fn refuse(reader: &mut Reader<'_>, section: &Section<'_>, worker: bool) {
    if worker {
        ABOUT_REQUESTS
            .into_iter()
            .for_each(|(table, keys, help)| refuse_in(reader, section, (table, keys), help));
    } else if let Some(place) = section.key_span("rolling") {
        let message = "[rolling] replaces the instances of a worker, and this service has users";
        reader.report(Diagnostic::error(Code::RollingHttp, message, place));
    }
}

fn refuse_in(reader: &mut Reader<'_>, section: &Section<'_>, (table, keys): (&str, &[&str]), help: &str) {
    let inner = || section.find(table)?.get_ref().as_table();
    let kind = section.value_span("kind").unwrap_or_else(|| section.span.clone());
    for key in keys {
        let place = if table.is_empty() {
            section.key_span(key)
        } else {
            inner().and_then(|entries| entries.get_key_value(*key)).map(|(key, _)| key.span())
        };
        let Some(place) = place else { continue };
        let message = format!("`{key}` is about requests, and a worker has none");
        let finding = Diagnostic::error(Code::WorkerRequests, message, place).here("requests …");
        reader.report(finding.and(kind.clone(), "… of a worker").help(help));
    }
}
