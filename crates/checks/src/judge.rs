//! Reports against what the file asks of them.

use std::time::Duration;

use staunch_model::{
    CheckLimit, CheckResult, CheckSpec, CheckStatus, ChecksSpec, Freshness, Timestamp, human_duration,
};

use crate::Flaw;
use crate::reading::{Examples, Facts, Findings, Lines, Reading, Tests, Weaknesses};

/// Clocks of a machine and its file systems differ by less.
const CLOCKS: Duration = Duration::from_secs(60);

/// A file that was found where a check expects its reports.
#[derive(Debug, Clone)]
pub struct Found {
    pub path: String,
    pub written: Timestamp,
    pub reading: Result<Reading, Flaw>,
}

/// What the reports must be about.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub now: Timestamp,
    /// The newest file of the version, and when it was written.
    pub content: Option<(String, Timestamp)>,
    /// The commit that is checked out.
    pub commit: Option<String>,
}

/// What came of a check: missing, unreadable, of something else, or read and judged. The first that holds is told.
pub fn judge(checks: &ChecksSpec, spec: &CheckSpec, found: &[Found], wanted: &Wanted) -> CheckResult {
    let (status, because, fix) = missing(spec, found)
        .or_else(|| unreadable(found))
        .or_else(|| stale(checks, found, wanted))
        .unwrap_or_else(|| told(spec, found));
    let coverage =
        facts(found).and_then(|facts| if let Facts::Lines(lines) = facts { lines.ratio() } else { None });
    CheckResult {
        kind: spec.kind(),
        file: spec.file.clone(),
        required: spec.required,
        status,
        because,
        fix,
        coverage: coverage.filter(|_| matches!(status, CheckStatus::Passed | CheckStatus::Failed)),
    }
}

type Judged = (CheckStatus, String, String);

fn missing(spec: &CheckSpec, found: &[Found]) -> Option<Judged> {
    let because = format!("no report is at {}", spec.file);
    found.is_empty().then(|| (CheckStatus::Missing, because, "run the tool, or correct the path".to_owned()))
}

fn unreadable(found: &[Found]) -> Option<Judged> {
    found.iter().find_map(|one| {
        let flaw = one.reading.as_ref().err()?;
        Some((CheckStatus::Unreadable, format!("{}: {flaw}", one.path), flaw.fix().to_owned()))
    })
}

fn stale(checks: &ChecksSpec, found: &[Found], wanted: &Wanted) -> Option<Judged> {
    let because = found
        .iter()
        .find_map(|one| too_old(checks, one, wanted).or_else(|| other_content(checks, one, wanted)))?;
    let fix = "run the tool on what is to be deployed, after building it".to_owned();
    Some((CheckStatus::Stale, because, fix))
}

fn too_old(checks: &ChecksSpec, one: &Found, wanted: &Wanted) -> Option<String> {
    let most = checks.max_age?;
    if one.written > wanted.now.plus(CLOCKS) {
        return Some(format!("{} says that it was written in the future: its age is unknown", one.path));
    }
    let age = wanted.now.since(one.written);
    (age > most).then(|| {
        format!("{} is {} old, at most {} is allowed", one.path, human_duration(age), human_duration(most))
    })
}

/// A report that names its commit is taken by its word, any other by its time.
fn other_content(checks: &ChecksSpec, one: &Found, wanted: &Wanted) -> Option<String> {
    match checks.fresh {
        Freshness::Any => return None,
        Freshness::Content => {}
    }
    let named = one.reading.as_ref().ok().and_then(|reading| reading.commit.as_deref());
    if let Some((named, commit)) = named.zip(wanted.commit.as_deref()) {
        let same = named.len() >= 7 && (commit.starts_with(named) || named.starts_with(commit));
        return (!same)
            .then(|| format!("{} is about commit {}, not {}", one.path, short(named), short(commit)));
    }
    let (newest, changed) = wanted.content.as_ref()?;
    (one.written < *changed).then(|| format!("{} is older than {newest}", one.path))
}

fn short(commit: &str) -> String {
    commit.chars().take(9).collect()
}

fn facts(found: &[Found]) -> Option<Facts> {
    let mut all = found.iter().filter_map(|one| one.reading.as_ref().ok()).map(|reading| &reading.facts);
    let first = all.next()?.clone();
    Some(all.fold(first, |sum, more| sum.merged(more)))
}

fn told(spec: &CheckSpec, found: &[Found]) -> Judged {
    let judged = match (facts(found), spec.limit) {
        (Some(Facts::Tests(tests)), CheckLimit::Junit { min_tests, max_failed }) => {
            of_tests(&tests, min_tests, max_failed)
        }
        (Some(Facts::Lines(lines)), CheckLimit::Coverage { min }) => of_lines(lines, min),
        (Some(Facts::Findings(findings)), CheckLimit::Sarif { max_errors, max_warnings }) => {
            of_findings(&findings, max_errors, max_warnings)
        }
        (Some(Facts::Weaknesses(found)), CheckLimit::Trivy { max_critical, max_high, max_medium }) => {
            of_weaknesses(&found, [max_critical, max_high, max_medium])
        }
        (Some(Facts::Checks { run, failed, first }), CheckLimit::Report) => of_checks(run, failed, &first),
        (Some(_) | None, _) => Err("the reports are of another kind than the check".to_owned()),
    };
    match judged {
        Ok(because) => (CheckStatus::Passed, because, String::new()),
        Err(because) => {
            (CheckStatus::Failed, because, "mend what the report names, and run the tool again".to_owned())
        }
    }
}

/// What it says, as good or as bad news.
type News = Result<String, String>;

fn of_tests(tests: &Tests, min: u64, most: u64) -> News {
    let skipped = if tests.skipped > 0 { format!(", {} skipped", tests.skipped) } else { String::new() };
    if tests.failed > most {
        let listed = tests.first.listed(tests.failed);
        return Err(format!("{} of {} tests failed, at most {most} may{listed}", tests.failed, tests.run));
    }
    if tests.run < min {
        return Err(format!("{} tests ran{skipped}, at least {min} must", tests.run));
    }
    let failed = if tests.failed > 0 {
        format!("{} failed, at most {most} may", tests.failed)
    } else {
        "none failed".to_owned()
    };
    Ok(format!("{} tests ran, {failed}{skipped}", tests.run))
}

fn of_lines(lines: Lines, min: f64) -> News {
    let Some(ratio) = lines.ratio() else { return Err("the report has no line of code".to_owned()) };
    let text = format!(
        "{} of {} lines reached ({} %), at least {} % must",
        lines.hit,
        lines.all,
        tenths(ratio),
        tenths(min)
    );
    // The least share is a decimal of the file, not the nearest binary number.
    if ratio + 1e-12 >= min { Ok(text) } else { Err(text) }
}

/// Rounded down: 79.96 % is not 80 %.
fn tenths(ratio: f64) -> f64 {
    (ratio * 1_000.0 + 1e-9).floor() / 10.0
}

fn above(found: u64, most: Option<u64>, noun: &str) -> Option<String> {
    most.filter(|most| found > *most).map(|most| format!("{found} {noun}, at most {most} may be there"))
}

fn verdict(over: &[String], fine: String, listed: &str) -> News {
    if over.is_empty() { Ok(fine) } else { Err(format!("{}{listed}", over.join("; "))) }
}

fn of_findings(found: &Findings, max_errors: Option<u64>, max_warnings: Option<u64>) -> News {
    let over = [above(found.errors, max_errors, "errors"), above(found.warnings, max_warnings, "warnings")];
    let fine = format!("{} errors, {} warnings, {} notes", found.errors, found.warnings, found.notes);
    verdict(&over.into_iter().flatten().collect::<Vec<_>>(), fine, &found.first.listed(found.errors))
}

fn of_weaknesses(found: &Weaknesses, most: [Option<u64>; 3]) -> News {
    if !found.scanned {
        return Err("nothing was scanned: Trivy found no package and no configuration".to_owned());
    }
    let over = [
        above(found.critical, most[0], "critical"),
        above(found.high, most[1], "high"),
        above(found.medium, most[2], "medium"),
    ];
    let fine = format!(
        "{} critical, {} high, {} medium, {} other",
        found.critical, found.high, found.medium, found.other
    );
    verdict(
        &over.into_iter().flatten().collect::<Vec<_>>(),
        fine,
        &found.first.listed(found.critical + found.high),
    )
}

fn of_checks(run: u64, failed: u64, first: &Examples) -> News {
    match (run, failed) {
        (0, _) => Err("no check is in the report".to_owned()),
        (_, 0) => Ok(format!("{run} checks, all ok")),
        (_, _) => Err(format!("{failed} of {run} checks are not ok{}", first.listed(failed))),
    }
}
