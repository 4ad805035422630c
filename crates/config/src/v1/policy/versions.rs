//! `[[versions]]`.

use std::collections::BTreeMap;

use staunch_model::{Schema, ServiceName, VersionEntry, VersionMatch, semantic};

use super::values;
use crate::Diagnostic;
use crate::codes::Code;
use crate::reader::{Reader, Section};
use crate::scalar::{self, Flaw};
use crate::v1::keys::policy_keys::VERSION;

/// By the service they are about.
pub(super) fn read(
    reader: &mut Reader<'_>,
    root: &Section<'_>,
    names: &[ServiceName],
) -> BTreeMap<String, Vec<VersionEntry>> {
    let mut entries: BTreeMap<String, Vec<VersionEntry>> = BTreeMap::new();
    let sections = reader.tables(root, "versions", &VERSION);
    let known: std::collections::BTreeSet<&str> = names.iter().map(|name| name.as_str()).collect();
    for (section, number) in sections.iter().zip(1..) {
        let entry = entry(reader, section, number);
        let owner = owner(reader, section, names, &known);
        if let Some((owner, entry)) = owner.zip(entry) {
            entries.entry(owner).or_default().push(entry);
        }
    }
    entries
}

fn owner(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    names: &[ServiceName],
    known: &std::collections::BTreeSet<&str>,
) -> Option<String> {
    match (reader.get(section, "service", scalar::service_name), names) {
        (Some(name), _) if known.contains(name.as_str()) => Some(name.to_string()),
        (Some(name), _) => {
            let span = section.value_span("service").unwrap_or_else(|| section.span.clone());
            let message = format!("there is no service `{name}` in this file");
            reader.report(Diagnostic::error(Code::UnknownService, message, span));
            None
        }
        (None, [only]) => Some(only.to_string()),
        (None, _) => {
            if section.find("service").is_none() && !names.is_empty() {
                reader.missing(section, "service");
            }
            None
        }
    }
}

fn entry(reader: &mut Reader<'_>, section: &Section<'_>, number: u32) -> Option<VersionEntry> {
    let versions = reader.get(section, "version", values::range);
    let entry = VersionEntry {
        requires: values::ranges(reader, section, "requires"),
        breaks: values::ranges(reader, section, "breaks"),
        schema: reader.get(section, "schema", schema),
        migrates_to: reader.get(section, "migrates-to", scalar::integer),
        deprecated: reader.get(section, "deprecated", scalar::text),
        upgrade_via: vias(reader, section),
        downgrade_to: reader.get(section, "downgrade-to", values::range),
        before: plain(reader, section, "before"),
        after: plain(reader, section, "after"),
        line: reader.line_of(section.span.start),
        number,
        ..VersionEntry::about(VersionMatch::Name(String::new()))
    };
    Some(VersionEntry { versions: versions?, ..entry })
}

fn plain(reader: &mut Reader<'_>, section: &Section<'_>, name: &str) -> Vec<String> {
    values::texts(reader, section, name).into_iter().map(|(text, _)| text).collect()
}

/// They have to be compared, so they are versions such as 1.8.
fn vias(reader: &mut Reader<'_>, section: &Section<'_>) -> Vec<String> {
    let mut vias = vec![];
    for (text, span) in values::texts(reader, section, "upgrade-via") {
        if semantic(&text).is_none() {
            let message = format!("`upgrade-via`: \"{text}\" cannot be compared with other versions");
            reader.report(
                Diagnostic::error(Code::VersionRange, message, span).help("write versions such as \"1.8\""),
            );
        }
        vias.push(text);
    }
    vias
}

fn schema(key: &crate::v1::keys::Key, value: &toml::de::DeValue<'_>) -> scalar::Read<Schema> {
    let text = scalar::text(key, value)?;
    let (least, most) = text.split_once("..").unwrap_or((&text, &text));
    let bounds = least.trim().parse().ok().zip(most.trim().parse().ok());
    bounds.filter(|(least, most)| least <= most).map(|(least, most)| Schema { least, most }).ok_or_else(
        || {
            Flaw::new(Code::VersionRange, format!("`schema`: \"{text}\" is no range of schema numbers"))
                .help("write \"12\" or \"12..14\"")
        },
    )
}
