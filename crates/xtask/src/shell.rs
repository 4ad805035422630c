//! Running other programs, loudly.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::say;

/// The repository's root, wherever the task was started.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Runs a program in the repository's root and shows what it prints.
pub(crate) fn run(program: &str, args: &[&str]) -> Result<(), String> {
    run_with(program, args, &[])
}

pub(crate) fn run_with(program: &str, args: &[&str], env: &[(&str, &str)]) -> Result<(), String> {
    let line = format!("{program} {}", args.join(" "));
    say(&format!("── {line}"));
    let status = Command::new(program)
        .args(args)
        .envs(env.iter().copied())
        .current_dir(root())
        .status()
        .map_err(|error| format!("cannot run `{line}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` ended with {status}")) }
}

/// What it prints is shown as a whole, and only when it has failed.
pub(crate) fn quietly(program: &str, args: &[&str]) -> Result<(), String> {
    let line = format!("{program} {}", args.join(" "));
    let output = Command::new(program).args(args).current_dir(root()).stdin(Stdio::null()).output();
    let Output { status, stdout, stderr } =
        output.map_err(|error| format!("cannot run `{line}`: {error}"))?;
    if status.success() {
        return Ok(());
    }
    let [out, err] = [&stdout, &stderr].map(|text| String::from_utf8_lossy(text));
    say(&format!("── {line}\n{out}\n{err}"));
    Err(format!("`{line}` ended with {status}"))
}

/// The released binary.
pub(crate) fn staunch() -> Command {
    let target: PathBuf =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    Command::new(target.join("release/staunch"))
}

/// Whether a program can be started at all.
pub(crate) fn exists(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}
