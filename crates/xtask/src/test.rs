//! Everything CI runs, in the order in which it fails fastest; what waits for others runs beside what needs the cores.

use crate::pool::{self, Job};
use crate::{dashboard, examples, fuzz, generate, layers, setup, shell, tested};

/// Of made-up requests to the API, beside other stories; `cargo xtask fuzz` goes on for longer.
const FUZZ_SECONDS: u64 = 60;

pub(crate) fn run() -> Result<(), String> {
    std::thread::scope(|scope| {
        let tools = scope.spawn(tools);
        let sound = sound();
        let tools = tools.join().unwrap_or_else(|_| Err("setting up the tools panicked".to_owned()));
        sound.and(tools)
    })?;
    tests()?;
    dashboard::demo()?;
    pool::run(whole()?)
}

/// What the later steps need and what their tools say of the sources: downloads, mostly.
fn tools() -> Result<(), String> {
    setup::install()?;
    setup::install_fuzzer()?;
    dashboard::check()?;
    cargo(&["deny", "--log-level", "error", "check", "licenses", "bans", "sources"])
}

/// What Rust alone says of the sources.
fn sound() -> Result<(), String> {
    cargo(&["fmt", "--all", "--check"])?;
    layers::check()?;
    tested::check()?;
    // One profile for the product, its tests and the lints' dependencies.
    cargo(&["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

/// One build makes the product and its tests: what is tested is what everything after this runs.
fn tests() -> Result<(), String> {
    let nextest = ["nextest", "run", "--release", "--workspace"];
    cargo(&[&nextest[..], &["--no-run"]].concat())?;
    generate::check()?;
    cargo(&[&nextest[..], &["--no-fail-fast"]].concat())?;
    for package in tested::with_examples()? {
        cargo(&["test", "--release", "--doc", "--quiet", "--package", &package])?;
    }
    Ok(())
}

/// The whole product as its users meet it, each with ports and folders of its own: they mostly wait. Longest first.
fn whole() -> Result<Vec<Job>, String> {
    let page = Job::new("the page's stories", dashboard::test);
    let fuzz = Job::new("made-up requests", || fuzz::api(FUZZ_SECONDS));
    Ok([page, fuzz].into_iter().chain(examples::jobs()?).collect())
}

fn cargo(args: &[&str]) -> Result<(), String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", setup::tools().display());
    shell::run_with("cargo", args, &[("PATH", &path)])
}
