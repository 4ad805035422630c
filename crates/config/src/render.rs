//! Findings as text for people: the lines of the file with marks under them.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::place::floor_boundary;
use crate::{Diagnostic, Diagnostics, Severity};

/// Wide enough for a pasted line, narrow enough for a review window.
const WIDTH: usize = 110;

impl Diagnostics {
    /// Every finding with its lines, a blank line between two. `text` is the text that was parsed, `file` its name
    /// as the reader knows it; `color` adds ANSI colours.
    pub fn render(&self, text: &str, file: &str, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() }.term_width(WIDTH);
        let marked = Marked::new(text);
        self.iter().map(|one| renderer.render(&[marked.group(one, file)])).collect::<Vec<_>>().join("\n\n")
    }
}

/// The text without its byte order mark, which would shift every mark by a column.
struct Marked<'a> {
    shown: &'a str,
    cut: usize,
}

impl<'a> Marked<'a> {
    fn new(text: &'a str) -> Self {
        let shown = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self { shown, cut: text.len() - shown.len() }
    }
    fn group(&self, one: &'a Diagnostic, file: &'a str) -> Group<'a> {
        let level = match one.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let snippet = one.labels.iter().enumerate().fold(
            Snippet::source(self.shown).path(file),
            |snippet, (number, label)| {
                let kind = if number == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
                let mark = kind.span(self.span(&label.span));
                snippet.annotation(if label.text.is_empty() { mark } else { mark.label(&label.text) })
            },
        );
        let group = level.primary_title(&one.message).id(one.code).element(snippet);
        match &one.help {
            Some(help) => group.element(Level::HELP.message(help)),
            None => group,
        }
    }
    /// A span inside the shown text whatever came in, on character boundaries and never reversed.
    fn span(&self, span: &Range<usize>) -> Range<usize> {
        let start = floor_boundary(self.shown, span.start.saturating_sub(self.cut));
        let end = floor_boundary(self.shown, span.end.saturating_sub(self.cut));
        start..end.max(start)
    }
}
