//! Forms of values that only policies have.

use std::collections::BTreeMap;
use std::ops::Range;

use staunch_model::VersionMatch;
use toml::de::DeValue;

use crate::Diagnostic;
use crate::codes::Code;
use crate::reader::{Reader, Section};
use crate::scalar::{self, Flaw, Read};
use crate::v1::keys::Key;

/// One text or a list of them, each with its place.
pub(crate) fn texts(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    name: &str,
) -> Vec<(String, Range<usize>)> {
    let key = section.key(name);
    reader.note_origin(section, key);
    let Some(value) = section.find(name) else { return vec![] };
    let items: Vec<_> = match value.get_ref().as_array() {
        Some(items) => items.iter().collect(),
        None => vec![value],
    };
    let mut read = vec![];
    for item in items {
        match scalar::text(key, item.get_ref()) {
            Ok(text) => read.push((text, item.span())),
            Err(flaw) => reader.flawed(item, flaw),
        }
    }
    read
}

/// Names and a text for each.
pub(super) fn pairs(reader: &mut Reader<'_>, section: &Section<'_>, name: &str) -> BTreeMap<String, String> {
    let key = section.key(name);
    reader.note_origin(section, key);
    let Some(value) = section.find(name) else { return BTreeMap::new() };
    let Some(table) = value.get_ref().as_table() else {
        reader.flawed(value, Flaw::wrong_type(key, "a table of names and texts", value.get_ref()));
        return BTreeMap::new();
    };
    let mut read = BTreeMap::new();
    for (name, value) in table {
        match scalar::text(key, value.get_ref()) {
            Ok(text) => drop(read.insert(name.get_ref().to_string(), text)),
            Err(flaw) => reader.flawed(value, flaw),
        }
    }
    read
}

/// Names and the versions of each that are meant.
pub(super) fn ranges(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    name: &str,
) -> BTreeMap<String, VersionMatch> {
    let place = section.find(name).and_then(|value| value.get_ref().as_table());
    let texts = pairs(reader, section, name);
    let mut read = BTreeMap::new();
    for (service, text) in texts {
        let span = place.and_then(|table| table.get(service.as_str())).map_or(0..0, |value| value.span());
        match parse_range(&text) {
            Ok(range) => drop(read.insert(service, range)),
            Err(why) => reader.report(Diagnostic::error(Code::VersionRange, why, span)),
        }
    }
    read
}

/// A range, or the name of one version. What begins like a range and is none is surely not a name.
pub(super) fn parse_range(text: &str) -> Result<VersionMatch, String> {
    match VersionMatch::parse(text) {
        VersionMatch::Name(name)
            if name.starts_with(['<', '>', '=', '^', '~']) || name.contains([',', '*']) =>
        {
            Err(format!("\"{name}\" is not a range of versions"))
        }
        read @ (VersionMatch::Name(_) | VersionMatch::Range(_)) => Ok(read),
    }
}

pub(super) fn range(_: &Key, value: &DeValue<'_>) -> Read<VersionMatch> {
    let text = value.as_str().unwrap_or_default();
    parse_range(text).map_err(|why| Flaw::new(Code::VersionRange, why))
}

/// Minutes since midnight; 24:00 is the day's end.
pub(super) fn clock(key: &Key, value: &DeValue<'_>) -> Read<u16> {
    let text = scalar::text(key, value)?;
    let minutes = text.split_once(':').filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2);
    let minutes = minutes.and_then(|(hour, minute)| {
        let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
        (minute < 60).then_some(hour * 60 + minute)
    });
    minutes.filter(|minutes| *minutes <= 24 * 60).ok_or_else(|| {
        Flaw::new(Code::InvalidTime, format!("`{}` is a time of day; \"{text}\" is not", key.name))
            .help("write hours and minutes: \"09:00\"; \"24:00\" is the end of the day")
    })
}
