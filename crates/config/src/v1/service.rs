//! The keys of one service.

use std::ops::Range;
use std::time::Duration;

use staunch_model::{
    EvidenceSpec, EvidenceWeights, Naming, PolicySpec, ServiceName, ServiceSpec, StopSignal, StopSpec,
    Strategy, TlsSpec, Upstream,
};

use crate::codes::Code;
use crate::command::bare_variable;
use crate::reader::{Reader, Section};
use crate::v1::{
    blue_green, canary, checks, edge, gates, gauges, health, intake, rolling, shadow, slo, triggers, who,
    worker,
};
use crate::{Diagnostic, scalar};

/// A service and the place of its address, for the comparison with the others.
pub(crate) struct Described {
    pub(crate) spec: ServiceSpec,
    pub(crate) listen_span: Range<usize>,
}

/// Reads all of a service, so that all findings are noted; `None` when something without a default is missing.
pub(crate) fn describe(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    name: Option<ServiceName>,
) -> Option<Described> {
    let worker = worker::is(reader, section);
    let listen = worker::listen(reader, section, worker);
    let command = command(reader, section, "run");
    let auto = section.find("version").is_some_and(|value| value.get_ref().as_str() == Some("auto"));
    let version = reader.get(section, "version", scalar::version).filter(|_| !auto);
    let id = reader.get(section, "id", scalar::version);
    let files = reader.list(section, "files", scalar::inside);
    let replicas = small(reader, section, "replicas");
    let upstream = upstream(reader, section);
    let env = reader.env(section, "env");
    let tls = tls(reader, section);
    let health = health::read(reader, section, worker);
    let stop = stop(reader, section);
    let (gates, gauges) = gates::read(reader, section);
    let asked = !gauges.is_empty();
    let (gates, gauges) = if worker { worker::gates(section, gauges) } else { (gates, gauges) };
    let rolling = rolling::read(reader, section, replicas, asked);
    let strategy = strategy(reader, section, rolling.filter(|_| worker));
    let triggers = triggers::read(reader, section, &strategy);
    let triggers = if worker { worker::triggers(section, triggers) } else { triggers };
    let evidence = evidence(reader, section);
    let edge = edge::read(reader, section);
    let reports = intake::checks(reader, section);
    let confidence = intake::confidence(reader, section);
    let slo = slo::read(reader, section);
    let infra = intake::infra(reader, section);
    worker::refuse(reader, section, worker);
    if !worker && listen.is_none() {
        return None;
    }
    let spec = ServiceSpec {
        name: name?,
        listen,
        tls,
        command: command?,
        version,
        id,
        files,
        env,
        replicas,
        upstream,
        health,
        stop,
        edge,
        strategy,
        gates,
        gauges,
        triggers,
        evidence,
        checks: reports,
        confidence,
        slo,
        policy: PolicySpec {
            naming: if auto { Naming::Auto } else { Naming::Given },
            ..PolicySpec::default()
        },
        infra,
    };
    checks::within(reader, section, &spec);
    shadow::within(reader, section, &spec);
    gauges::within(reader, section, &spec);
    who::within(reader, section, &spec);
    Some(Described {
        spec,
        listen_span: section.value_span("listen").unwrap_or_else(|| section.span.clone()),
    })
}

/// The one path that is given; without any, a canary. A worker has no other than its own.
fn strategy(reader: &mut Reader<'_>, section: &Section<'_>, rolling: Option<Strategy>) -> Strategy {
    reader.one_of(section, &["canary", "blue-green"]);
    let canary = canary::read(reader, section);
    let path = blue_green::read(reader, section).unwrap_or(canary);
    let shadow = shadow::read(reader, section);
    rolling.unwrap_or(Strategy { shadow, ..path })
}

/// A command; a variable that may be meant for a shell is pointed out.
pub(crate) fn command(reader: &mut Reader<'_>, section: &Section<'_>, name: &str) -> Option<Vec<String>> {
    let words = reader.get(section, name, scalar::words)?;
    if let Some((variable, span)) = bare_outside_shell(&words).zip(section.value_span(name)) {
        let message = format!("`{variable}` is replaced only if `env` names it");
        let help = "no shell reads the command: PORT and the names in `env` are replaced, nothing else";
        reader.report(Diagnostic::warning(Code::CommandVariable, message, span).help(help));
    }
    Some(words)
}

/// The words after a shell's `-c` are the shell's own business.
fn bare_outside_shell(words: &[String]) -> Option<&str> {
    let own = words.iter().take_while(|word| *word != "-c");
    own.filter_map(|word| bare_variable(word)).find(|variable| *variable != "$PORT")
}

/// A count whose range in the key table fits 32 bits.
pub(crate) fn small(reader: &mut Reader<'_>, section: &Section<'_>, name: &str) -> u32 {
    u32::try_from(reader.value(section, name, scalar::integer)).unwrap_or(u32::MAX)
}

pub(crate) fn span(reader: &mut Reader<'_>, section: &Section<'_>, name: &str) -> Duration {
    reader.value(section, name, scalar::duration)
}

fn upstream(reader: &mut Reader<'_>, section: &Section<'_>) -> Upstream {
    match reader.value(section, "upstream", scalar::choice) {
        "h2c" => Upstream::H2c,
        _ => Upstream::Http1,
    }
}

pub(crate) fn tls(reader: &mut Reader<'_>, service: &Section<'_>) -> Option<TlsSpec> {
    let section = reader.section(service, "tls");
    let cert = reader.get(&section, "cert", scalar::file);
    let key = reader.get(&section, "key", scalar::file);
    Some(TlsSpec { cert: cert?, key: key? })
}

fn stop(reader: &mut Reader<'_>, service: &Section<'_>) -> StopSpec {
    let section = reader.section(service, "stop");
    let asked = reader.value(&section, "signal", scalar::choice);
    StopSpec {
        signal: StopSignal::ALL.into_iter().find(|signal| signal.name() == asked).unwrap_or_default(),
        grace: span(reader, &section, "grace"),
        drain: span(reader, &section, "drain"),
    }
}

fn evidence(reader: &mut Reader<'_>, service: &Section<'_>) -> EvidenceSpec {
    let section = reader.section(service, "evidence");
    EvidenceSpec {
        false_rollback: reader.value(&section, "false-rollback", scalar::share),
        false_promotion: reader.value(&section, "false-promotion", scalar::share),
        warm_up: span(reader, &section, "warm-up"),
        warm_up_requests: reader.value(&section, "warm-up-requests", scalar::integer),
        fresh_baseline: reader.value(&section, "baseline", scalar::choice) == "fresh",
        weights: weights(reader, &section),
    }
}

fn weights(reader: &mut Reader<'_>, evidence: &Section<'_>) -> EvidenceWeights {
    let section = reader.section(evidence, "weights");
    EvidenceWeights {
        errors: reader.value(&section, "errors", scalar::share),
        latency: reader.value(&section, "latency", scalar::share),
        limits: reader.value(&section, "limits", scalar::share),
        guard: reader.value(&section, "guard", scalar::share),
    }
}
