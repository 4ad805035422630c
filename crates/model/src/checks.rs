//! What was checked before a version is deployed: reports of other tools, and what is asked of them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration_ms;

/// A kind of report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckKind {
    /// Test results as JUnit XML.
    Junit,
    /// Line coverage as lcov or Cobertura XML.
    Coverage,
    /// Findings of linters and scanners as SARIF 2.1.
    Sarif,
    /// Vulnerabilities, misconfigurations and secrets as Trivy's JSON.
    Trivy,
    /// Anything else, as Staunch's own JSON.
    Report,
}

impl CheckKind {
    pub const ALL: [Self; 5] = [Self::Junit, Self::Coverage, Self::Sarif, Self::Trivy, Self::Report];

    /// Its key in `[checks]`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Junit => "junit",
            Self::Coverage => "coverage",
            Self::Sarif => "sarif",
            Self::Trivy => "trivy",
            Self::Report => "report",
        }
    }
}

/// One check of the file: where its reports are, and what they must say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckSpec {
    /// A path or `*` pattern, relative to the file; all that match are taken together.
    pub file: String,
    /// Whether a version is refused when it fails.
    pub required: bool,
    pub limit: CheckLimit,
}

impl CheckSpec {
    pub fn kind(&self) -> CheckKind {
        match self.limit {
            CheckLimit::Junit { .. } => CheckKind::Junit,
            CheckLimit::Coverage { .. } => CheckKind::Coverage,
            CheckLimit::Sarif { .. } => CheckKind::Sarif,
            CheckLimit::Trivy { .. } => CheckKind::Trivy,
            CheckLimit::Report => CheckKind::Report,
        }
    }
}

/// What a report of each kind must say; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum CheckLimit {
    Junit {
        min_tests: u64,
        max_failed: u64,
    },
    /// The least share of lines that the tests reach, 0.8 = 80 %.
    Coverage {
        min: f64,
    },
    Sarif {
        max_errors: Option<u64>,
        max_warnings: Option<u64>,
    },
    Trivy {
        max_critical: Option<u64>,
        max_high: Option<u64>,
        max_medium: Option<u64>,
    },
    /// Every check in it is ok.
    Report,
}

/// All checks of a service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ChecksSpec {
    pub checks: Vec<CheckSpec>,
    pub fresh: Freshness,
    /// How old a report may be; `None` is any age.
    #[serde(with = "optional_ms", default)]
    pub max_age: Option<Duration>,
}

/// What a report must be newer than.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Freshness {
    /// Written after the newest file of the version, or naming the commit that is checked out.
    #[default]
    Content,
    /// Whatever is there.
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckStatus {
    Passed,
    /// Read, and it says no.
    Failed,
    /// No report is where it should be.
    Missing,
    /// Of another content than the one to deploy.
    Stale,
    /// Something is there that cannot be read.
    Unreadable,
}

impl CheckStatus {
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Missing => "missing",
            Self::Stale => "stale",
            Self::Unreadable => "unreadable",
        }
    }
}

/// What came of one check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    pub kind: CheckKind,
    pub file: String,
    pub required: bool,
    pub status: CheckStatus,
    /// One sentence with the numbers.
    pub because: String,
    /// What to do about it; empty when it passed.
    pub fix: String,
    /// The share of lines that the tests reach, of a coverage report that could be read.
    pub coverage: Option<f64>,
}

impl CheckResult {
    pub fn passed(&self) -> bool {
        self.status == CheckStatus::Passed
    }
    /// It alone refuses the version.
    pub fn is_veto(&self) -> bool {
        self.required && !self.passed()
    }
}

mod optional_ms {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Millis(#[serde(with = "super::duration_ms")] Duration);

    pub(super) fn serialize<S: Serializer>(span: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        span.map(Millis).serialize(to)
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<Millis>::deserialize(from)?.map(|Millis(span)| span))
    }
}
