//! Everything CI runs, in the order in which it fails fastest.

use crate::{dashboard, examples, generate, layers, setup, shell};

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
    cargo(&["nextest", "run", "--release", "--workspace", "--no-fail-fast"])?;
    cargo(&["test", "--release", "--workspace", "--doc", "--quiet"])?;
    dashboard::test()?;
    examples::run()
}
