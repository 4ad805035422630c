//! Chores of the repository. `cargo xtask` lists them.

mod contract;
mod dashboard;
mod examples;
mod fuzz;
mod generate;
mod layers;
mod pool;
mod setup;
mod shell;
mod test;
mod tested;

use std::io::Write as _;
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask test       install what the tests need, then run everything CI runs
cargo xtask setup      only install what the tests need (Debian packages, Python wheels)
cargo xtask layers     check that every room uses only the rooms below it
cargo xtask generate   write the generated references (docs/reference); refuses to take anything out of the API
cargo xtask examples   only the examples, with the release build
cargo xtask page       only the page's stories in a browser, with the release build
cargo xtask dashboard  build the page's files (dashboard/dist)
cargo xtask fuzz       the released server's API against its own document, for ten minutes
cargo xtask bench      the proxy beside nginx and Envoy, switching, upgrades, rollback time";

fn main() -> ExitCode {
    let task = std::env::args().nth(1);
    let outcome = match task.as_deref() {
        Some("test") => test::run(),
        Some("setup") => setup::install(),
        Some("layers") => layers::check(),
        Some("generate") => generate::write(),
        Some("examples") => examples::run(),
        Some("page") => dashboard::demo().and_then(|()| dashboard::test()),
        Some("dashboard") => dashboard::write(),
        Some("fuzz") => fuzz::long(),
        Some("bench") => shell::run("bash", &["bench/run.sh"]),
        Some(_) | None => {
            say(HELP);
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            say(&format!("xtask: {problem}"));
            ExitCode::FAILURE
        }
    }
}

fn say(text: &str) {
    // Nobody to tell is no reason to fail.
    drop(writeln!(std::io::stderr(), "{text}"));
}
