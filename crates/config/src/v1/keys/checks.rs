//! `[checks]` and `[confidence]`: what is asked before the first user.

use super::Given::{Default, Optional, Required};
use super::{DAY, Key, Kind, SECOND, Table, duration, key};

const FILE: Key = key(
    "file",
    Kind::Report,
    Required,
    "The report: a path or `*` pattern, relative to this file; all that match are taken together.",
);
const REQUIRED: Key = key(
    "required",
    Kind::Flag,
    Optional,
    "Whether a version is refused when this check fails. Left out: as [checks] says.",
);
const fn count(name: &'static str, given: super::Given, doc: &'static str) -> Key {
    key(name, Kind::Integer { least: 0, most: 1_000_000_000 }, given, doc)
}

pub(crate) static CHECKS: Table = Table {
    groups: &[&[
        key("junit", Kind::ReportOr(&JUNIT), Optional, "Test results as JUnit XML."),
        key(
            "coverage",
            Kind::ReportOr(&COVERAGE),
            Optional,
            "Line coverage as lcov's tracefile or Cobertura XML.",
        ),
        key("sarif", Kind::ReportOr(&SARIF), Optional, "Findings of linters and scanners as SARIF 2.1."),
        key("trivy", Kind::ReportOr(&TRIVY), Optional, "Weaknesses as `trivy --format json` writes them."),
        key(
            "report",
            Kind::ReportOr(&REPORT),
            Optional,
            "Anything else: { \"checks\": [{ \"name\": …, \"ok\": true, \"detail\": … }], \"commit\": … }; all must be ok.",
        ),
        key(
            "required",
            Kind::Flag,
            Default("true"),
            "Whether a version is refused when a check fails; otherwise it only costs confidence.",
        ),
        key(
            "fresh",
            Kind::Choice(&["content", "any"]),
            Default("\"content\""),
            "What a report must be about: \"content\" is the commit that is checked out where the report names one, \
             else it must be newer than every file of the version. \"any\" asks nothing.",
        ),
        key("max-age", duration(SECOND, 365 * DAY), Optional, "How old a report may be. Left out: any age."),
    ]],
};

pub(crate) static JUNIT: Table = Table {
    groups: &[&[
        FILE,
        REQUIRED,
        count("min-tests", Default("1"), "At least this many tests ran; skipped ones do not count."),
        count("max-failed", Default("0"), "At most this many tests failed."),
    ]],
};
pub(crate) static COVERAGE: Table = Table {
    groups: &[&[
        FILE,
        REQUIRED,
        key(
            "min",
            Kind::Share { least: 0.0, most: 100.0 },
            Default("\"0%\""),
            "At least this share of the lines is reached by tests.",
        ),
    ]],
};
pub(crate) static SARIF: Table = Table {
    groups: &[&[
        FILE,
        REQUIRED,
        count(
            "max-errors",
            Default("0"),
            "At most this many results of level `error` that nobody suppressed.",
        ),
        count("max-warnings", Optional, "The same for `warning`. Left out: any number."),
    ]],
};
pub(crate) static TRIVY: Table = Table {
    groups: &[&[
        FILE,
        REQUIRED,
        count("max-critical", Default("0"), "At most this many weaknesses of severity CRITICAL."),
        count("max-high", Optional, "The same for HIGH. Left out: any number."),
        count("max-medium", Optional, "The same for MEDIUM. Left out: any number."),
    ]],
};
pub(crate) static REPORT: Table = Table { groups: &[&[FILE, REQUIRED]] };

const fn points(name: &'static str, default: &'static str, doc: &'static str) -> Key {
    key(name, Kind::Integer { least: 0, most: 100 }, Default(default), doc)
}

pub(crate) static CONFIDENCE: Table = Table {
    groups: &[&[
        points("proceed", "80", "From this score on (0 to 100) a version goes its way by itself."),
        points(
            "ask",
            "60",
            "From this score on it stops at its first step until `staunch promote`; below it is refused.",
        ),
        key(
            "weights",
            Kind::Table(&CONFIDENCE_WEIGHTS),
            Optional,
            "What each factor counts; only the ratios matter.",
        ),
    ]],
};
pub(crate) static CONFIDENCE_WEIGHTS: Table = Table {
    groups: &[&[
        points("safety-checks", "30", "How many of the checks in [checks] pass."),
        points("canary-health", "20", "How this very content did before, if it was tried."),
        points("blast-radius", "15", "How few users meet it first, and how gently the share rises."),
        points("history", "15", "How often releases of this service were good lately."),
        points("change-complexity", "10", "How little changes at once."),
        points("test-coverage", "10", "The share of lines that tests reach."),
    ]],
};
