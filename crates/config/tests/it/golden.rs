//! What a person sees for files with several mistakes.
//!
//! After a wanted change: `cargo nextest run -p staunch-config --run-ignored only`, then read the difference.

use std::collections::BTreeSet;

use staunch_config::{Diagnostics, explain_codes, parse, parse_in};

use crate::resolved::{MINIMAL, accepted};

macro_rules! cases {
    ($($name:literal),*) => {
        [$(($name, include_str!(concat!("../golden/", $name, ".toml")), include_str!(concat!("../golden/", $name, ".txt")))),*]
    };
}

const CASES: [(&str, &str, &str); 19] = cases![
    "blue-green",
    "blue-green-switch",
    "slips",
    "units",
    "strategy",
    "commands",
    "control",
    "several",
    "broken",
    "suspicious",
    "release",
    "metrics",
    "checks",
    "budget",
    "shadow",
    "triggers",
    "policy",
    "who",
    "worker"
];

fn findings(text: &str) -> Diagnostics {
    match parse(text) {
        Ok(parsed) => parsed.warnings,
        Err(findings) => findings,
    }
}

fn shown(text: &str) -> String {
    let found = findings(text);
    format!("{}\n\n{}\n", found.render(text, "staunch.toml", false), found.summary())
}

#[test]
fn every_finding_is_shown_at_its_place() {
    for (name, text, expected) in CASES {
        assert_eq!(shown(text), expected, "golden/{name}.txt");
    }
}

#[test]
fn an_allow_list_that_cannot_be_one_is_told_where_it_is_named() {
    let text = include_str!("everything.toml");
    let parsed = accepted(text);
    let flaw = parsed.list_flaw(&parsed.project.services[0].name, "it has no value", "write at least one");
    assert_eq!(&text[flaw.labels[0].span.clone()], "\"testers.txt\"");
    let shown = Diagnostics::default().with([flaw]).render(text, "staunch.toml", false);
    assert!(shown.contains("it has no value") && shown.contains("write at least one"), "{shown}");
}

/// No code is dead, and no code is untested.
#[test]
fn every_listed_code_has_a_file_that_causes_it() {
    let long: String = (0..101).map(|number| format!("key{number} = 1\n")).collect();
    let small = ["", "service = \"\"", "canary.steps = [100]", &long];
    let texts = CASES.iter().map(|case| case.1).chain(small);
    let elsewhere = parse_in("service = \"a\"", Some("moon")).unwrap_err();
    let mut seen: BTreeSet<&str> =
        texts.flat_map(|text| findings(text).iter().map(|one| one.code).collect::<Vec<_>>()).collect();
    seen.extend(elsewhere.iter().map(|one| one.code));
    let listed = accepted(include_str!("everything.toml"));
    seen.insert(listed.list_flaw(&listed.project.services[0].name, "it has no value", "write one").code);
    let listed: BTreeSet<&str> = explain_codes().iter().map(|row| row.0).collect();
    assert_eq!(seen, listed);
}

#[test]
#[ignore = "rewrites the golden files"]
fn bless() {
    for (name, text, _) in CASES {
        let path = format!("{}/tests/golden/{name}.txt", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, shown(text)).unwrap();
    }
    for (name, text) in [("minimal", MINIMAL), ("everything", include_str!("everything.toml"))] {
        let path = format!("{}/tests/it/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let service = &accepted(text).project.services[0];
        std::fs::write(path, serde_json::to_string_pretty(service).unwrap() + "\n").unwrap();
    }
}

#[test]
fn a_byte_order_mark_and_crlf_do_not_shift_the_marks() {
    for (name, text, expected) in CASES {
        let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
        assert_eq!(shown(&windows), expected, "golden/{name}.txt");
    }
}

#[test]
fn colour_only_adds_colour() {
    let text = "service = \"a\"\nreplicas = 0\n";
    let coloured = findings(text).render(text, "f", true);
    assert!(coloured.contains("\u{1b}["));
    let bare: String = strip_ansi(&coloured);
    assert_eq!(bare, findings(text).render(text, "f", false));
}

fn strip_ansi(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once('m').map_or("", |(_, rest)| rest))
}

#[test]
fn json_names_line_and_column() {
    let text = "service = \"shop\"\nrun = \"./shop\"\nlisten = \":80\"\nreplica = 2\n";
    let json = findings(text).to_json(text);
    assert_eq!(json.as_array().unwrap().len(), 1);
    let expected = [
        ("severity", serde_json::json!("error")),
        ("code", serde_json::json!("unknown-key")),
        ("message", serde_json::json!("unknown key `replica` in the file")),
        ("line", serde_json::json!(4)),
        ("column", serde_json::json!(1)),
        ("help", serde_json::json!("did you mean `replicas`?")),
    ];
    for (key, value) in expected {
        assert_eq!(json[0][key], value, "{key}");
    }
}
