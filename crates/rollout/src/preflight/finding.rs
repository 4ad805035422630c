//! One thing that is wrong with a deploy before it begins, where, and what to do.

use serde::{Deserialize, Serialize};

use staunch_model::PolicySpec;

use super::codes::{FindingCode, Stop, finding_info};
use crate::Objection;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The deploy is refused.
    Error,
    /// It goes on; a person should know.
    Warning,
    Note,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// The key of the file that a finding is about, and its line when it stands in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub key: String,
    pub line: Option<u32>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "{} (line {line})", self.key),
            None => f.write_str(&self.key),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// One of [`FindingCode::ALL`].
    pub code: String,
    pub severity: Severity,
    pub place: Place,
    pub text: String,
    pub fix: String,
}

impl Finding {
    /// An error with the code's own fix.
    pub fn new(code: FindingCode, place: Place, text: impl Into<String>) -> Self {
        let info = code.info();
        let (code, fix) = (info.code.to_owned(), info.fix.to_owned());
        Self { code, severity: Severity::Error, place, text: text.into(), fix }
    }
    /// What speaks against the version itself, with its place in the file.
    pub fn of(objection: Objection, policy: &PolicySpec) -> Self {
        let Objection { code, place: key, text, fix } = objection;
        let line = policy.lines.0.get(&key).copied();
        Self { code, severity: Severity::Error, place: Place { key, line }, text, fix }
    }
    #[must_use]
    pub fn warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }
    #[must_use]
    pub fn note(self) -> Self {
        Self { severity: Severity::Note, ..self }
    }
    #[must_use]
    pub fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: fix.into(), ..self }
    }
    pub fn is(&self, code: FindingCode) -> bool {
        self.code == code.info().code
    }
    /// What it makes of a deploy; `None` when it refuses nothing.
    pub fn stop(&self) -> Option<Stop> {
        let refuses = self.severity == Severity::Error;
        refuses.then(|| finding_info(&self.code).map_or(Stop::Policy, |info| info.stop))
    }
    /// A person may override it in an emergency: it says "not now", not "this cannot work".
    pub fn yields_to_emergency(&self) -> bool {
        self.is(FindingCode::WindowClosed) || self.is(FindingCode::Frozen)
    }
}

/// Why a deploy with these findings is refused: the gravest of them.
pub fn stop(findings: &[Finding]) -> Option<Stop> {
    findings.iter().filter_map(Finding::stop).min()
}
