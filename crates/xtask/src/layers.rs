//! The arrows of ARCHITECTURE.md, kept by `cargo metadata` and a table.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::shell::root;

/// What each room may use of ours, and which outside crates only it may see.
const ROOMS: [(&str, &[&str]); 16] = [
    ("staunch-model", &[]),
    ("staunch-evidence", &[]),
    ("staunch-analysis", &["staunch-model", "staunch-evidence"]),
    ("staunch-rollout", &["staunch-model", "staunch-analysis"]),
    ("staunch-simulation", &["staunch-model", "staunch-evidence", "staunch-analysis", "staunch-rollout"]),
    ("staunch-config", &["staunch-model"]),
    ("staunch-checks", &["staunch-model"]),
    ("staunch-ports", &["staunch-model", "staunch-rollout"]),
    ("staunch-tls", &[]),
    ("staunch-proxy", &["staunch-model", "staunch-tls"]),
    ("staunch-local", &["staunch-model", "staunch-ports", "staunch-proxy"]),
    ("staunch-store", &["staunch-model", "staunch-ports"]),
    ("staunch-control", &["staunch-model", "staunch-analysis", "staunch-rollout", "staunch-ports"]),
    (
        "staunch-api",
        &[
            "staunch-model",
            "staunch-analysis",
            "staunch-rollout",
            "staunch-ports",
            "staunch-control",
            "staunch-tls",
        ],
    ),
    ("xtask", &[]),
    ("staunch-bench", &[]),
];

/// `(crate, the rooms that may depend on it)`
const OWNED: [(&str, &[&str]); 6] = [
    ("rusqlite", &["staunch-store"]),
    ("axum", &["staunch-api"]),
    ("clap", &["staunch"]),
    ("ratatui", &["staunch"]),
    ("rustls", &["staunch-tls", "staunch-proxy", "staunch-api"]),
    ("arc-swap", &["staunch-proxy"]),
];

/// Rooms below the waist: no runtime, no world.
const PURE: [&str; 7] = [
    "staunch-model",
    "staunch-evidence",
    "staunch-analysis",
    "staunch-rollout",
    "staunch-simulation",
    "staunch-config",
    "staunch-checks",
];
const WORLDLY: [&str; 5] = ["tokio", "hyper", "rustix", "socket2", "rusqlite"];

pub(crate) fn check() -> Result<(), String> {
    let uses = dependencies()?;
    let faults = faults(&uses);
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n       ")) }
}

fn faults(uses: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let rooms: BTreeMap<_, _> = ROOMS.into_iter().collect();
    let mut faults = vec![];
    for (room, targets) in uses {
        for target in targets {
            let ours = target.starts_with("staunch");
            let allowed = room == "staunch"
                || rooms.get(room.as_str()).is_some_and(|may| may.contains(&target.as_str()));
            if ours && !allowed {
                faults
                    .push(format!("{room} must not use {target}: arrows only point down (ARCHITECTURE.md)"));
            }
            let owners = OWNED.iter().find(|(name, _)| name == target).map(|(_, owners)| *owners);
            if owners.is_some_and(|owners| !owners.contains(&room.as_str())) {
                faults.push(format!("{room} must not use {target}: only {owners:?} may"));
            }
            if PURE.contains(&room.as_str()) && WORLDLY.contains(&target.as_str()) {
                faults.push(format!("{room} is pure and must not use {target}"));
            }
        }
        if room != "staunch" && !rooms.contains_key(room.as_str()) {
            faults.push(format!("{room} is in no storey: add it to the table"));
        }
    }
    faults
}

/// Every room and what it depends on, tests left out.
fn dependencies() -> Result<BTreeMap<String, Vec<String>>, String> {
    Ok(packages()?.iter().map(|package| (text(&package["name"]), targets(package))).collect())
}

/// The workspace as Cargo describes it.
pub(crate) fn packages() -> Result<Vec<Value>, String> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root())
        .output()
        .map_err(|error| error.to_string())?;
    let metadata: Value = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    Ok(metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?.clone())
}

fn targets(package: &Value) -> Vec<String> {
    let all = package["dependencies"].as_array().into_iter().flatten();
    all.filter(|dependency| dependency["kind"].is_null())
        .map(|dependency| text(&dependency["name"]))
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(room: &str, target: &str) -> BTreeMap<String, Vec<String>> {
        BTreeMap::from([(room.to_owned(), vec![target.to_owned()])])
    }

    #[test]
    fn the_arrows_point_down() {
        assert_eq!(check(), Ok(()));
    }

    #[test]
    fn an_arrow_upwards_is_found() {
        assert_eq!(faults(&uses("staunch-rollout", "staunch-ports")).len(), 1);
        assert_eq!(faults(&uses("staunch-control", "staunch-local")).len(), 1);
        assert_eq!(faults(&uses("staunch-model", "tokio")).len(), 1);
        assert_eq!(faults(&uses("staunch-control", "rusqlite")).len(), 1);
        assert_eq!(faults(&uses("staunch-nowhere", "serde")).len(), 1);
    }
}
