//! `[health]` and `[health.live]`: the same keys for readiness and liveness.

use staunch_model::{HealthSpec, ProbeSpec, ProbeTarget};

use crate::reader::{Reader, Section};
use crate::scalar;
use crate::v1::service::{command, small, span};

pub(crate) fn read(reader: &mut Reader<'_>, service: &Section<'_>) -> HealthSpec {
    let section = reader.section(service, "health");
    let ready = probe(reader, &section, &ProbeTarget::Tcp);
    let start_timeout = span(reader, &section, "start-timeout");
    let live = reader.section(&section, "live");
    let live_probe = probe(reader, &live, &ready.target);
    HealthSpec { ready, live: live.is_present().then_some(live_probe), start_timeout }
}

fn probe(reader: &mut Reader<'_>, section: &Section<'_>, otherwise: &ProbeTarget) -> ProbeSpec {
    ProbeSpec {
        target: target(reader, section).unwrap_or_else(|| otherwise.clone()),
        interval: span(reader, section, "interval"),
        timeout: span(reader, section, "timeout"),
        fall: small(reader, section, "fall"),
        rise: small(reader, section, "rise"),
    }
}

fn target(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<ProbeTarget> {
    reader.one_of(section, &["path", "tcp", "command"]);
    let path = reader.get(section, "path", scalar::url_path).map(|path| ProbeTarget::Http { path });
    let tcp = reader.get(section, "tcp", scalar::yes).map(|()| ProbeTarget::Tcp);
    let command = command(reader, section, "command").map(|words| ProbeTarget::Command { words });
    path.or(tcp).or(command)
}
