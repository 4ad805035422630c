//! From text to a tree of values with their places, as far as the text is TOML.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use crate::Diagnostic;
use crate::codes::Code;

pub(crate) type Value<'a> = Spanned<DeValue<'a>>;

/// Longer files are surely not configuration; the bound keeps hostile input cheap.
const LONGEST: usize = 1 << 20;

/// The tree and all syntax errors; with errors, the tree holds what could be read around them.
pub(crate) fn tree(text: &str) -> (DeTable<'_>, Vec<Diagnostic>) {
    if text.len() > LONGEST {
        let message = format!("the file has {} bytes; the limit is {LONGEST}", text.len());
        return (DeTable::new(), vec![Diagnostic::error(Code::OutOfRange, message, 0..0)]);
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    (root.into_inner(), errors.iter().map(|error| diagnostic(error, text)).collect())
}

fn diagnostic(error: &Error, text: &str) -> Diagnostic {
    let span = before_line_end(text, error.span().unwrap_or(text.len()..text.len()));
    if error.message() == "duplicate key" {
        let name = text.get(span.clone()).unwrap_or_default();
        return Diagnostic::error(Code::DuplicateKey, format!("`{name}` is given twice"), span);
    }
    Diagnostic::error(
        Code::Syntax,
        format!("not valid TOML: {}", clear(error.message(), text, span.start)),
        span,
    )
}

/// A place between `\r` and `\n` is the end of the line before both.
fn before_line_end(text: &str, span: Range<usize>) -> Range<usize> {
    let split = |at: usize| at > 0 && text.get(at - 1..).is_some_and(|rest| rest.starts_with("\r\n"));
    if split(span.start) { span.start - 1..span.end.max(span.start) } else { span }
}

/// The parser's words, save for an open string: there they depend on how the line ends.
fn clear<'m>(message: &'m str, text: &str, at: usize) -> &'m str {
    let line_ends = text.get(at..).is_none_or(|rest| rest.is_empty() || rest.starts_with(['\r', '\n']));
    match message.starts_with("invalid basic string") && line_ends {
        true => "the text has no closing `\"` on its line",
        false => message,
    }
}
