//! What holds for a service and where each value comes from: the file, an environment's table, or a default.

use std::collections::{BTreeMap, BTreeSet};

use staunch_model::{Given, ServiceName, Setting};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::Project;
use crate::reader::Origin;
use crate::v1::keys::{self, Key, Kind};

type Name<'a> = Spanned<std::borrow::Cow<'a, str>>;

/// One key that has a say for a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyValue {
    /// Within the service (`canary.bake`), or within the file (`policy.max-share`).
    pub key: String,
    /// As it is written; absent when the file does not give it. Never a value of `env`.
    pub given: Option<Setting>,
    /// TOML; absent when the key has no default: what then holds is in `about`.
    pub default: Option<&'static str>,
    pub about: &'static str,
}

/// What the reader saw of one key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Note {
    written: Option<Written>,
    default: Option<&'static str>,
    about: &'static str,
    /// Its keys have notes of their own.
    table: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct Written {
    value: String,
    line: u32,
    of_environment: bool,
}

/// Beginnings of everything that the chosen environment's table holds.
#[derive(Debug, Default)]
pub(crate) struct Overlay(BTreeSet<usize>);

impl Overlay {
    pub(crate) fn of(changes: Option<&DeTable<'_>>) -> Self {
        let mut starts = BTreeSet::new();
        changes.into_iter().for_each(|table| beginnings(table, &mut starts));
        Self(starts)
    }
}

fn beginnings(table: &DeTable<'_>, into: &mut BTreeSet<usize>) {
    for value in table.values() {
        into.insert(value.span().start);
        if let Some(inner) = value.get_ref().as_table() {
            beginnings(inner, into);
        }
    }
}

impl Note {
    pub(crate) fn of(
        key: &Key,
        origin: &Origin,
        value: Option<&DeValue<'_>>,
        text: &str,
        line: impl Fn(usize) -> u32,
        overlay: &Overlay,
    ) -> Self {
        let at = match origin {
            Origin::File(span) => Some(span.clone()),
            Origin::Default | Origin::Absent => None,
        };
        let written = at.zip(value).map(|(span, value)| Written {
            value: written(value, text.get(span.clone()).unwrap_or_default()),
            line: line(span.start),
            of_environment: overlay.0.contains(&span.start),
        });
        let default = match key.given {
            keys::Given::Default(literal) => Some(literal),
            keys::Given::Required | keys::Given::ByForm | keys::Given::Optional => None,
        };
        let table = is_table(&key.kind, value);
        Self { written, default, about: key.doc, table }
    }

    /// A variable of `env`: its name is shown, its value never.
    pub(crate) fn variable(key: &Key, line: u32, start: usize, overlay: &Overlay) -> Self {
        let value = Setting::HIDDEN.to_owned();
        let written = Some(Written { value, line, of_environment: overlay.0.contains(&start) });
        Self { written, default: None, about: key.doc, table: false }
    }
}

/// On one line as it stands; over several, or as a table of its own, put together.
fn written(value: &DeValue<'_>, text: &str) -> String {
    let plain = !text.contains('\n') && value.as_table().is_none();
    if plain { text.to_owned() } else { inline(value) }
}

fn inline(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => match number.radix() {
            2 => format!("0b{}", number.as_str()),
            8 => format!("0o{}", number.as_str()),
            16 => format!("0x{}", number.as_str()),
            _ => number.as_str().to_owned(),
        },
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(moment) => moment.to_string(),
        DeValue::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| inline(item.get_ref())).collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::Table(table) => {
            let field =
                |(key, value): (&Name<'_>, &Spanned<DeValue<'_>>)| pair(key.get_ref(), value.get_ref());
            format!("{{ {} }}", table.iter().map(field).collect::<Vec<_>>().join(", "))
        }
    }
}

fn pair(key: &str, value: &DeValue<'_>) -> String {
    let bare =
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    format!("{} = {}", if bare { key.to_owned() } else { quoted(key) }, inline(value))
}

/// A basic string of TOML escapes as JSON does.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Keys below it are noted one by one.
fn is_table(kind: &Kind, value: Option<&DeValue<'_>>) -> bool {
    match kind {
        Kind::Table(_)
        | Kind::Tables(_)
        | Kind::Services
        | Kind::Releases
        | Kind::Environments
        | Kind::Metrics
        | Kind::CommandGates
        | Kind::Dependencies => true,
        // Its variables are shown one by one, and nothing of it when it has none.
        Kind::Env => value.is_some(),
        Kind::ReportOr(_) | Kind::SizeOrTable { .. } | Kind::Switch => {
            value.is_some_and(|value| value.as_table().is_some())
        }
        Kind::ServiceName
        | Kind::Version
        | Kind::File
        | Kind::Files
        | Kind::Report
        | Kind::UrlPath
        | Kind::Token
        | Kind::Command
        | Kind::Address
        | Kind::Duration { .. }
        | Kind::Share { .. }
        | Kind::Growth
        | Kind::Points
        | Kind::Size { .. }
        | Kind::Integer { .. }
        | Kind::Weight
        | Kind::Flag
        | Kind::Yes
        | Kind::Choice(_)
        | Kind::HostPort
        | Kind::HttpUrl
        | Kind::Methods
        | Kind::Headers
        | Kind::Places
        | Kind::Steps
        | Kind::Shares
        | Kind::Matches
        | Kind::Commands
        | Kind::Number
        | Kind::Names
        | Kind::Edges
        | Kind::Text
        | Kind::Texts
        | Kind::Choices(_)
        | Kind::Pairs
        | Kind::Clock
        | Kind::Dates => false,
    }
}

/// Tables that mean "not at all" when they are left out: defaults of their keys then hold nowhere.
const OFF_WITHOUT: [&str; 12] = [
    "tls",
    "blue-green",
    "rolling",
    "shadow",
    "slo",
    "confidence",
    "infra",
    "health.live",
    "canary.who",
    "control",
    "policy.approvals",
    "checks",
];

fn is_off_without(table: &str) -> bool {
    OFF_WITHOUT.contains(&table)
        || ["gates.", "triggers.", "checks."].iter().any(|group| table.starts_with(group))
}

impl Project {
    /// Every key that has a say for this service, in the order of the alphabet: its own, then those that hold for all
    /// services of the file. Empty for a service that the file does not name.
    pub fn values(&self, service: &ServiceName) -> Vec<KeyValue> {
        let Some(spec) = self.services.iter().find(|spec| &spec.name == service) else { return vec![] };
        let prefix = if self.is_of_several() { format!("services.{service}.") } else { String::new() };
        let own: BTreeMap<&str, &Note> =
            self.notes.iter().filter_map(|(path, note)| Some((path.strip_prefix(&prefix)?, note))).collect();
        let mut shown: Vec<KeyValue> = own
            .iter()
            .filter(|(key, note)| is_shown(key, note, &own, spec.is_worker()))
            .map(|(key, note)| self.value(key, note))
            .collect();
        if self.is_of_several() {
            let common = |path: &str| !path.starts_with("services.") && is_of_file(path);
            let all: BTreeMap<&str, &Note> = self
                .notes
                .iter()
                .filter(|(path, _)| common(path))
                .map(|(path, note)| (path.as_str(), note))
                .collect();
            let more = all.iter().filter(|(key, note)| is_shown(key, note, &all, spec.is_worker()));
            shown.extend(more.map(|(key, note)| self.value(key, note)));
        }
        shown
    }

    /// Each service carries what the file gives of it.
    pub(crate) fn give_words(&mut self) {
        let words = |spec: &staunch_model::ServiceSpec| {
            Given(self.values(&spec.name).into_iter().filter_map(|one| one.given).collect())
        };
        let all: Vec<Given> = self.services.iter().map(words).collect();
        self.services.iter_mut().zip(all).for_each(|(spec, given)| spec.policy.given = given);
    }

    fn is_of_several(&self) -> bool {
        self.notes.contains_key("services")
    }

    fn value(&self, key: &str, note: &Note) -> KeyValue {
        let environment = |written: &Written| self.environment.clone().filter(|_| written.of_environment);
        let given = note.written.as_ref().map(|written| Setting {
            key: key.to_owned(),
            value: written.value.clone(),
            line: written.line,
            environment: environment(written),
        });
        KeyValue { key: key.to_owned(), given, default: note.default, about: note.about }
    }
}

/// Keys beside the services.
fn is_of_file(path: &str) -> bool {
    let first = path.split(['.', '[']).next().unwrap_or_default();
    ["api", "control", "policy", "windows", "versions", "release"].contains(&first)
}

fn is_shown(key: &str, note: &Note, all: &BTreeMap<&str, &Note>, worker: bool) -> bool {
    let given = note.written.is_some();
    // A step of a list stands in the list.
    if note.table || key == "environments" || key.contains("steps[") {
        return false;
    }
    given || (!is_off(key, all) && !is_of_the_other_path(key, all, worker))
}

/// One of the tables around it is left out, and means nothing then.
fn is_off(key: &str, all: &BTreeMap<&str, &Note>) -> bool {
    let tables = key.match_indices('.').map(|(at, _)| &key[..at]);
    tables
        .into_iter()
        .any(|table| is_off_without(table) && all.get(table).is_some_and(|note| note.written.is_none()))
}

/// A service takes one path: a canary, blue-green, or a worker's.
fn is_of_the_other_path(key: &str, all: &BTreeMap<&str, &Note>, worker: bool) -> bool {
    let blue_green = all.get("blue-green").is_some_and(|note| note.written.is_some());
    key.starts_with("canary.") && (worker || blue_green)
}
