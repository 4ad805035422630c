//! Values that are fine alone and cannot both hold.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use staunch_model::{GateLimit, ProbeTarget, ServiceSpec};

use crate::Diagnostic;
use crate::codes::Code;
use crate::reader::{Reader, Section};
use crate::scalar::short_duration;
use crate::v1::service::Described;

/// The control API is for this machine; and every listener needs an address of its own.
pub(crate) fn addresses(
    reader: &mut Reader<'_>,
    api: SocketAddr,
    api_span: Option<&Range<usize>>,
    may_leave_loopback: bool,
    all: &[Described],
) {
    if let Some(span) = api_span.filter(|_| !api.ip().is_loopback() && !may_leave_loopback) {
        let message = format!("the control API would listen on {}, which is not loopback", api.ip());
        reader.report(Diagnostic::error(Code::ApiNotLoopback, message, span.clone()));
    }
    for (number, one) in all.iter().enumerate() {
        if let Some(other) = all[..number].iter().find(|other| both(one.spec.listen, other.spec.listen)) {
            reader.report(taken(one, other.listen_span.clone(), &format!("`{}`", other.spec.name)));
        }
        if both(one.spec.listen, Some(api)) {
            let place = api_span.cloned().unwrap_or_else(|| one.listen_span.clone());
            reader.report(taken(one, place, "the control API"));
        }
    }
}

fn taken(one: &Described, other: Range<usize>, holder: &str) -> Diagnostic {
    let address = one.spec.listen.map(|listen| listen.to_string()).unwrap_or_default();
    let message = format!("{address} of `{}` is already taken by {holder}", one.spec.name);
    let finding =
        Diagnostic::error(Code::AddressTaken, message, one.listen_span.clone()).here("this address");
    if other == one.listen_span { finding } else { finding.and(other, format!("taken by {holder}")) }
}

fn both(a: Option<SocketAddr>, b: Option<SocketAddr>) -> bool {
    a.zip(b).is_some_and(|(a, b)| collide(a, b))
}

/// Port 0 is a free port; an unspecified address takes the port on all addresses of its family.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let same_family = a.is_ipv4() == b.is_ipv4();
    let same_ip = a.ip() == b.ip() || (same_family && (a.ip().is_unspecified() || b.ip().is_unspecified()));
    a.port() == b.port() && a.port() != 0 && same_ip
}

/// A bound that another value needs to be longer than.
struct Pair<'a> {
    short: (&'a str, &'a str),
    long: (&'a str, &'a str),
    why: &'a str,
}

/// Disagreements inside one service.
pub(crate) fn within(reader: &mut Reader<'_>, section: &Section<'_>, spec: &ServiceSpec) {
    let hold = spec.strategy.steps.iter().map(|step| step.hold).max().unwrap_or_default();
    let path = spec.strategy.kind.name();
    let smokes = Pair {
        short: (path, "smoke-timeout"),
        long: (path, "prepare-deadline"),
        why: "the preparation would be over before its checks are",
    };
    let smoke = spec.strategy.smoke.iter().map(|check| check.timeout).max().unwrap_or_default();
    below(reader, section, &smokes, smoke, spec.strategy.prepare_deadline);
    let holds = Pair {
        short: (path, "hold"),
        long: (path, "step-deadline"),
        why: "a step would be taken back before its hold is over",
    };
    below(reader, section, &holds, hold, spec.strategy.step_deadline);
    let starts = Pair {
        short: ("health", "start-timeout"),
        long: (path, "prepare-deadline"),
        why: "a slow start would be taken back before its time is over",
    };
    below(reader, section, &starts, spec.health.start_timeout, spec.strategy.prepare_deadline);
    let shields = Pair {
        short: ("edge", "shield-after"),
        long: ("edge", "response-timeout"),
        why: "a request would end before it counts as failed",
    };
    below(reader, section, &shields, spec.edge.shield.after, spec.edge.limits.response_timeout);
    if let ProbeTarget::Alive { span } = spec.health.ready.target {
        let ages = Pair {
            short: ("health", "alive-for"),
            long: ("health", "start-timeout"),
            why: "an instance would be started again before it counts as ready",
        };
        below(reader, section, &ages, span, spec.health.start_timeout);
    }
    catastrophe_above_gate(reader, section, spec);
}

fn below(reader: &mut Reader<'_>, section: &Section<'_>, pair: &Pair<'_>, short: Duration, long: Duration) {
    if short <= long {
        return;
    }
    let words = |(table, name): (&str, &str), span: Duration| {
        let whence = if inner_span(section, table, name).is_some() { "" } else { " by default" };
        format!("`{name}` is {}{whence}", short_span(span))
    };
    let message = format!("{} but {}: {}", words(pair.short, short), words(pair.long, long), pair.why);
    let places = [pair.short, pair.long].map(|(table, name)| (inner_span(section, table, name), name));
    disagree(reader, section, message, &places);
}

fn short_span(span: Duration) -> String {
    short_duration(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// The guard for plain catastrophes must not be stricter than what the gate allows.
fn catastrophe_above_gate(reader: &mut Reader<'_>, section: &Section<'_>, spec: &ServiceSpec) {
    let allowed = spec.gates.iter().find_map(|gate| match gate.limit {
        GateLimit::MaxRatio { max } => Some(max),
        GateLimit::MaxMicros { .. }
        | GateLimit::VsStableRatio { .. }
        | GateLimit::VsStablePoints { .. }
        | GateLimit::BlastRadius { .. } => None,
    });
    if let Some(max) = allowed.filter(|max| *max >= spec.triggers.catastrophic) {
        let message = format!(
            "the gate allows {} % of requests to fail, but `catastrophic` ends the rollout at {} %",
            max * 100.0,
            spec.triggers.catastrophic * 100.0
        );
        let gate = inner_span(section, "gates", "error-rate");
        let trigger = inner_span(section, "triggers", "catastrophic");
        disagree(reader, section, message, &[(gate, "error-rate"), (trigger, "catastrophic")]);
    }
}

fn inner_span(section: &Section<'_>, table: &str, name: &str) -> Option<Range<usize>> {
    section.find(table)?.get_ref().as_table()?.get(name).map(|value| value.span())
}

/// Marks both values, or the one that is in the file; the other is then the default, named in the message.
fn disagree(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    message: String,
    places: &[(Option<Range<usize>>, &str)],
) {
    let mut given = places.iter().filter_map(|(span, name)| Some((span.clone()?, *name)));
    let (first, name) = given.next().unwrap_or_else(|| (section.span.clone(), ""));
    let start = Diagnostic::error(Code::ValuesDisagree, message, first).here(name);
    let finding = given.fold(start, |finding, (span, name)| finding.and(span, name));
    reader.report(finding);
}
