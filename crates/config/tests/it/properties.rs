//! Whatever stands in the file, reading it ends with a value or with findings that can be shown.

use proptest::prelude::*;
use staunch_config::{explain_codes, parse};

const VALID: &str = include_str!("everything.toml");

/// Every way out of `parse` can be printed, and every error has a listed code, a place and help.
fn read_and_show(text: &str) {
    let findings = match parse(text) {
        Ok(parsed) => {
            assert!(!parsed.project.services.is_empty() && !parsed.warnings.has_errors());
            parsed.warnings
        }
        Err(findings) => {
            assert!(findings.has_errors());
            findings
        }
    };
    for one in &findings {
        assert!(explain_codes().iter().any(|row| row.0 == one.code), "{}", one.code);
        assert!(one.help.is_some() && !one.message.is_empty());
        for label in &one.labels {
            assert!(
                label.span.start <= label.span.end && text.get(label.span.clone()).is_some(),
                "{label:?}"
            );
        }
    }
    let shown = findings.render(text, "staunch.toml", false);
    assert_eq!(shown.is_empty(), findings.is_empty());
    assert_eq!(findings.to_json(text).as_array().unwrap().len(), findings.0.len());
}

/// A stretch of the valid file replaced by something else, on character boundaries.
fn mutated(at: usize, length: usize, with: &str) -> String {
    let floor =
        |at: usize| (0..=at.min(VALID.len())).rev().find(|&at| VALID.is_char_boundary(at)).unwrap_or(0);
    let (start, end) = (floor(at), floor(at + length));
    format!("{}{with}{}", &VALID[..start], &VALID[end..])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        read_and_show(&text);
    }

    #[test]
    fn toml_like_text_never_panics(text in "([a-z-]{1,6}|[\\[\\]{}=\",.'#\\\\ \n]|[0-9%+]{1,3}|\u{feff}|é|\"\"\"){0,60}") {
        read_and_show(&text);
    }

    #[test]
    fn a_damaged_file_never_panics(
        at in 0..VALID.len(),
        length in 0usize..12,
        with in "([a-z0-9]|[\\[\\]{}=\",.'\\\\ \n%+é-]){0,4}",
    ) {
        read_and_show(&mutated(at, length, &with));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any list of rising weights is read as it stands, and any other list is refused.
    #[test]
    fn steps_are_read_only_if_they_rise(steps in prop::collection::vec(1u32..=100, 1..6)) {
        let text = format!("service = \"a\"\nrun = \"./a\"\nlisten = \":1\"\ncanary.steps = {steps:?}\n");
        let rises = steps.windows(2).all(|pair| pair[0] < pair[1]) && steps[0] < 100;
        let read: Option<Vec<u32>> = parse(&text).ok().map(|parsed| {
            let steps = &parsed.project.services[0].strategy.steps;
            steps.iter().map(|step| u32::from(step.weight.basis_points()) / 100).collect()
        });
        let expected = rises.then(|| steps.into_iter().filter(|&step| step < 100).collect::<Vec<_>>());
        prop_assert_eq!(read, expected);
    }
}
