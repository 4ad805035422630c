//! Reading with a table of keys in hand: nothing is taken that is not listed, everything wrong is noted and
//! replaced by its default, so that the reading always goes on to the end of the file.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::Diagnostic;
use crate::codes::Code;
use crate::scalar::{self, Flaw, Read};
use crate::syntax::Value;
use crate::v1::keys::{Given, Key, Kind, ROOT, SERVICE, Table};
use crate::values::{Note, Overlay};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// From the file, at these bytes.
    File(Range<usize>),
    /// The default of the key.
    Default,
    /// Not given, and the key has no default value: what then holds is in the key's documentation.
    Absent,
}

/// What is noted while the file is read.
pub(crate) struct Reader<'t> {
    text: &'t str,
    line_ends: Vec<usize>,
    pub(crate) findings: Vec<Diagnostic>,
    /// By path: `services.web.canary.bake`.
    pub(crate) origins: BTreeMap<String, Origin>,
    /// By the same paths, and by those of variables.
    pub(crate) notes: BTreeMap<String, Note>,
    /// What the chosen environment says.
    pub(crate) overlay: Overlay,
}

/// One table of the file, present or not, with the keys it may have.
pub(crate) struct Section<'a> {
    table: &'static Table,
    entries: Option<&'a DeTable<'a>>,
    /// The header, or the braces of an inline table; the first line for the top level.
    pub(crate) span: Range<usize>,
    pub(crate) path: String,
}

impl<'a> Section<'a> {
    pub(crate) fn new(
        table: &'static Table,
        entries: &'a DeTable<'a>,
        span: Range<usize>,
        path: String,
    ) -> Self {
        Self { table, entries: Some(entries), span, path }
    }
    /// The top level of a file without a key.
    pub(crate) fn absent_root() -> Self {
        Self::absent(&ROOT, String::new())
    }
    pub(crate) fn absent(table: &'static Table, path: String) -> Self {
        Self { table, entries: None, span: 0..0, path }
    }
    pub(crate) fn is_present(&self) -> bool {
        self.entries.is_some()
    }
    pub(crate) fn find(&self, name: &str) -> Option<&'a Value<'a>> {
        self.entries?.get(name)
    }
    pub(crate) fn value_span(&self, name: &str) -> Option<Range<usize>> {
        self.find(name).map(|value| value.span())
    }
    pub(crate) fn key_span(&self, name: &str) -> Option<Range<usize>> {
        self.entries?.get_key_value(name).map(|(key, _)| key.span())
    }
    pub(crate) fn key(&self, name: &str) -> &'static Key {
        self.table.key(name).expect("the converters ask for listed keys only; a test reads them all")
    }
    pub(crate) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
    /// How a person calls this table.
    pub(crate) fn title(&self) -> String {
        match self.path.as_str() {
            "" => "the file".to_owned(),
            item if item.ends_with(']') => format!("`{item}`"),
            table => format!("[{table}]"),
        }
    }
}

impl<'t> Reader<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let line_ends = text.match_indices('\n').map(|(at, _)| at).collect();
        let (origins, notes) = (BTreeMap::new(), BTreeMap::new());
        Self { text, line_ends, findings: Vec::new(), origins, notes, overlay: Overlay::default() }
    }
    pub(crate) fn report(&mut self, finding: Diagnostic) {
        self.findings.push(finding);
    }

    /// The table under `name`; an absent one reads as all defaults.
    pub(crate) fn section<'a>(&mut self, parent: &Section<'a>, name: &str) -> Section<'a> {
        let key = parent.key(name);
        let Kind::Table(table) = key.kind else { return Section::absent(&ROOT, parent.path_of(name)) };
        let path = parent.path_of(name);
        let Some(value) = parent.find(name) else {
            self.note(path.clone(), key, Origin::Absent, None);
            return Section::absent(table, path);
        };
        self.note(path.clone(), key, Origin::File(value.span()), Some(value.get_ref()));
        match value.get_ref().as_table() {
            Some(entries) => self.open(Section::new(table, entries, value.span(), path)),
            None => {
                self.flawed(value, Flaw::wrong_type(key, "a table", value.get_ref()));
                Section::absent(table, path)
            }
        }
    }

    /// A table, or one value that stands for a table with every default.
    pub(crate) fn section_or<'a, T>(
        &mut self,
        parent: &Section<'a>,
        name: &str,
        read: impl Fn(&Key, &DeValue<'_>) -> Read<T>,
    ) -> (Section<'a>, Option<T>) {
        let key = parent.key(name);
        let Kind::ReportOr(table) = key.kind else { return (self.section(parent, name), None) };
        let path = parent.path_of(name);
        self.note_origin(parent, key);
        let Some(value) = parent.find(name) else { return (Section::absent(table, path), None) };
        if let Some(entries) = value.get_ref().as_table() {
            return (self.open(Section::new(table, entries, value.span(), path)), None);
        }
        let alone = read(key, value.get_ref()).map_err(|flaw| self.flawed(value, flaw)).ok();
        (Section::absent(table, path), alone)
    }

    /// The table under a key that may also hold a plain value; then it reads as all defaults.
    pub(crate) fn table_or_plain<'a>(
        &mut self,
        parent: &Section<'a>,
        name: &str,
        table: &'static Table,
    ) -> Section<'a> {
        self.note_origin(parent, parent.key(name));
        let path = parent.path_of(name);
        let value = parent.find(name).and_then(|value| Some((value.span(), value.get_ref().as_table()?)));
        match value {
            Some((place, entries)) => self.open(Section::new(table, entries, place, path)),
            None => Section::absent(table, path),
        }
    }

    /// Notes keys that are not listed.
    pub(crate) fn refuse_unknown<'a>(&mut self, section: Section<'a>) -> Section<'a> {
        for key in section.entries.into_iter().flat_map(DeTable::keys) {
            if section.table.key(key.get_ref()).is_none() {
                let finding = unknown_key(&section, key.get_ref(), key.span());
                self.report(finding);
            }
        }
        section
    }

    /// Notes keys that are not listed and required ones that are missing.
    pub(crate) fn open<'a>(&mut self, section: Section<'a>) -> Section<'a> {
        let section = self.refuse_unknown(section);
        for key in section.table.keys() {
            if matches!(key.given, Given::Required) && section.find(key.name).is_none() {
                self.missing(&section, key.name);
            }
        }
        section
    }

    pub(crate) fn missing(&mut self, section: &Section<'_>, name: &str) {
        let doc = section.key(name).doc;
        let finding = Diagnostic::error(
            Code::MissingKey,
            format!("`{name}` is missing in {}", section.title()),
            section.span.clone(),
        );
        self.report(finding.help(format!("add `{name}`. {doc}")));
    }

    /// The value of a key, its default when it is absent or wrong, `None` when there is no default either.
    pub(crate) fn get<T>(
        &mut self,
        section: &Section<'_>,
        name: &str,
        read: impl Fn(&Key, &DeValue<'_>) -> Read<T>,
    ) -> Option<T> {
        let key = section.key(name);
        self.note_origin(section, key);
        let given = section.find(name).and_then(|value| match read(key, value.get_ref()) {
            Ok(read) => Some(read),
            Err(flaw) => {
                self.flawed(value, flaw);
                None
            }
        });
        given.or_else(|| default_of(key, read))
    }

    /// The value of a key that has a default.
    pub(crate) fn value<T>(
        &mut self,
        section: &Section<'_>,
        name: &str,
        read: impl Fn(&Key, &DeValue<'_>) -> Read<T>,
    ) -> T {
        self.get(section, name, read).expect("the key table gives it a default; a test reads them all")
    }

    /// The items of a list; wrong ones are noted each at its place and left out.
    pub(crate) fn list<T>(
        &mut self,
        section: &Section<'_>,
        name: &str,
        read: impl Fn(&Key, &DeValue<'_>) -> Read<T>,
    ) -> Vec<T> {
        let key = section.key(name);
        self.note_origin(section, key);
        let Some(value) = section.find(name) else { return default_items(key, read) };
        let Some(items) = value.get_ref().as_array() else {
            self.flawed(value, Flaw::wrong_type(key, "a list", value.get_ref()));
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| read(key, item.get_ref()).map_err(|flaw| self.flawed(item, flaw)).ok())
            .collect()
    }

    /// Each table of a list of tables; what is none is noted and left out.
    pub(crate) fn tables<'a>(
        &mut self,
        section: &Section<'a>,
        name: &str,
        table: &'static Table,
    ) -> Vec<Section<'a>> {
        let key = section.key(name);
        self.note_origin(section, key);
        let Some(value) = section.find(name) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.flawed(value, Flaw::wrong_type(key, "a list of tables", value.get_ref()));
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (item, number) in items.iter().zip(1..) {
            match item.get_ref().as_table() {
                Some(entries) => {
                    let path = format!("{name}[{number}]");
                    sections.push(self.open(Section::new(table, entries, item.span(), path)));
                }
                None => self.flawed(item, Flaw::wrong_type(key, "a list of tables", item.get_ref())),
            }
        }
        sections
    }

    /// The line of a place, counted from 1.
    pub(crate) fn line_of(&self, at: usize) -> u32 {
        u32::try_from(self.line_ends.partition_point(|&end| end < at) + 1).unwrap_or(u32::MAX)
    }

    /// Environment variables; wrong ones are noted each at its place and left out.
    pub(crate) fn env(&mut self, section: &Section<'_>, name: &str) -> BTreeMap<String, String> {
        let key = section.key(name);
        self.note_origin(section, key);
        let Some(value) = section.find(name) else { return BTreeMap::new() };
        let Some(table) = value.get_ref().as_table() else {
            self.flawed(value, Flaw::wrong_type(key, "a table of text", value.get_ref()));
            return BTreeMap::new();
        };
        let mut env = BTreeMap::new();
        for (variable, value) in table {
            if let Err(flaw) = scalar::env_name(variable.get_ref()) {
                self.flawed_at(variable.span(), flaw);
            }
            let start = value.span().start;
            let note = Note::variable(key, self.line_of(start), start, &self.overlay);
            self.notes.insert(format!("{}.{}", section.path_of(name), variable.get_ref()), note);
            match scalar::env_value(key, variable.get_ref(), value.get_ref()) {
                Ok(text) => drop(env.insert(variable.get_ref().to_string(), text)),
                Err(flaw) => self.flawed(value, flaw),
            }
        }
        env
    }

    /// Which one of keys that exclude each other is given; more than one is noted with all their places.
    pub(crate) fn one_of(&mut self, section: &Section<'_>, names: &[&'static str]) -> Option<&'static str> {
        let given: Vec<&'static str> =
            names.iter().copied().filter(|name| section.find(name).is_some()).collect();
        if let [first, others @ ..] = given.as_slice()
            && !others.is_empty()
        {
            let listed = given.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
            let message = format!("{listed} exclude each other in {}", section.title());
            let place = |name: &str| section.key_span(name).unwrap_or_else(|| section.span.clone());
            let start = Diagnostic::error(Code::OneOf, message, place(first)).here("this one");
            let finding =
                others.iter().fold(start, |finding, other| finding.and(place(other), "or this one"));
            self.report(finding);
        }
        given.first().copied()
    }

    pub(crate) fn none_of(&mut self, section: &Section<'_>, listed: &str) {
        let message = format!("{} needs one of {listed}", section.title());
        self.report(
            Diagnostic::error(Code::OneOf, message, section.span.clone()).help(format!("give {listed}")),
        );
    }

    pub(crate) fn note_origin(&mut self, section: &Section<'_>, key: &Key) {
        let origin = match (section.value_span(key.name), key.given) {
            (Some(span), _) => Origin::File(span),
            (None, Given::Default(_)) => Origin::Default,
            (None, Given::Required | Given::ByForm | Given::Optional) => Origin::Absent,
        };
        let value = section.find(key.name).map(toml::Spanned::get_ref);
        self.note(section.path_of(key.name), key, origin, value);
    }

    pub(crate) fn note(&mut self, path: String, key: &Key, origin: Origin, value: Option<&DeValue<'_>>) {
        let note = Note::of(key, &origin, value, self.text, |at| self.line_of(at), &self.overlay);
        self.notes.insert(path.clone(), note);
        self.origins.insert(path, origin);
    }

    pub(crate) fn flawed(&mut self, value: &Value<'_>, flaw: Flaw) {
        let whole = value.span();
        let place = match (&flaw.item, &flaw.within) {
            (Some(item), _) => item.clone(),
            (None, Some(part)) => self.part_of_text(&whole, part).unwrap_or(whole),
            (None, None) => whole,
        };
        self.flawed_at(place, flaw);
    }

    fn flawed_at(&mut self, place: Range<usize>, flaw: Flaw) {
        let finding = Diagnostic::error(flaw.code, flaw.message, place);
        self.report(match flaw.help {
            Some(help) => finding.help(help),
            None => finding,
        });
    }

    /// The place of a part of a text value, when the text stands in the file letter by letter.
    fn part_of_text(&self, whole: &Range<usize>, part: &Range<usize>) -> Option<Range<usize>> {
        let written = self.text.get(whole.clone())?;
        let plain = !written.starts_with("\"\"\"") && !written.starts_with("'''");
        let literal = plain && (written.starts_with('\'') || !written.contains('\\'));
        let start = whole.start + 1;
        literal.then_some(start + part.start..start + part.end)
    }
}

/// Reads the default as if it stood in the file, so that the documented default is the one that holds.
fn default_of<T>(key: &Key, read: impl Fn(&Key, &DeValue<'_>) -> Read<T>) -> Option<T> {
    let Given::Default(literal) = key.given else { return None };
    let value = DeValue::parse(literal).ok()?;
    read(key, value.get_ref()).ok()
}

/// As [`default_of`], for a list.
fn default_items<T>(key: &Key, read: impl Fn(&Key, &DeValue<'_>) -> Read<T>) -> Vec<T> {
    let Given::Default(literal) = key.given else { return Vec::new() };
    let list = DeValue::parse(literal).ok();
    let items = list.as_ref().and_then(|list| list.get_ref().as_array()).into_iter().flatten();
    items.filter_map(|item| read(key, item.get_ref()).ok()).collect()
}

fn unknown_key(section: &Section<'_>, name: &str, span: Range<usize>) -> Diagnostic {
    let finding =
        Diagnostic::error(Code::UnknownKey, format!("unknown key `{name}` in {}", section.title()), span);
    if let Some(near) = nearest(name, section.table) {
        return finding.help(format!("did you mean `{near}`?"));
    }
    let service =
        section.path.starts_with("services.").then(|| section.path.split('.').take(2).collect::<Vec<_>>());
    let (start, path) = service.map_or((&ROOT, String::new()), |parts| (&SERVICE, parts.join(".")));
    match home_of(name, start, &path) {
        Some(home) => finding.help(format!("`{name}` belongs in {home}")),
        None => finding,
    }
}

/// The key of this table that is spelt most alike.
fn nearest(name: &str, table: &Table) -> Option<&'static str> {
    let tidy = name.to_ascii_lowercase().replace('_', "-");
    let scored = table.keys().map(|key| (strsim::normalized_damerau_levenshtein(&tidy, key.name), key.name));
    scored.filter(|(score, _)| *score >= 0.6).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

/// The table that has a key of this name, looked for from the top.
fn home_of(name: &str, table: &'static Table, path: &str) -> Option<String> {
    let tidy = name.to_ascii_lowercase().replace('_', "-");
    if table.key(&tidy).is_some() {
        return Some(if path.is_empty() { "the top level".to_owned() } else { format!("[{path}]") });
    }
    table.keys().find_map(|key| {
        let (Kind::Table(inner) | Kind::ReportOr(inner)) = key.kind else { return None };
        let inner_path = if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
        home_of(name, inner, &inner_path)
    })
}
