//! References that are made from the code. Committed, and compared in CI.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::contract;
use crate::shell::{self, root};

const API: &str = "docs/reference/openapi.json";

fn references() -> Result<Vec<(PathBuf, String)>, String> {
    let findings = released(&["schema", "--findings"])?;
    Ok(vec![
        (root().join("docs/reference/staunch.schema.json"), pretty(&released(&["schema"])?)),
        (root().join("docs/reference/config-errors.md"), in_the_file(&findings["config"])),
        (root().join("docs/reference/preflight-findings.md"), before_a_rollout(&findings["preflight"])),
    ])
}

fn in_the_file(findings: &Value) -> String {
    let mut text = String::from("# Findings in staunch.toml\n\nMade by `cargo xtask generate`.\n");
    for finding in findings.as_array().into_iter().flatten() {
        text.push_str(&section(finding));
    }
    text
}

fn before_a_rollout(findings: &Value) -> String {
    let mut text = String::from("# Findings before a rollout\n\nMade by `cargo xtask generate`.\n");
    for finding in findings.as_array().into_iter().flatten() {
        text.push_str(&section(finding));
        text.push_str(&format!("\nAs an error: exit {}.\n", finding["exit"]));
    }
    text
}

fn section(finding: &Value) -> String {
    let [code, meaning, fix] =
        ["code", "meaning", "fix"].map(|key| finding[key].as_str().unwrap_or_default());
    format!("\n## {code}\n\n{meaning}\n\n{fix}\n")
}

/// A document as the released binary has it.
fn released(args: &[&str]) -> Result<Value, String> {
    let output = shell::staunch().args(args).output();
    let output = output.map_err(|error| format!("the released binary: {error}"))?;
    serde_json::from_slice(&output.stdout).map_err(|error| format!("`staunch {}`: {error}", args.join(" ")))
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

fn committed_api() -> Result<Option<Value>, String> {
    let Ok(committed) = fs::read_to_string(root().join(API)) else { return Ok(None) };
    serde_json::from_str(&committed).map(Some).map_err(|error| format!("{API}: {error}"))
}

/// Nothing that programs rely on is taken out by a slip: who means it removes the old document first.
fn write_api() -> Result<(), String> {
    let new = released(&["schema", "--api"])?;
    let broken = committed_api()?.map(|old| contract::broken(&old, &new)).unwrap_or_default();
    if !broken.is_empty() {
        let listed = broken.join("\n  ");
        return Err(format!(
            "the API would no longer have\n  {listed}\nadd beside instead, or remove {API} when it is meant"
        ));
    }
    fs::write(root().join(API), pretty(&new)).map_err(|error| format!("{API}: {error}"))
}

pub(crate) fn write() -> Result<(), String> {
    shell::run("cargo", &["build", "--release"])?;
    write_api()?;
    for (path, text) in references()? {
        let dir = path.parent().ok_or("a reference has no folder")?;
        fs::create_dir_all(dir).map_err(|error| error.to_string())?;
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

/// Fails when a committed reference is not what the code says.
pub(crate) fn check() -> Result<(), String> {
    let stale = |path: &str| Err(format!("{path} is out of date: run `cargo xtask generate`"));
    for (path, text) in references()? {
        if fs::read_to_string(&path).unwrap_or_default() != text {
            return stale(&path.to_string_lossy());
        }
    }
    if committed_api()? != Some(released(&["schema", "--api"])?) {
        return stale(API);
    }
    Ok(())
}
