//! The command line as clap reads it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use staunch_config::Preset;

const AFTER_HELP: &str = "\
First minute:   staunch demo
Your own app:   staunch init, staunch up, then change something and staunch deploy

Exit status: 0 promoted or ok, 2 usage, 3 configuration, 4 no server, 10 rolled back, 11 aborted,
12 timed out, 13 needs approval, 14 frozen, 15 refused, 16 conflict. All of them: docs/src/exit-status.md";

#[derive(Debug, Parser)]
#[command(
    name = "staunch",
    version,
    about = "Takes a service from one version to the next so that its users never notice, and back by itself when the new version is bad",
    after_help = AFTER_HELP,
    disable_help_subcommand = true,
    max_term_width = 110
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// The configuration file
    #[arg(
        short,
        long,
        global = true,
        env = "STAUNCH_FILE",
        default_value = "staunch.toml",
        value_name = "PATH"
    )]
    pub(crate) file: PathBuf,
    /// Where Staunch keeps its journal, logs and revisions [default: .staunch beside the file]
    #[arg(long, global = true, env = "STAUNCH_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Talk to this server instead of the one in the data directory (https://NAME, http://127.0.0.1:PORT);
    /// STAUNCH_TOKEN says who you are
    #[arg(long, global = true, env = "STAUNCH_SERVER", value_name = "URL")]
    pub(crate) server: Option<String>,
    /// Trust the certificates of this PEM file when the server is called over https
    #[arg(long, global = true, env = "STAUNCH_CA", value_name = "PEM")]
    pub(crate) ca: Option<PathBuf>,
    /// The environment of the file, such as production; it has a data directory of its own
    #[arg(long, global = true, env = "STAUNCH_ENV", value_name = "NAME")]
    pub(crate) env: Option<String>,
    /// Who you are, when your login name does not say it: kept in the journal
    #[arg(long = "as", global = true, env = "STAUNCH_AS", value_name = "NAME")]
    pub(crate) acting_as: Option<String>,
    /// How results are written to standard output
    #[arg(long, global = true, env = "STAUNCH_OUTPUT", value_enum, default_value_t = Output::Text, value_name = "FORM")]
    pub(crate) output: Output,
    /// How progress is shown on standard error
    #[arg(long, global = true, env = "STAUNCH_PROGRESS", value_enum, default_value_t = Progress::Auto, value_name = "HOW")]
    pub(crate) progress: Progress,
    /// Colours: auto honours NO_COLOR and terminals
    #[arg(long, global = true, env = "STAUNCH_COLOR", value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,
    /// Results only
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Text,
    Json,
    Jsonl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    Auto,
    Live,
    Plain,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch Staunch ship a good release and take a bad one back: offline, nothing to set up, nothing left behind
    Demo(DemoArgs),
    /// Write staunch.toml for an existing app
    Init(InitArgs),
    /// Run the services of the file and the control plane, until Ctrl-C
    Up(UpArgs),
    /// Stop the services, the proxy and the control plane of this data directory
    Down,
    /// Check the configuration file: all findings at once
    Validate(ValidateArgs),
    /// Say what a deploy would do, and how long each step takes at today's traffic
    Plan(PlanArgs),
    /// Take a service to the content that the file describes now, and wait for the outcome
    Deploy(DeployArgs),
    /// What is left of the error budget, how fast it goes, and what each rollout took of it
    Budget(ServiceArg),
    /// Services, revisions and rollouts as they are
    Status(StatusArgs),
    /// Follow a rollout until it ends
    Watch(WatchArgs),
    /// Go on from this step without waiting for its gates; --full goes to 100 %
    Promote(PromoteArgs),
    /// Keep the present weight until resumed
    Pause(VerbArgs),
    /// Go on after a pause
    Resume(VerbArgs),
    /// End the running rollout: all traffic back to stable
    Abort(AbortArgs),
    /// Go back to the revision before, or to a named one
    Rollback(RollbackArgs),
    /// Agree to the change that somebody asks for
    Approve(VerbArgs),
    /// Say no to the change that somebody asks for
    Reject(VerbArgs),
    /// Let no change begin; going back stays possible. Without a service: all of them
    Freeze(FreezeArgs),
    /// Let changes begin again
    Unfreeze(VerbArgs),
    /// Why a rollout ended as it did: numbers, routes, examples, logs, cost
    Explain(ExplainArgs),
    /// Past rollouts, newest first
    History(HistoryArgs),
    /// What the instances wrote
    Logs(LogsArgs),
    /// The journal: verify its chain, export it
    Audit {
        #[command(subcommand)]
        what: AuditCommand,
    },
    /// A recorded rollout once more, in front of the same judge: it must say the same, bit for bit
    Replay(ReplayArgs),
    /// Recorded rollouts with the gates that are in the file now: what would have been decided, and when
    Backtest(BacktestArgs),
    /// Try the file's gates against a described world: how often they err, how soon they find, what users bear
    Simulate(SimulateArgs),
    /// Compare metrics that come as time series, once, and score them from 0 to 100
    Judge(JudgeArgs),
    /// Tokens that let people and programs in from elsewhere
    Token {
        #[command(subcommand)]
        what: TokenCommand,
    },
    /// Browsers that are signed in to the page
    Session {
        #[command(subcommand)]
        what: SessionCommand,
    },
    /// Open the page in the browser, signed in as you
    Ui(UiArgs),
    /// Find out why something does not work, with a fix to run
    Doctor(DoctorArgs),
    /// Replace the running binary without losing a request
    Upgrade(UpgradeArgs),
    /// The JSON Schema of staunch.toml, the API's document, or every finding there is
    Schema(SchemaArgs),
    /// Completions for your shell
    Completions { shell: clap_complete::Shell },
    /// (internal) owns sockets and processes
    #[command(hide = true)]
    Keeper,
    /// (internal) the proxy
    #[command(hide = true)]
    Edge(EdgeArgs),
    /// (internal) the demo's shop
    #[command(hide = true)]
    DemoShop,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// End after the story, with exit 0 when it went as told
    #[arg(long)]
    pub(crate) once: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The service's name [default: the folder's name]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The command that starts it; it gets PORT
    #[arg(long, value_name = "COMMAND")]
    pub(crate) run: Option<String>,
    /// The address users call
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub(crate) listen: String,
    /// What is asked of a rollout; --presets tells them apart
    #[arg(long, default_value = "evidence", value_name = "NAME", value_parser = preset)]
    pub(crate) preset: Preset,
    /// List the presets
    #[arg(long)]
    pub(crate) presets: bool,
    /// Overwrite an existing file
    #[arg(long)]
    pub(crate) force: bool,
}

fn preset(name: &str) -> Result<Preset, String> {
    let names = || Preset::ALL.map(Preset::name).join(", ");
    let found = Preset::ALL.into_iter().find(|preset| preset.name() == name);
    found.ok_or_else(|| format!("the presets are {}", names()))
}

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Stop everything and remove the data when standard input closes
    #[arg(long, hide = true)]
    pub(crate) ephemeral: bool,
    /// Continue in place of a control plane that handed over
    #[arg(long, hide = true)]
    pub(crate) resumed: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ServiceArg {
    /// The service [default: the only one]
    pub(crate) service: Option<String>,
}

/// Which values of the file are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Values {
    /// Those that the file gives
    Given,
    /// Defaults too
    All,
}

#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// Show each value and where it comes from: a line of the file, an environment, a default
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "given", value_name = "given|all")]
    pub(crate) values: Option<Values>,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The service [default: the only one]
    pub(crate) service: Option<String>,
    /// Show the configuration in force, where each value came from, and what the file says otherwise by now
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "given", value_name = "given|all")]
    pub(crate) config: Option<Values>,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The service [default: the only one]
    pub(crate) service: Option<String>,
    /// Exit 20 when a deploy would change something
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    /// The service [default: the only one]
    pub(crate) service: Option<String>,
    /// All services of this [release.NAME], in their order; when one does not make it, all go back
    #[arg(long, value_name = "NAME", conflicts_with_all = ["service", "replace", "until"])]
    pub(crate) release: Option<String>,
    /// Take a running rollout back first
    #[arg(long)]
    pub(crate) replace: bool,
    /// Why: kept in the journal
    #[arg(short, long)]
    pub(crate) reason: Option<String>,
    /// A fix that cannot wait: passes a frozen error budget; needs --reason and --approved-by
    #[arg(long, requires_all = ["reason", "approved_by"])]
    pub(crate) critical_fix: bool,
    /// The second person who lets it pass a freeze, not the one who deploys; needs --reason
    #[arg(long, value_name = "NAME", requires = "reason")]
    pub(crate) approved_by: Option<String>,
    /// Override change windows and freezes; needs --reason
    #[arg(long, requires = "reason")]
    pub(crate) emergency: bool,
    /// What to wait for [default: decided]; when given, approvals are waited for too
    #[arg(long, value_name = "decided|promoted|step:N|started")]
    pub(crate) until: Option<String>,
    /// Stop waiting after this (30s, 10m): exit 12, the rollout goes on
    #[arg(long, value_name = "SPAN")]
    pub(crate) timeout: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// The service [default: the only one]
    pub(crate) service: Option<String>,
    /// Stop watching after this (30s, 10m): exit 12
    #[arg(long, value_name = "SPAN")]
    pub(crate) timeout: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct VerbArgs {
    /// The service [default: the only one]
    pub(crate) service: Option<String>,
    /// Why: kept in the journal
    #[arg(short, long, default_value = "")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct AbortArgs {
    #[command(flatten)]
    pub(crate) verb: VerbArgs,
    /// End this release: everything that it brought goes back
    #[arg(long, value_name = "NUMBER", conflicts_with = "service")]
    pub(crate) release: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct FreezeArgs {
    #[command(flatten)]
    pub(crate) verb: VerbArgs,
    /// When it ends by itself: a span (2h) or a moment (2026-11-30T09:00:00Z) [default: with `staunch unfreeze`]
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PromoteArgs {
    #[command(flatten)]
    pub(crate) verb: VerbArgs,
    /// To 100 % now
    #[arg(long)]
    pub(crate) full: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    #[command(flatten)]
    pub(crate) verb: VerbArgs,
    /// The revision's label or digest [default: the one before]
    #[arg(long, value_name = "REVISION")]
    pub(crate) to: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The number of a rollout or a release [default: the last rollout]
    pub(crate) rollout: Option<u64>,
    /// Markdown, for a pull request
    #[arg(long)]
    pub(crate) markdown: bool,
}

#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Only this service
    pub(crate) service: Option<String>,
    #[arg(short = 'n', long, default_value_t = 20)]
    pub(crate) limit: usize,
}

#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// The service [default: the only one]
    pub(crate) service: Option<String>,
    /// Only instances of this revision
    #[arg(long)]
    pub(crate) revision: Option<String>,
    #[arg(short = 'n', long, default_value_t = 50)]
    pub(crate) lines: usize,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Walk the whole chain of the journal; works without a server
    Verify,
    /// Every entry as a line of JSON
    Export,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token; it is shown this once
    Create(TokenCreateArgs),
    /// All tokens, without their secrets
    List,
    /// End a token, and the sessions that it opened, at once
    Revoke(TokenRevokeArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// All of them, newest first
    List,
    /// Sign out every browser of a name, at once
    End(SessionEndArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SessionEndArgs {
    /// Whose
    pub(crate) name: String,
    /// Why: kept in the journal
    #[arg(short, long)]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TokenCreateArgs {
    /// Whose deeds will be recorded under it
    pub(crate) name: String,
    /// viewer looks, deployer changes, approver answers, admin does everything and gives access
    #[arg(long, value_name = "viewer|deployer|approver|admin")]
    pub(crate) role: String,
    /// Only servers of these environments take it [default: all]
    #[arg(long = "for", value_name = "ENVIRONMENT")]
    pub(crate) environments: Vec<String>,
    /// When it ends by itself (12h, 90d) [default: when it is revoked]
    #[arg(long, value_name = "SPAN")]
    pub(crate) expires: Option<String>,
    /// Why: kept in the journal
    #[arg(short, long)]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TokenRevokeArgs {
    /// Its id, or its name
    pub(crate) token: String,
    /// Why: kept in the journal
    #[arg(short, long)]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct UiArgs {
    /// Only print the link; it works once, within a minute
    #[arg(long)]
    pub(crate) print: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The rollout's number, or a recording's file [default: the last]
    pub(crate) recording: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct BacktestArgs {
    /// Rollouts' numbers, or recordings' files [default: all]
    pub(crate) recordings: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// The configuration file [default: as with the other commands]
    #[arg(value_name = "FILE")]
    pub(crate) path: Option<PathBuf>,
    /// The service [default: the only one]
    #[arg(long)]
    pub(crate) service: Option<String>,
    /// A world's name, key=value, or both with commas between; --worlds lists them
    #[arg(long, default_value = "plain", value_name = "WORLD")]
    pub(crate) world: String,
    /// How many rollouts [default: 1000; 10000 for each line of the standard table]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(crate) seeds: Option<u64>,
    /// Hold at this percentage instead of going through the steps: how the evidence alone does
    #[arg(long, value_name = "PERCENT")]
    pub(crate) hold_at: Option<f64>,
    /// Try today's polling rules on the same traffic
    #[arg(long)]
    pub(crate) compare: bool,
    /// The table of claims: one policy against every world that a claim is made about; exit 1 when one does not hold
    #[arg(long, conflicts_with_all = ["path", "service", "world", "chart", "hold_at"])]
    pub(crate) standard: bool,
    /// Draw the results as SVG
    #[arg(long, value_name = "OUT.svg")]
    pub(crate) chart: Option<PathBuf>,
    /// The rollout that the chart shows look by look
    #[arg(long, default_value_t = 0, value_name = "SEED")]
    pub(crate) example: u64,
    /// Shortest time between two looks, in seconds
    #[arg(long, default_value_t = 0.1, value_name = "SECONDS")]
    pub(crate) finest_look: f64,
    /// Look as often as the standard table does: delays to 1 % instead of 5 %, in four times the time
    #[arg(long)]
    pub(crate) fine: bool,
    /// List worlds and their keys
    #[arg(long)]
    pub(crate) worlds: bool,
}

#[derive(Debug, Args)]
pub(crate) struct JudgeArgs {
    /// The analysis as JSON: metrics with their series and options; `-` is standard input
    pub(crate) analysis: String,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Exit 21 when there are warnings only
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UpgradeArgs {
    /// The new binary [default: the one that was started, as it is on disk now]
    #[arg(long, value_name = "PATH")]
    pub(crate) binary: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct EdgeArgs {
    #[arg(long)]
    pub(crate) run_dir: PathBuf,
    #[arg(long)]
    pub(crate) socket: PathBuf,
    #[arg(long)]
    pub(crate) fd_socket: PathBuf,
    #[arg(long, default_value_t = 0)]
    pub(crate) threads: usize,
}

/// What else than the file's schema.
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// The control API as OpenAPI 3.1
    #[arg(long, conflicts_with = "findings")]
    pub(crate) api: bool,
    /// What may be found in the file and before a rollout: each code with its meaning and its fix
    #[arg(long)]
    pub(crate) findings: bool,
}
