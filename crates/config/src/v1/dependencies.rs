//! `[triggers.dependency.NAME]`: what the service needs beside itself.

use std::ops::Range;
use std::time::Duration;

use staunch_model::{DependencySpec, DependencyTarget, SharedFault, Signal, TriggerRule};

use crate::codes::Code;
use crate::reader::{Reader, Section};
use crate::syntax::Value;
use crate::v1::service::{command, small, span};
use crate::v1::trigger_keys::DEPENDENCY;
use crate::{Diagnostic, scalar};

/// More than this would be a monitoring system.
const MOST: usize = 32;

pub(crate) fn read(reader: &mut Reader<'_>, triggers: &Section<'_>) -> Vec<TriggerRule> {
    let key = triggers.key("dependency");
    reader.note_origin(triggers, key);
    let Some(value) = triggers.find("dependency") else { return vec![] };
    let Some(tables) = value.get_ref().as_table() else {
        reader.flawed(value, scalar::Flaw::wrong_type(key, "tables with names", value.get_ref()));
        return vec![];
    };
    if tables.len() > MOST {
        let message = format!("{} dependencies are more than the {MOST} that are watched", tables.len());
        reader.report(Diagnostic::error(Code::OutOfRange, message, value.span()));
    }
    let path = triggers.path_of("dependency");
    tables.iter().filter_map(|(name, value)| one(reader, name.get_ref(), name.span(), value, &path)).collect()
}

fn one(
    reader: &mut Reader<'_>,
    name: &str,
    name_span: Range<usize>,
    value: &Value<'_>,
    path: &str,
) -> Option<TriggerRule> {
    let named = scalar::name_of(name).is_ok();
    if !named {
        let message = format!("\"{name}\" cannot be the name of a dependency");
        let help = "use 1 to 63 of a-z, 0-9 and `-`, starting with a letter";
        reader.report(Diagnostic::error(Code::DependencyName, message, name_span).help(help));
    }
    let Some(entries) = value.get_ref().as_table() else {
        let message = format!("`{name}` takes a table, this is {}", scalar::type_name(value.get_ref()));
        let help =
            format!("write [triggers.dependency.{name}] and one of tcp, http, postgres, redis or command");
        reader.report(Diagnostic::error(Code::WrongType, message, value.span()).help(help));
        return None;
    };
    let section = reader.open(Section::new(&DEPENDENCY, entries, value.span(), format!("{path}.{name}")));
    rule(reader, &section, name.to_owned()).filter(|_| named)
}

fn rule(reader: &mut Reader<'_>, section: &Section<'_>, name: String) -> Option<TriggerRule> {
    let target = target(reader, section);
    let warns = reader.value(section, "action", scalar::choice) == "warn";
    let used_by = reader.get(section, "used-by", scalar::choice);
    let shared = reader.value(section, "shared", scalar::choice);
    let (interval, timeout) = (span(reader, section, "interval"), span(reader, section, "timeout"));
    let fall = small(reader, section, "fall");
    let (sustain, cooldown): (Duration, Duration) =
        (span(reader, section, "for"), span(reader, section, "cooldown"));
    let spec = DependencySpec {
        name,
        target: target?,
        interval,
        timeout,
        fall,
        shared: if shared == "rollback" { SharedFault::Rollback } else { SharedFault::Page },
        of_stable: used_by.map(|used_by| used_by == "both"),
    };
    let limit = Some(0.0);
    let (warn, rollback) = (limit.filter(|_| warns), limit.filter(|_| !warns));
    Some(TriggerRule { signal: Signal::Dependency(spec), warn, rollback, sustain, cooldown })
}

fn target(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<DependencyTarget> {
    let tcp = reader.get(section, "tcp", scalar::host_port);
    let http = reader.get(section, "http", scalar::http_url);
    let postgres = reader.get(section, "postgres", scalar::host_port);
    let redis = reader.get(section, "redis", scalar::host_port);
    let words = command(reader, section, "command");
    match reader.one_of(section, &["tcp", "http", "postgres", "redis", "command"]) {
        Some("tcp") => Some(DependencyTarget::Tcp { address: tcp? }),
        Some("http") => http.map(|(address, path)| DependencyTarget::Http { address, path }),
        Some("postgres") => Some(DependencyTarget::Postgres { address: postgres? }),
        Some("redis") => Some(DependencyTarget::Redis { address: redis? }),
        Some(_) => Some(DependencyTarget::Command { words: words? }),
        None => {
            reader.none_of(section, "`tcp`, `http`, `postgres`, `redis` or `command`");
            None
        }
    }
}
