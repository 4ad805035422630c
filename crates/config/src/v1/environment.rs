//! `[environments.NAME]`: the file with some of its keys changed.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::Diagnostic;
use crate::codes::Code;
use crate::reader::{Origin, Reader, Section};
use crate::scalar::{self, Flaw};
use crate::syntax::Value;
use crate::v1::keys::policy_keys::OF_POLICY;
use crate::values::Overlay;

/// The names of the environments, in the order of the alphabet.
pub(crate) fn names(root: &DeTable<'_>) -> Vec<String> {
    let table = root.get("environments").and_then(|value| value.get_ref().as_table());
    table.into_iter().flat_map(DeTable::keys).map(|name| name.get_ref().to_string()).collect()
}

/// The file as it reads in this environment; without a name, as it stands.
///
/// # Errors
/// When there is no such environment.
pub(crate) fn select<'a>(root: &DeTable<'a>, name: Option<&str>) -> Result<DeTable<'a>, Diagnostic> {
    let mut base = root.clone();
    let environments = base.remove("environments");
    let Some(name) = name else { return Ok(base) };
    let table = environments.as_ref().and_then(|value| value.get_ref().as_table());
    match table.and_then(|table| table.get(name)) {
        Some(changes) => {
            Ok(changes.get_ref().as_table().map_or(base.clone(), |changes| overlay(&base, changes)))
        }
        None => Err(unknown(name, &names(root), environments.as_ref())),
    }
}

fn unknown(name: &str, known: &[String], place: Option<&Value<'_>>) -> Diagnostic {
    let span: Range<usize> = place.map_or(0..0, |value| value.span());
    let finding =
        Diagnostic::error(Code::EnvironmentUnknown, format!("there is no environment `{name}`"), span);
    match known {
        [] => finding,
        known => finding.help(format!("use one of {}", known.join(", "))),
    }
}

/// What the chosen environment says, wherever it says it.
pub(crate) fn overlay_of(root: &DeTable<'_>, name: Option<&str>) -> Overlay {
    let environments = root.get("environments").and_then(|value| value.get_ref().as_table());
    let chosen = environments.zip(name).and_then(|(all, name)| all.get(name));
    Overlay::of(chosen.and_then(|value| value.get_ref().as_table()))
}

/// `environments` is a table of tables whose names can be folders.
pub(crate) fn check_form(reader: &mut Reader<'_>, root: &DeTable<'_>) {
    let key = Section::absent_root().key("environments");
    let origin = root.get("environments").map_or(Origin::Absent, |value| Origin::File(value.span()));
    reader.note(key.name.to_owned(), key, origin, root.get("environments").map(Spanned::get_ref));
    let Some(value) = root.get("environments") else { return };
    let Some(table) = value.get_ref().as_table() else {
        return reader.flawed(
            value,
            Flaw::wrong_type(key, "tables", value.get_ref()).help("write [environments.staging]"),
        );
    };
    for (name, value) in table {
        if let Err(flaw) = scalar::name_of(name.get_ref()) {
            let message = "an environment's name is 1 to 63 of a-z, 0-9 and `-`, starting with a letter";
            reader.report(Diagnostic::error(flaw.code, message, name.span()));
        }
        let Some(changes) = value.get_ref().as_table() else {
            reader.flawed(
                value,
                Flaw::wrong_type(key, "tables", value.get_ref()).help("write [environments.staging]"),
            );
            continue;
        };
        if let Some((nested, _)) = changes.get_key_value("environments") {
            let message = "an environment has no environments of its own";
            reader.report(Diagnostic::error(Code::UnknownKey, message, nested.span()));
        }
    }
}

/// At the top `requires` and `approvals` stand for those of [policy]; below, the tables are merged as they are.
fn overlay<'a>(base: &DeTable<'a>, changes: &DeTable<'a>) -> DeTable<'a> {
    let (of_policy, others): (DeTable<'a>, DeTable<'a>) = changes
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .partition(|(key, _)| OF_POLICY.contains(&key.get_ref().as_ref()));
    let mut merged = merge(base, &others);
    merged.remove("environments");
    if let Some((key, value)) = of_policy.iter().next() {
        let policy = Spanned::new(value.span(), DeValue::Table(of_policy.clone()));
        let alone = [(Spanned::new(key.span(), "policy".into()), policy)].into_iter().collect();
        merged = merge(&merged, &alone);
    }
    merged
}

/// Tables are merged key by key; everything else is replaced.
fn merge<'a>(base: &DeTable<'a>, changes: &DeTable<'a>) -> DeTable<'a> {
    let mut merged = base.clone();
    for (key, value) in changes {
        let old = merged.remove(key.get_ref().as_ref());
        let old = old.as_ref().and_then(|old| old.get_ref().as_table());
        let new = match (old, value.get_ref().as_table()) {
            (Some(old), Some(new)) => Spanned::new(value.span(), DeValue::Table(merge(old, new))),
            (_, _) => value.clone(),
        };
        merged.insert(key.clone(), new);
    }
    merged
}
