//! `[health]` and `[health.live]`: the same keys for readiness and liveness.

use std::time::Duration;

use staunch_model::{HealthSpec, ProbeSpec, ProbeTarget};

use crate::reader::{Reader, Section};
use crate::scalar;
use crate::v1::service::{command, small, span};

pub(crate) fn read(reader: &mut Reader<'_>, service: &Section<'_>, worker: bool) -> HealthSpec {
    let section = reader.section(service, "health");
    let own = by_itself(reader, &section);
    let otherwise = if worker { ProbeTarget::Alive { span: WORKS_AFTER } } else { ProbeTarget::Tcp };
    let mut ready = probe(reader, &section, own.as_ref().unwrap_or(&otherwise));
    if worker && section.find("interval").is_none() && asks_nobody(&ready.target) {
        ready.interval = LOOKED_AT;
    }
    let start_timeout = span(reader, &section, "start-timeout");
    let live = reader.section(&section, "live");
    reader.one_of(&live, &["path", "tcp", "command"]);
    let live_probe = probe(reader, &live, &ready.target);
    if live.is_present() && asks_nobody(&live_probe.target) {
        reader.none_of(&live, "`command`, `path` or `tcp`");
    }
    HealthSpec { ready, live: live.is_present().then_some(live_probe), start_timeout }
}

/// Without a check of its own a worker counts as ready when it has not ended for so long.
const WORKS_AFTER: Duration = Duration::from_secs(2);
/// Nobody is asked, so nobody is disturbed.
const LOOKED_AT: Duration = Duration::from_millis(500);

/// The process is asked nothing: it says so itself, or its being there says it.
fn asks_nobody(target: &ProbeTarget) -> bool {
    match target {
        ProbeTarget::File { .. } | ProbeTarget::Alive { .. } => true,
        ProbeTarget::Http { .. } | ProbeTarget::Tcp | ProbeTarget::Command { .. } => false,
    }
}

fn by_itself(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<ProbeTarget> {
    reader.one_of(section, &["ready-file", "alive-for", "path", "tcp", "command"]);
    let file = reader.get(section, "ready-file", scalar::inside).map(|path| ProbeTarget::File { path });
    let alive = reader.get(section, "alive-for", scalar::duration).map(|span| ProbeTarget::Alive { span });
    file.or(alive)
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
    let path = reader.get(section, "path", scalar::url_path).map(|path| ProbeTarget::Http { path });
    let tcp = reader.get(section, "tcp", scalar::yes).map(|()| ProbeTarget::Tcp);
    let command = command(reader, section, "command").map(|words| ProbeTarget::Command { words });
    path.or(tcp).or(command)
}
