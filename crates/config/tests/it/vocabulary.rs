//! The schema and the reader know the same keys.

use std::collections::BTreeSet;

use serde_json::Value;
use staunch_config::{Origin, parse, schema};

use crate::resolved::accepted;

/// The paths of all keys in the schema, without what only several services or a list of steps have.
fn documented(table: &Value, prefix: &str, into: &mut BTreeSet<String>) {
    for (name, key) in table["properties"].as_object().into_iter().flatten() {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        assert!(key["description"].as_str().is_some_and(|text| text.len() > 10), "{path} is not described");
        documented(key, &path, into);
        into.insert(path);
    }
}

fn keys_of_the_schema() -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    documented(&schema(), "", &mut keys);
    keys
}

#[test]
fn every_documented_key_is_read_and_every_read_key_is_documented() {
    let parsed = accepted(include_str!("everything.toml"));
    let mut read: BTreeSet<String> = parsed.project.origins.keys().cloned().collect();
    read.retain(|path| !path.contains('[') && !path.starts_with("triggers.dependency."));
    let mut documented = keys_of_the_schema();
    assert!(documented.remove("services"));
    assert_eq!(read, documented);
}

#[test]
fn the_full_example_leaves_out_only_what_excludes_each_other() {
    let parsed = accepted(include_str!("everything.toml"));
    let missing: Vec<&str> = parsed
        .project
        .origins
        .iter()
        .filter(|(path, origin)| {
            // Ways to ask exclude each other, and one of the two dependencies is short.
            !matches!(origin, Origin::File(_)) && !path.starts_with("triggers.dependency.")
        })
        .map(|(k, _)| k.as_str())
        // The other paths exclude [canary].
        .filter(|path| !path.starts_with("blue-green") && !path.starts_with("rolling"))
        .collect();
    let excluded = [
        "canary.who.allow-header",
        "edge.sticky.address",
        "edge.sticky.cookie",
        "gates.command",
        "gates.latency-p50.max-vs-stable",
        "gates.latency-p95.max",
        "gates.latency-p95.no-data",
        "gates.latency-p99.no-data",
        "gates.metric",
        "gates.throughput.max-below-stable",
        "health.alive-for",
        "health.command",
        "health.live.path",
        "health.live.tcp",
        "health.ready-file",
        "health.tcp",
        "release",
        "triggers.unready-for",
    ];
    assert_eq!(missing, excluded);
}

/// Documented defaults are those that hold: writing them all out changes nothing.
#[test]
fn a_file_of_all_defaults_means_the_same_as_one_without() {
    let minimal = "service = \"a\"\nrun = \"./a\"\nlisten = \":1\"\n";
    let mut text = minimal.to_owned();
    write_defaults(&schema(), "", &mut text);
    assert!(text.contains("edge.lease = \"3s\"") && text.contains("canary.steps = [5,25,50,100]"), "{text}");
    assert_eq!(accepted(&text).project.services, accepted(minimal).project.services);
}

fn write_defaults(table: &Value, prefix: &str, into: &mut String) {
    for (name, key) in table["properties"].as_object().into_iter().flatten() {
        let path = format!("{prefix}{name}");
        // A trigger is what is written down; the plain limits among them have defaults.
        let trigger = ["triggers.", "checks."].contains(&prefix);
        let tables = [
            "services",
            "blue-green",
            "canary.who",
            "rolling",
            "gates",
            "health.live",
            "shadow",
            "tls",
            "slo",
            "confidence",
            "control.oidc",
            "infra",
            "policy.approvals",
        ];
        let optional_table = trigger || tables.contains(&path.as_str());
        if let Some(default) = key.get("default") {
            into.push_str(&format!("{path} = {default}\n"));
        } else if !optional_table {
            write_defaults(key, &format!("{path}."), into);
        }
    }
}

#[test]
fn no_unlisted_key_passes_in_any_table() {
    for path in keys_of_the_schema().iter().filter(|path| path.contains('.')) {
        let (table, _) = path.rsplit_once('.').unwrap();
        let text = format!("service = \"a\"\nrun = \"./a\"\nlisten = \":1\"\n{table}.qqqq = 1\n");
        let found = parse(&text).unwrap_err();
        assert!(found.iter().any(|one| one.code == "unknown-key" && one.message.contains("qqqq")), "{table}");
    }
}
