//! Everything CI runs, in the order in which it fails fastest.

use crate::{dashboard, examples, fuzz, generate, layers, setup, shell};

/// Of made-up requests to the API; `cargo xtask fuzz` goes on for longer.
const FUZZ_SECONDS: u64 = 45;

pub(crate) fn run() -> Result<(), String> {
    setup::install()?;
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", setup::tools().display());
    let env = [("PATH", path.as_str())];
    let cargo = |args: &[&str]| shell::run_with("cargo", args, &env);
    cargo(&["fmt", "--all", "--check"])?;
    layers::check()?;
    generate::check()?;
    dashboard::check()?;
    cargo(&["deny", "--log-level", "error", "check", "licenses", "bans", "sources"])?;
    // One profile for the product, its tests and the lints' dependencies.
    cargo(&["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    cargo(&["build", "--release", "--workspace"])?;
    generate::check_api()?;
    cargo(&["nextest", "run", "--release", "--workspace", "--no-fail-fast"])?;
    cargo(&["test", "--release", "--workspace", "--doc", "--quiet"])?;
    fuzz::api(FUZZ_SECONDS)?;
    dashboard::test()?;
    examples::run()
}
