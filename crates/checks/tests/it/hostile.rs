//! Whatever comes ends in an answer, in bounded memory.

use std::io::{BufReader, Read};

use proptest::prelude::*;
use staunch_checks::{Flaw, read};
use staunch_model::CheckKind;

const BOMB: &[u8] =
    br#"<?xml version="1.0"?><!DOCTYPE t [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;">]><testsuite name="&b;"/>"#;

#[test]
fn entities_are_refused() {
    assert_eq!(read(CheckKind::Junit, BOMB), Err(Flaw::Entities));
    let used = br#"<testsuite><testcase name="&secret;"/></testsuite>"#;
    assert_eq!(read(CheckKind::Junit, &used[..]), Err(Flaw::Entities));
    let used = b"<testsuite><testcase name='a'>&secret;</testcase></testsuite>";
    assert_eq!(read(CheckKind::Junit, &used[..]), Err(Flaw::Entities));
}

/// `head` and then the same again and again: never held in memory by the test either.
fn endless<'a>(head: &'a [u8], again: &'a [u8], times: usize) -> impl Read + 'a {
    let repeated = std::iter::repeat_n(again, times).map(std::io::Cursor::new);
    repeated.fold(Box::new(head) as Box<dyn Read>, |sum, part| Box::new(sum.chain(part)))
}

#[test]
fn one_text_that_fills_the_memory_is_refused() {
    let chunk = vec![b'a'; 1 << 20];
    for (kind, head) in [
        (CheckKind::Junit, &b"<testsuite><testcase name=\""[..]),
        (CheckKind::Sarif, b"{\"version\":\""),
        (CheckKind::Trivy, b"{\"SchemaVersion\":2,\"ArtifactName\":\"\\\""),
        (CheckKind::Report, b"{\"checks\":[{\"name\":\""),
        (CheckKind::Coverage, b"SF:"),
    ] {
        let flaw = read(kind, BufReader::new(endless(head, &chunk, 40)));
        assert_eq!(flaw, Err(Flaw::LongText { most: 16 << 20 }), "{}", kind.name());
    }
}

#[test]
fn depth_is_bounded() {
    let deep = format!("<testsuites>{}", "<a>".repeat(100_000));
    assert_eq!(read(CheckKind::Junit, deep.as_bytes()), Err(Flaw::Deep { levels: 256 }));
    let deep = format!("{{\"version\":\"2.1.0\",\"runs\":{}", "[".repeat(200_000));
    assert!(read(CheckKind::Sarif, deep.as_bytes()).is_err());
    let deep = format!("{{\"SchemaVersion\":2,\"Unknown\":{}", "[".repeat(200_000));
    assert!(read(CheckKind::Trivy, deep.as_bytes()).is_err());
}

/// A report that ends early would be missing just what matters.
#[test]
fn every_cut_is_found() {
    let whole: [(CheckKind, &[u8]); 5] = [
        (CheckKind::Junit, include_bytes!("../data/pytest-failing.xml")),
        (CheckKind::Coverage, include_bytes!("../data/coverage-cobertura.xml")),
        (CheckKind::Coverage, include_bytes!("../data/coverage.lcov")),
        (CheckKind::Sarif, include_bytes!("../data/bandit.sarif")),
        (CheckKind::Trivy, include_bytes!("../data/trivy.json")),
    ];
    for (kind, bytes) in whole {
        let end = bytes.trim_ascii_end().len();
        for cut in 0..end {
            assert!(read(kind, &bytes[..cut]).is_err(), "{} cut at {cut}", kind.name());
        }
        assert!(read(kind, &bytes[..end]).is_ok());
    }
}

#[test]
fn what_is_no_such_report_is_named() {
    let flaw = |kind, text: &str| read(kind, text.as_bytes()).unwrap_err().to_string();
    assert_eq!(flaw(CheckKind::Junit, ""), "it is empty");
    assert_eq!(flaw(CheckKind::Junit, "  \n"), "it is empty");
    assert_eq!(flaw(CheckKind::Junit, "<html></html>"), "it is not JUnit XML: it begins with <html>");
    assert_eq!(flaw(CheckKind::Sarif, "[]"), "it is not SARIF 2.1: it begins with `[`");
    assert!(flaw(CheckKind::Sarif, r#"{"version":"1.0.0","runs":[]}"#).contains("its version is 1.0.0"));
    assert!(flaw(CheckKind::Sarif, r#"{"version":"2.1.0","runs":[]}"#).contains("no runs"));
    assert!(
        flaw(CheckKind::Sarif, r#"{"version":"2.1.0","runs":[{"results":null}]}"#).contains("no results")
    );
    assert!(flaw(CheckKind::Trivy, r#"{"Results":[]}"#).contains("SchemaVersion"));
    assert!(flaw(CheckKind::Report, r#"{"checks":[{"name":"a","okay":true}]}"#).contains("okay"));
    assert_eq!(read(CheckKind::Junit, &b"\xff\xfe<\0"[..]), Err(Flaw::Encoding("UTF-16".to_owned())));
    let other = read(CheckKind::Junit, &b"<?xml version='1.0' encoding='utf-16'?><testsuite/>"[..]);
    assert_eq!(other, Err(Flaw::Encoding("utf-16".to_owned())));
    assert!(read(CheckKind::Junit, &b"<testsuite><testcase name=\"\xe4\"/></testsuite>"[..]).is_err());
}

proptest! {
    #[test]
    fn any_bytes_have_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for kind in CheckKind::ALL {
            drop(read(kind, &bytes[..]));
        }
    }

    #[test]
    fn broken_reports_have_an_answer(at in 0..2_400_usize, byte in any::<u8>()) {
        let whole: [(CheckKind, &[u8]); 3] = [
            (CheckKind::Junit, include_bytes!("../data/pytest-failing.xml")),
            (CheckKind::Sarif, include_bytes!("../data/bandit.sarif")),
            (CheckKind::Trivy, include_bytes!("../data/trivy.json")),
        ];
        for (kind, bytes) in whole {
            let mut bytes = bytes.to_vec();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            drop(read(kind, &bytes[..]));
        }
    }
}
