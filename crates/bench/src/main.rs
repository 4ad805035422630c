//! The benchmarks' independent client and backend. It uses nothing of Staunch, so that no mistake is on both sides
//! of a measurement.

mod agreement;
mod args;
mod backend;
mod chance;
mod connection;
mod latency;
mod load;
mod pace;
mod reaction;
mod request;
mod sessions;
mod startup;
mod tally;
mod websocket;
mod world;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use crate::args::Args;

const HELP: &str = "\
staunch-bench backend  [--port N]                    a small fast HTTP/1.1 server (PORT when left out)
                       BENCH_FAIL_EVERY=N answers 500 to each Nth request; BENCH_LOG_DIR=DIR logs arrivals there;
                       BENCH_WORLD=FILE says how it fails: errors=0.005,burst=5,cold-errors=0.05,cold-secs=6
staunch-bench load     --url URL --rate N [--connections N] [--mix get|post|both] [--duration SECONDS]
                       [--sessions N --cookie NAME]
                       a paced client; without a duration until SIGTERM; prints one line of JSON;
                       with sessions, requests are those of so many users at a time, known by the cookie
staunch-bench ws       --url URL [--echoes N]        echoes through an upgraded connection until SIGTERM
staunch-bench reaction --journal FILE --logs DIR     from sufficient evidence to the canary's last request
staunch-bench agreement --journal FILE --services PREFIX --simulated FILE --figure NAME
                       a figure of these services' rollouts beside what `staunch simulate --output json` says of it
staunch-bench startup  [--runs N] -- PROGRAM ARGS    how long a program takes from start to end";

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let task = words.next().unwrap_or_default();
    match run(&task, &Args::new(words)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody to tell is no reason for another end.
            drop(writeln!(std::io::stderr(), "staunch-bench: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(task: &str, args: &Args) -> Outcome {
    match task {
        "backend" => on_one_thread(backend::run(args.port()?)),
        "load" => on_one_thread(load::run(load::Plan::try_from(args)?)),
        "ws" => on_one_thread(websocket::run(args)),
        "agreement" => agreement::run(args),
        "reaction" => reaction::run(args),
        "startup" => startup::run(args),
        _ => Err(HELP.into()),
    }
}

fn on_one_thread(task: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, task)
}

/// The result of a subcommand: one line of JSON.
fn report(value: &serde_json::Value) -> Outcome {
    Ok(writeln!(std::io::stdout(), "{value}")?)
}
