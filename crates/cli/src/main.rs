//! `staunch`: one binary, three roles, and the command line.

mod args;
mod checks;
mod commands;
mod demo;
mod desk;
mod exit;
mod follow;
mod git;
mod keys;
mod lists;
mod lock;
mod project;
mod remote;
mod source;
mod term;
mod view;

use std::process::ExitCode;

use clap::Parser as _;
use staunch_rollout::Command as Spoken;

use crate::args::{AuditCommand, Cli, Command};
use crate::commands::{
    access, budget, doctor, judge, offline, online, plan, policy, replay, roles, simulate, up,
};
use crate::exit::{Exit, Failure, Outcome};
use crate::project::Place;
use crate::remote::Remote;
use crate::term::{Term, Tone};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers; everything else is a misuse.
            let code = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
            drop(error.print());
            return ExitCode::from(code as u8);
        }
    };
    let term = Term::new(&cli.global);
    match run(&term, &cli) {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(failure) => {
            complain(&term, &failure);
            ExitCode::from(failure.exit as u8)
        }
    }
}

fn complain(term: &Term, failure: &Failure) {
    if term.output != args::Output::Text {
        term.json(&serde_json::json!({
            "exit": failure.exit as u8, "error": failure.message, "help": failure.help,
            "thaw_at": failure.thaw_at, "findings": failure.findings,
        }));
        return;
    }
    term.complain(&format!("{} {}", term.paint(Tone::Bad, "✕"), failure.message));
    for line in failure
        .findings
        .iter()
        .flat_map(|finding| policy::lines(finding, |tone, text| term.paint(tone, text)))
    {
        term.complain(&format!("  {line}"));
    }
    if let Some(help) = &failure.help {
        term.complain(&format!("  {help}"));
    }
}

fn run(term: &Term, cli: &Cli) -> Outcome {
    let place = Place::of(&cli.global);
    match &cli.command {
        Command::Validate(args) => offline::validate(term, &place, args.values),
        Command::Schema(args) => offline::schema(term, args),
        Command::Init(args) => offline::init(term, &place, args),
        Command::Completions { shell } => offline::completions(*shell),
        Command::Audit { what: AuditCommand::Verify } => offline::audit_verify(term, &place),
        Command::Replay(args) => replay::replay_one(term, &place, args),
        Command::Backtest(args) => replay::backtest(term, &place, args),
        Command::Judge(args) => judge::run(term, args),
        Command::Up(args) => up::run(term, &place, args),
        Command::Keeper => roles::keeper(&place),
        Command::Edge(args) => roles::edge(args),
        Command::DemoShop => demo::shop::run().map(|()| Exit::Ok).map_err(Failure::from),
        Command::Demo(_)
        | Command::Down
        | Command::Plan(_)
        | Command::Deploy(_)
        | Command::Status(_)
        | Command::Budget(_)
        | Command::Watch(_)
        | Command::Promote(_)
        | Command::Pause(_)
        | Command::Resume(_)
        | Command::Abort(_)
        | Command::Rollback(_)
        | Command::Approve(_)
        | Command::Reject(_)
        | Command::Freeze(_)
        | Command::Unfreeze(_)
        | Command::Explain(_)
        | Command::History(_)
        | Command::Logs(_)
        | Command::Audit { what: AuditCommand::Export }
        | Command::Token { .. }
        | Command::Session { .. }
        | Command::Ui(_)
        | Command::Doctor(_)
        | Command::Simulate(_)
        | Command::Upgrade(_) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let outcome = runtime.block_on(ask(term, cli, &place));
            runtime.shutdown_background();
            outcome
        }
    }
}

/// Commands that talk to a control plane.
async fn ask(term: &Term, cli: &Cli, place: &Place) -> Outcome {
    let remote = || Remote::new(&cli.global, place);
    match &cli.command {
        Command::Demo(args) => demo::run(term, args).await,
        Command::Down => online::down(term, &remote()?).await,
        Command::Plan(args) => plan::run(term, &remote()?, args).await,
        Command::Deploy(args) => {
            // Findings are shown here, with their places, before the server is asked.
            if cli.global.server.is_none() {
                place.read(term)?;
            }
            online::deploy(term, &remote()?, args).await
        }
        Command::Budget(args) => budget::run(term, &remote()?, args).await,
        Command::Status(args) => online::status(term, &remote()?, args).await,
        Command::Watch(args) => online::watch(term, &remote()?, args).await,
        Command::Promote(args) => online::promote(term, &remote()?, args).await,
        Command::Pause(args) => online::verb(term, &remote()?, Spoken::Pause, args).await,
        Command::Resume(args) => online::verb(term, &remote()?, Spoken::Resume, args).await,
        Command::Abort(args) => online::abort(term, &remote()?, args).await,
        Command::Rollback(args) => online::rollback(term, &remote()?, args).await,
        Command::Approve(args) => policy::vote(term, &remote()?, args, true).await,
        Command::Reject(args) => policy::vote(term, &remote()?, args, false).await,
        Command::Freeze(args) => policy::freeze(term, &remote()?, args).await,
        Command::Unfreeze(args) => policy::unfreeze(term, &remote()?, args).await,
        Command::Explain(args) => online::explain(term, &remote()?, args).await,
        Command::History(args) => online::history(term, &remote()?, args).await,
        Command::Logs(args) => online::logs(term, &remote()?, args).await,
        Command::Audit { .. } => online::audit_export(term, &remote()?).await,
        Command::Token { what } => access::token(term, &remote()?, what).await,
        Command::Session { what } => access::session(term, &remote()?, what).await,
        Command::Ui(args) => access::ui(term, &remote()?, args).await,
        Command::Simulate(args) => simulate::run(term, place, args).await,
        Command::Doctor(args) => doctor::run(term, cli, place, args).await,
        Command::Upgrade(args) => online::upgrade(term, &remote()?, args).await,
        Command::Init(_)
        | Command::Up(_)
        | Command::Validate(_)
        | Command::Replay(_)
        | Command::Judge(_)
        | Command::Backtest(_)
        | Command::Schema(_)
        | Command::Completions { .. }
        | Command::Keeper
        | Command::Edge(_)
        | Command::DemoShop => Err(Failure::new(Exit::Internal, "this command needs no server")),
    }
}
