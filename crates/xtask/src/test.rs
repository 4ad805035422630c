//! Everything CI runs, in the order in which it fails fastest.

use crate::{fuzz, generate, layers, setup, shell};

/// Of made-up requests to the API; `cargo xtask fuzz` goes on for longer.
const FUZZ_SECONDS: u64 = 75;

pub(crate) fn run() -> Result<(), String> {
    setup::install()?;
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", setup::tools().display());
    let env = [("PATH", path.as_str())];
    let cargo = |args: &[&str]| shell::run_with("cargo", args, &env);
    cargo(&["fmt", "--all", "--check"])?;
    layers::check()?;
    generate::check()?;
    cargo(&["deny", "--log-level", "error", "check", "licenses", "bans", "sources"])?;
    // One profile for the product, its tests and the lints' dependencies.
    cargo(&["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    cargo(&["build", "--release", "--workspace"])?;
    cargo(&["nextest", "run", "--release", "--workspace", "--no-fail-fast"])?;
    cargo(&["test", "--release", "--workspace", "--doc", "--quiet"])?;
    fuzz::api(FUZZ_SECONDS)?;
    examples()
}

/// The book's stories, with the released binary: each ends badly when it did not go as told.
fn examples() -> Result<(), String> {
    let folder = shell::root().join("examples");
    let list = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut runs: Vec<_> = list.flatten().map(|entry| entry.path().join("run.sh")).collect();
    runs.retain(|run| run.exists());
    runs.sort();
    runs.iter().try_for_each(|run| shell::run(&run.to_string_lossy(), &[]))
}
