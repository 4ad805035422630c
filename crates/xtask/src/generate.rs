//! References that are made from the code. Committed, and compared in CI.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::contract;
use crate::shell::{self, root};

fn references() -> Vec<(PathBuf, String)> {
    let schema = serde_json::to_string_pretty(&staunch_config::schema()).unwrap_or_default();
    vec![
        (root().join("docs/reference/staunch.schema.json"), schema + "\n"),
        (root().join("docs/reference/config-errors.md"), config_errors()),
        (root().join("docs/reference/preflight-findings.md"), preflight_findings()),
    ]
}

fn config_errors() -> String {
    let mut text = String::from("# Findings in staunch.toml\n\nMade by `cargo xtask generate`.\n");
    for (code, meaning, fix) in staunch_config::explain_codes() {
        text.push_str(&format!("\n## {code}\n\n{meaning}\n\n{fix}\n"));
    }
    text
}

fn preflight_findings() -> String {
    let mut text = String::from("# Findings before a rollout\n\nMade by `cargo xtask generate`.\n");
    for info in staunch_rollout::FindingCode::ALL.iter().map(|code| code.info()) {
        let exit = info.stop.exit();
        text.push_str(&format!(
            "\n## {}\n\n{}\n\n{}\n\nAs an error: exit {exit}.\n",
            info.code, info.meaning, info.fix
        ));
    }
    text
}

const API: &str = "docs/reference/openapi.json";

/// The API's document as the released binary has it.
fn api() -> Result<Value, String> {
    let output = shell::staunch().args(["schema", "--api"]).output();
    let output = output.map_err(|error| format!("the released binary: {error}"))?;
    serde_json::from_slice(&output.stdout).map_err(|error| format!("`staunch schema --api`: {error}"))
}

fn committed_api() -> Result<Option<Value>, String> {
    let Ok(committed) = fs::read_to_string(root().join(API)) else { return Ok(None) };
    serde_json::from_str(&committed).map(Some).map_err(|error| format!("{API}: {error}"))
}

/// Nothing that programs rely on is taken out by a slip: who means it removes the old document first.
fn write_api() -> Result<(), String> {
    let new = api()?;
    let broken = committed_api()?.map(|old| contract::broken(&old, &new)).unwrap_or_default();
    if !broken.is_empty() {
        let listed = broken.join("\n  ");
        return Err(format!(
            "the API would no longer have\n  {listed}\nadd beside instead, or remove {API} when it is meant"
        ));
    }
    let text = serde_json::to_string_pretty(&new).unwrap_or_default() + "\n";
    fs::write(root().join(API), text).map_err(|error| format!("{API}: {error}"))
}

/// The same as [`check`] for the API, once the binary is built.
pub(crate) fn check_api() -> Result<(), String> {
    if committed_api()?.as_ref() == Some(&api()?) {
        return Ok(());
    }
    Err(format!("{API} is out of date: run `cargo xtask generate`"))
}

pub(crate) fn write() -> Result<(), String> {
    shell::run("cargo", &["build", "--release", "--workspace"])?;
    write_api()?;
    for (path, text) in references() {
        let dir = path.parent().ok_or("a reference has no folder")?;
        fs::create_dir_all(dir).map_err(|error| error.to_string())?;
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

/// Fails when a committed reference is not what the code says.
pub(crate) fn check() -> Result<(), String> {
    for (path, text) in references() {
        let committed = fs::read_to_string(&path).unwrap_or_default();
        if committed != text {
            return Err(format!("{} is out of date: run `cargo xtask generate`", path.display()));
        }
    }
    Ok(())
}
