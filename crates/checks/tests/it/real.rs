//! Files as the tools wrote them (pytest 9, cargo-nextest 0.9, coverage.py 7, gcovr 8, ruff 0.17, bandit 1.9). Trivy's
//! is written after its documentation.

use staunch_checks::{Facts, Reading, read};
use staunch_model::CheckKind;

pub(crate) fn reading(kind: CheckKind, bytes: &[u8]) -> Reading {
    read(kind, bytes).unwrap_or_else(|flaw| panic!("{}: {flaw}", kind.name()))
}

fn tests(bytes: &[u8]) -> (u64, u64, u64) {
    let Facts::Tests(tests) = reading(CheckKind::Junit, bytes).facts else { panic!("no tests") };
    (tests.run, tests.failed, tests.skipped)
}

#[test]
fn pytest_and_nextest() {
    assert_eq!(tests(include_bytes!("../data/pytest-failing.xml")), (7, 2, 1));
    assert_eq!(tests(include_bytes!("../data/pytest-passing.xml")), (5, 0, 1));
    assert_eq!(tests(include_bytes!("../data/nextest.xml")), (174, 0, 0));
}

fn lines(bytes: &[u8]) -> (u64, u64) {
    let Facts::Lines(lines) = reading(CheckKind::Coverage, bytes).facts else { panic!("no lines") };
    (lines.hit, lines.all)
}

#[test]
fn the_same_coverage_in_both_forms() {
    assert_eq!(lines(include_bytes!("../data/coverage-cobertura.xml")), (9, 10));
    assert_eq!(lines(include_bytes!("../data/coverage.lcov")), (9, 10));
}

#[test]
fn a_doctype_that_only_refers_is_fine() {
    let text = include_bytes!("../data/gcovr.xml");
    assert!(String::from_utf8_lossy(text).contains("<!DOCTYPE"));
    assert_eq!(lines(text), (2, 2));
}

/// A file that two tests reach has its lines once.
#[test]
fn lcov_records_of_one_file_are_one() {
    let text =
        b"TN:a\nSF:x.c\nDA:1,0\nDA:2,3\nend_of_record\nTN:b\nSF:x.c\nDA:1,1\nDA:2,0\nDA:3,0\nend_of_record\n";
    assert_eq!(lines(text), (2, 3));
}

fn findings(bytes: &[u8]) -> (u64, u64, u64) {
    let Facts::Findings(found) = reading(CheckKind::Sarif, bytes).facts else { panic!("no findings") };
    (found.errors, found.warnings, found.notes)
}

#[test]
fn ruff_and_bandit() {
    assert_eq!(findings(include_bytes!("../data/bandit.sarif")), (1, 0, 1));
    let (errors, warnings, notes) = findings(include_bytes!("../data/ruff.sarif"));
    assert_eq!((errors, warnings, notes), (14, 0, 0));
}

/// A result without a level has its rule's, wherever the rules stand; one that was waved through does not count.
#[test]
fn levels_come_from_rules_and_suppressions_are_kept() {
    let text = br#"{"version":"2.1.0","runs":[{"results":[{"ruleId":"a"},{"ruleId":"b"},{"rule":{"id":"a"}},
        {"ruleId":"a","suppressions":[{"kind":"inSource"}]},{"ruleId":"a","kind":"pass"},
        {"ruleId":"a","suppressions":[{"kind":"external","status":"rejected"}]}],
        "tool":{"driver":{"name":"t","rules":[{"id":"a","defaultConfiguration":{"level":"error"}},{"id":"b"}]}}}]}"#;
    assert_eq!(findings(text), (3, 1, 0));
}

#[test]
fn trivy() {
    let Facts::Weaknesses(found) = reading(CheckKind::Trivy, include_bytes!("../data/trivy.json")).facts
    else {
        panic!("no weaknesses")
    };
    assert_eq!((found.critical, found.high, found.medium, found.other), (2, 2, 0, 1));
    assert!(found.scanned);
}

#[test]
fn a_byte_order_mark_is_no_flaw() {
    let mut text = vec![0xef, 0xbb, 0xbf];
    text.extend_from_slice(br#"{"commit":"0123456789","checks":[{"name":"smoke","ok":true}]}"#);
    let told = reading(CheckKind::Report, &text);
    assert_eq!(told.commit.as_deref(), Some("0123456789"));
}

/// A suite that fails in its own set-up fails, though no case of it does.
#[test]
fn the_worse_of_what_is_counted_and_what_is_said() {
    let text = br#"<testsuites><testsuite name="s" tests="1" errors="1"><testcase name="a"/></testsuite></testsuites>"#;
    assert_eq!(tests(text), (1, 1, 0));
}

/// Tried again and passed: the tools note it as an element of its own.
#[test]
fn a_flaky_test_has_passed() {
    let text = br#"<testsuite><testcase name="a"><flakyFailure message="once"/></testcase></testsuite>"#;
    assert_eq!(tests(text), (1, 0, 0));
}
