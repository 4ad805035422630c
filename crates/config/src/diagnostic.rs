//! What is wrong with a file, where, and what to do about it.

use std::ops::Range;

use serde_json::{Value, json};

use crate::LineColumn;
use crate::codes::Code;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is accepted; something in it is probably not what was meant.
    Warning,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A marked stretch of the file, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub span: Range<usize>,
    /// What is to be seen there; may be empty.
    pub text: String,
}

/// One finding. The first label is the place it is about; further ones are what it disagrees with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// One of the codes of [`crate::explain_codes`].
    pub code: &'static str,
    pub message: String,
    pub labels: Vec<Label>,
    pub help: Option<String>,
}

impl Diagnostic {
    pub(crate) fn error(code: Code, message: impl Into<String>, at: Range<usize>) -> Self {
        let label = Label { span: at, text: String::new() };
        let help = Some(code.fix().to_owned());
        Self {
            severity: Severity::Error,
            code: code.name(),
            message: message.into(),
            labels: vec![label],
            help,
        }
    }
    pub(crate) fn warning(code: Code, message: impl Into<String>, at: Range<usize>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message, at) }
    }
    /// Says what is to be seen at the first label.
    #[must_use]
    pub(crate) fn here(mut self, text: impl Into<String>) -> Self {
        if let Some(first) = self.labels.first_mut() {
            first.text = text.into();
        }
        self
    }
    #[must_use]
    pub(crate) fn and(mut self, span: Range<usize>, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
    /// Stands for this finding and those behind it; an error if one of them is.
    fn and_more(&self, beyond: &[Self]) -> Self {
        let message = format!("{} more findings, the first of them here", beyond.len());
        let severity = beyond.iter().map(|one| one.severity).min().unwrap_or(self.severity);
        Self { severity, ..Self::error(Code::TooMany, message, self.start()..self.start()) }
    }
    fn start(&self) -> usize {
        self.labels.first().map_or(0, |label| label.span.start)
    }
    fn to_json(&self, text: &str) -> Value {
        let labels: Vec<Value> = self.labels.iter().map(|label| label_json(label, text)).collect();
        let place = LineColumn::of(text, self.start());
        json!({
            "severity": self.severity.name(),
            "code": self.code,
            "message": self.message,
            "line": place.line,
            "column": place.column,
            "labels": labels,
            "help": self.help,
        })
    }
}

fn label_json(label: &Label, text: &str) -> Value {
    let place = LineColumn::of(text, label.span.start);
    json!({
        "start": label.span.start,
        "end": label.span.end,
        "line": place.line,
        "column": place.column,
        "text": label.text,
    })
}

/// More are not read by anyone, and cost time to print.
const MOST: usize = 100;

/// The findings of a file in the order of their places: all of them, up to a hundred.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    pub(crate) fn sorted(mut list: Vec<Diagnostic>) -> Self {
        list.sort_by_key(|one| (one.start(), one.severity));
        let beyond = list.split_off(list.len().min(MOST));
        list.extend(beyond.first().map(|first| first.and_more(&beyond)));
        Self(list)
    }
    /// With further findings, in the order of their places.
    #[must_use]
    pub fn with(self, more: impl IntoIterator<Item = Diagnostic>) -> Self {
        Self::sorted(self.0.into_iter().chain(more).collect())
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }
    /// `2 errors, 1 warning`.
    pub fn summary(&self) -> String {
        [Severity::Error, Severity::Warning]
            .into_iter()
            .filter_map(|severity| match self.count(severity) {
                0 => None,
                1 => Some(format!("1 {}", severity.name())),
                many => Some(format!("{many} {}s", severity.name())),
            })
            .collect::<Vec<_>>()
            .join(", ")
    }
    fn count(&self, severity: Severity) -> usize {
        self.0.iter().filter(|one| one.severity == severity).count()
    }
    /// `[{severity, code, message, line, column, labels: [{start, end, line, column, text}], help}]`; lines and
    /// columns count from 1, columns in characters, `start` and `end` in bytes. `text` is the text that was parsed.
    pub fn to_json(&self, text: &str) -> Value {
        self.0.iter().map(|one| one.to_json(text)).collect()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
