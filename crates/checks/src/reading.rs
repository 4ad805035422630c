//! What a report says, whatever tool wrote it.

use std::io::BufRead;

use staunch_model::CheckKind;

use crate::guard::{Form, Guard, first_byte};
use crate::{Flaw, junit, lines, plain, sarif, trivy};

/// Examples of what failed that are kept.
const EXAMPLES: usize = 3;
/// Bytes of one example.
const EXAMPLE: usize = 120;

/// One report.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub facts: Facts,
    /// The commit that the report says it is about.
    pub commit: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Facts {
    Tests(Tests),
    Lines(Lines),
    Findings(Findings),
    Weaknesses(Weaknesses),
    /// Staunch's own form: how many checks, and those that are not ok.
    Checks {
        run: u64,
        failed: u64,
        first: Examples,
    },
}

/// Test cases. One that failed and passed when it was tried again has passed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tests {
    /// Cases that ran to an end, good or bad; skipped ones are not among them.
    pub run: u64,
    pub failed: u64,
    pub skipped: u64,
    pub first: Examples,
}

/// Lines that can be executed, and those that were.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Lines {
    pub all: u64,
    pub hit: u64,
}

impl Lines {
    /// `None` when there is no line.
    pub fn ratio(self) -> Option<f64> {
        (self.all > 0).then(|| self.hit as f64 / self.all as f64)
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings {
    pub errors: u64,
    pub warnings: u64,
    pub notes: u64,
    /// Of the errors.
    pub first: Examples,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Weaknesses {
    pub critical: u64,
    pub high: u64,
    pub medium: u64,
    /// Low and unknown ones.
    pub other: u64,
    /// Of the critical and high ones.
    pub first: Examples,
    /// Something was scanned at all.
    pub scanned: bool,
}

/// The first few names of what failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examples(Vec<String>);

impl Examples {
    pub(crate) fn add(&mut self, text: &str) {
        if self.0.len() < EXAMPLES && !text.is_empty() {
            self.0.push(shortened(text));
        }
    }
    fn append(&mut self, more: &Self) {
        more.0.iter().for_each(|text| self.add(text));
    }
    /// `": a, b, …"`, or nothing.
    pub(crate) fn listed(&self, of: u64) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let more = if of > self.0.len() as u64 { ", …" } else { "" };
        format!(": {}{more}", self.0.join(", "))
    }
}

/// One line of visible characters, at most so long.
fn shortened(text: &str) -> String {
    let line: String = text.chars().take_while(|c| *c != '\n').filter(|c| !c.is_control()).collect();
    match line.char_indices().find(|(at, _)| *at >= EXAMPLE) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// Reads a report to its end.
///
/// # Errors
/// See [`Flaw`]: a report is read whole or not at all.
pub fn read(kind: CheckKind, mut source: impl BufRead) -> Result<Reading, Flaw> {
    let first = first_byte(&mut source)?;
    let guarded = |form| Guard::new(source, form);
    match kind {
        CheckKind::Junit => junit::read(guarded(Form::Xml), first),
        CheckKind::Coverage if first == b'<' => lines::cobertura(guarded(Form::Xml)),
        CheckKind::Coverage => lines::lcov(guarded(Form::Text)),
        CheckKind::Sarif => sarif::read(guarded(Form::Json), first),
        CheckKind::Trivy => trivy::read(guarded(Form::Json), first),
        CheckKind::Report => plain::read(guarded(Form::Json), first),
    }
}

impl Facts {
    /// Several reports of one kind are one.
    pub(crate) fn merged(self, more: &Self) -> Self {
        match (self, more) {
            (Self::Tests(mut a), Self::Tests(b)) => {
                (a.run, a.failed, a.skipped) = (a.run + b.run, a.failed + b.failed, a.skipped + b.skipped);
                a.first.append(&b.first);
                Self::Tests(a)
            }
            (Self::Lines(a), Self::Lines(b)) => Self::Lines(Lines { all: a.all + b.all, hit: a.hit + b.hit }),
            (Self::Findings(mut a), Self::Findings(b)) => {
                a.errors += b.errors;
                a.warnings += b.warnings;
                a.notes += b.notes;
                a.first.append(&b.first);
                Self::Findings(a)
            }
            (Self::Weaknesses(mut a), Self::Weaknesses(b)) => {
                a.critical += b.critical;
                a.high += b.high;
                a.medium += b.medium;
                a.other += b.other;
                a.scanned &= b.scanned;
                a.first.append(&b.first);
                Self::Weaknesses(a)
            }
            (
                Self::Checks { run, failed, mut first },
                Self::Checks { run: more, failed: bad, first: names },
            ) => {
                first.append(names);
                Self::Checks { run: run + more, failed: failed + bad, first }
            }
            // One kind has one sort of facts.
            (facts, _) => facts,
        }
    }
}
