//! Reports against what the file asks.

use std::time::Duration;

use staunch_checks::{Found, Wanted, judge, read};
use staunch_model::{CheckLimit, CheckResult, CheckSpec, CheckStatus, ChecksSpec, Freshness, Timestamp};

fn at(seconds: u64) -> Timestamp {
    Timestamp::default().plus(Duration::from_secs(seconds))
}

fn check(limit: CheckLimit) -> CheckSpec {
    CheckSpec { file: "out/*".to_owned(), required: true, limit }
}

fn found(limit: CheckLimit, written: u64, bytes: &[u8]) -> Found {
    let reading = read(check(limit).kind(), bytes);
    Found { path: "out/report".to_owned(), written: at(written), reading }
}

/// Built at 100, looked at at 1 000.
fn wanted() -> Wanted {
    let commit = Some("0123456789abcdef".to_owned());
    Wanted { now: at(1_000), content: Some(("app".to_owned(), at(100))), commit }
}

fn judged(limit: CheckLimit, bytes: &[u8]) -> CheckResult {
    judge(&ChecksSpec::default(), &check(limit), &[found(limit, 200, bytes)], &wanted())
}

const JUNIT: CheckLimit = CheckLimit::Junit { min_tests: 1, max_failed: 0 };
const PASSING: &[u8] = include_bytes!("../data/pytest-passing.xml");

#[test]
fn tests_that_fail_are_named() {
    let result = judged(JUNIT, include_bytes!("../data/pytest-failing.xml"));
    assert_eq!(result.status, CheckStatus::Failed);
    let because =
        "2 of 7 tests failed, at most 0 may: test_shop::test_rounding, test_shop::test_fixture_error";
    assert_eq!(result.because, because);
    assert!(result.is_veto());
    assert_eq!(judged(JUNIT, PASSING).because, "5 tests ran, none failed, 1 skipped");
}

#[test]
fn no_test_is_no_success() {
    let result = judged(JUNIT, b"<testsuite><testcase name='a'><skipped/></testcase></testsuite>");
    assert_eq!(
        (result.status, result.because.as_str()),
        (CheckStatus::Failed, "0 tests ran, 1 skipped, at least 1 must")
    );
}

#[test]
fn coverage_is_rounded_down_and_its_limit_is_kept_exactly() {
    let lcov = include_bytes!("../data/coverage.lcov");
    let result = judged(CheckLimit::Coverage { min: 0.9 }, lcov);
    assert_eq!(result.because, "9 of 10 lines reached (90 %), at least 90 % must");
    assert!(result.passed());
    assert_eq!(result.coverage, Some(0.9));
    assert!(!judged(CheckLimit::Coverage { min: 0.901 }, lcov).passed());
}

#[test]
fn limits_of_findings_and_weaknesses() {
    let bandit = include_bytes!("../data/bandit.sarif");
    let none = judged(CheckLimit::Sarif { max_errors: Some(0), max_warnings: None }, bandit);
    assert_eq!(none.because, "1 errors, at most 0 may be there: B602");
    assert!(judged(CheckLimit::Sarif { max_errors: Some(1), max_warnings: Some(0) }, bandit).passed());

    let trivy = include_bytes!("../data/trivy.json");
    let limit = CheckLimit::Trivy { max_critical: Some(0), max_high: Some(1), max_medium: None };
    let result = judged(limit, trivy);
    assert!(
        result.because.starts_with(
            "2 critical, at most 0 may be there; 2 high, at most 1 may be there: CVE-2023-45853 in zlib1g"
        ),
        "{}",
        result.because
    );
    let nothing = judged(limit, br#"{"SchemaVersion":2}"#);
    assert_eq!(nothing.status, CheckStatus::Failed);
}

#[test]
fn missing_stale_and_unreadable_are_said_apart() {
    let checks = ChecksSpec::default();
    let status = |found: &[Found], checks: &ChecksSpec| judge(checks, &check(JUNIT), found, &wanted()).status;
    assert_eq!(status(&[], &checks), CheckStatus::Missing);
    assert_eq!(
        status(&[found(JUNIT, 200, PASSING), found(JUNIT, 200, b"<testsuite>")], &checks),
        CheckStatus::Unreadable
    );
    assert_eq!(status(&[found(JUNIT, 99, PASSING)], &checks), CheckStatus::Stale);
    let any = ChecksSpec { fresh: Freshness::Any, ..ChecksSpec::default() };
    assert_eq!(status(&[found(JUNIT, 99, PASSING)], &any), CheckStatus::Passed);
}

#[test]
fn ages_are_bounded_and_the_future_has_none() {
    let aged = ChecksSpec {
        max_age: Some(Duration::from_secs(300)),
        fresh: Freshness::Any,
        ..ChecksSpec::default()
    };
    let because = |written| judge(&aged, &check(JUNIT), &[found(JUNIT, written, PASSING)], &wanted()).because;
    assert_eq!(because(600), "out/report is 6 min old, at most 5 min is allowed");
    assert!(because(1_061).contains("in the future"));
    assert!(because(1_060).contains("none failed"));
}

/// Built after the tests ran, from the very commit that they name.
#[test]
fn a_named_commit_speaks_for_itself() {
    let with = |commit: &str| {
        let text = format!(r#"{{"commit":"{commit}","checks":[{{"name":"smoke","ok":true}}]}}"#);
        let found = found(CheckLimit::Report, 50, text.as_bytes());
        judge(&ChecksSpec::default(), &check(CheckLimit::Report), &[found], &wanted())
    };
    assert!(with("0123456789abcdef").passed() && with("0123456").passed());
    assert!(!with("01234").passed(), "too short to be a name");
    assert_eq!(with("ffffffffff").because, "out/report is about commit fffffffff, not 012345678");
}

/// Several reports are one: what one of them lacks another has.
#[test]
fn reports_add_up() {
    let one = found(JUNIT, 200, PASSING);
    let limit = CheckLimit::Junit { min_tests: 10, max_failed: 0 };
    assert!(judge(&ChecksSpec::default(), &check(limit), &[one.clone(), one.clone()], &wanted()).passed());
    assert!(!judge(&ChecksSpec::default(), &check(limit), &[one], &wanted()).passed());
}
