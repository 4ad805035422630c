//! `[release.NAME]`: services that go together, and which waits for which.

use std::collections::BTreeMap;

use staunch_model::{ReleaseMember, ReleaseSpec, ServiceName};

use crate::codes::Code;
use crate::reader::{Reader, Section};
use crate::syntax::Value;
use crate::v1::keys::RELEASE;
use crate::{Diagnostic, scalar};

/// All releases of the file; `known` are its services.
pub(crate) fn read(reader: &mut Reader<'_>, root: &Section<'_>, known: &[ServiceName]) -> Vec<ReleaseSpec> {
    reader.note_origin(root, root.key("release"));
    let Some(releases) = root.find("release") else { return vec![] };
    let Some(tables) = releases.get_ref().as_table() else {
        let flaw = scalar::Flaw::wrong_type(root.key("release"), "tables", releases.get_ref());
        reader.flawed(releases, flaw.help("write one [release.NAME] table for each release"));
        return vec![];
    };
    tables
        .iter()
        .filter_map(|(name, value)| release(reader, name.get_ref(), name.span(), value, known))
        .collect()
}

fn release<'a>(
    reader: &mut Reader<'_>,
    name: &str,
    span: std::ops::Range<usize>,
    value: &'a Value<'a>,
    known: &[ServiceName],
) -> Option<ReleaseSpec> {
    let parsed: Option<ServiceName> = scalar::name_of(name)
        .map_err(|flaw| reader.report(Diagnostic::error(flaw.code, flaw.message, span)))
        .ok();
    let Some(entries) = value.get_ref().as_table() else {
        let found = scalar::type_name(value.get_ref());
        let message = format!("`{name}` in [release] takes a table, this is {found}");
        reader.report(Diagnostic::error(Code::WrongType, message, value.span()).help("write [release.NAME]"));
        return None;
    };
    let section = reader.open(Section::new(&RELEASE, entries, value.span(), format!("release.{name}")));
    let services = reader.list(&section, "services", scalar::service_name);
    let mut after = edges(reader, &section);
    refuse_strangers(reader, &section, &services, known);
    refuse_outsiders(reader, &section, &services, &after);
    let members = services.into_iter().map(|service| {
        let after = after.remove(&service).unwrap_or_default();
        ReleaseMember { service, after }
    });
    ReleaseSpec::ordered(parsed?, members.collect())
        .map_err(|cycle| refuse_cycle(reader, &section, &cycle))
        .ok()
}

/// `after = { web = ["orders"] }`
fn edges(reader: &mut Reader<'_>, section: &Section<'_>) -> BTreeMap<ServiceName, Vec<ServiceName>> {
    let key = section.key("after");
    reader.note_origin(section, key);
    let Some(value) = section.find("after") else { return BTreeMap::new() };
    let Some(table) = value.get_ref().as_table() else {
        reader.flawed(value, scalar::Flaw::wrong_type(key, "a table", value.get_ref()));
        return BTreeMap::new();
    };
    let mut edges = BTreeMap::new();
    for (name, value) in table {
        let service: Result<ServiceName, _> = scalar::name_of(name.get_ref());
        let Some(items) = value.get_ref().as_array() else {
            reader.flawed(value, scalar::Flaw::wrong_type(key, "lists of services", value.get_ref()));
            continue;
        };
        let mut before = vec![];
        for item in items {
            match scalar::service_name(key, item.get_ref()) {
                Ok(service) => before.push(service),
                Err(flaw) => reader.flawed(item, flaw),
            }
        }
        match service {
            Ok(service) => drop(edges.insert(service, before)),
            Err(flaw) => reader.report(Diagnostic::error(flaw.code, flaw.message, name.span())),
        }
    }
    edges
}

fn refuse_strangers(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    services: &[ServiceName],
    known: &[ServiceName],
) {
    let place = section.value_span("services").unwrap_or_else(|| section.span.clone());
    for (at, service) in services.iter().enumerate() {
        if !known.contains(service) {
            let message = format!("{} names `{service}`, which is no service of this file", section.title());
            let names: Vec<&str> = known.iter().map(ServiceName::as_str).collect();
            let finding = Diagnostic::error(Code::ReleaseMember, message, place.clone());
            reader.report(finding.help(format!("the services are {}", names.join(", "))));
        }
        if services[..at].contains(service) {
            let message = format!("{} names `{service}` twice", section.title());
            reader.report(Diagnostic::error(Code::ReleaseMember, message, place.clone()));
        }
    }
    if services.is_empty() && section.find("services").is_some() {
        let message = format!("{} has no service", section.title());
        reader.report(Diagnostic::error(Code::ReleaseMember, message, place));
    }
}

/// Edges between services that are not in the release would never be looked at.
fn refuse_outsiders(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    services: &[ServiceName],
    after: &BTreeMap<ServiceName, Vec<ServiceName>>,
) {
    let place = section.value_span("after").unwrap_or_else(|| section.span.clone());
    let named = after.iter().flat_map(|(service, before)| std::iter::once(service).chain(before));
    let outside: std::collections::BTreeSet<_> =
        named.filter(|service| !services.contains(service)).collect();
    for service in outside {
        let message = format!("`after` names `{service}`, which is not in `services` of {}", section.title());
        reader.report(Diagnostic::error(Code::ReleaseMember, message, place.clone()));
    }
}

fn refuse_cycle(reader: &mut Reader<'_>, section: &Section<'_>, cycle: &[ServiceName]) {
    let place = section.value_span("after").unwrap_or_else(|| section.span.clone());
    let path: Vec<&str> = cycle.iter().map(ServiceName::as_str).collect();
    let message = format!("{} can never start: {}", section.title(), path.join(" after "));
    reader.report(Diagnostic::error(Code::ReleaseCycle, message, place).here("each waits for the next"));
}
