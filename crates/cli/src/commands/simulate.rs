//! `staunch simulate`: the file's gates against a described world, thousands of times, before anything is released.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use staunch_config::Parsed;
use staunch_model::{ServiceName, ServiceSpec, Weight, human_duration};
use staunch_simulation::{
    KEYS, Looks, Path, Policy, Progress, Row, Simulation, SimulationError, World, chart, presets, standard,
    standard_text, summary_text,
};

use crate::args::{Output, SimulateArgs};
use crate::exit::{Exit, Failure, Outcome};
use crate::project::Place;
use crate::term::Term;

const SEEDS: u64 = 1_000;
/// Enough to tell 0.6 % from 1 %.
const STANDARD_SEEDS: u64 = 10_000;

pub(crate) async fn run(term: &Term, place: &Place, args: &SimulateArgs) -> Outcome {
    if args.worlds {
        worlds(term);
        return Ok(Exit::Ok);
    }
    let looks = if args.standard || args.fine { Looks::fine() } else { Looks::default() };
    let looks = Looks { finest_secs: args.finest_look, ..looks }.sane();
    if args.standard { table(term, args, looks).await } else { one(term, place, args, looks).await }
}

async fn one(term: &Term, place: &Place, args: &SimulateArgs, looks: Looks) -> Outcome {
    let place = args
        .path
        .as_ref()
        .map_or_else(|| place.clone(), |path| Place { file: path.clone(), ..place.clone() });
    let parsed = place.read(term)?;
    let spec = chosen(&parsed, args.service.as_deref())?;
    if spec.is_worker() {
        let text = format!("{} is a worker, and a simulated world is one of requests", spec.name);
        let help = format!("`staunch plan {}` says what a deploy would do", spec.name);
        return Err(Failure::new(Exit::Usage, text).help(help));
    }
    let policy = Policy::from(spec);
    let policy = match args.hold_at.map(Weight::percent).transpose() {
        Ok(share) => match share {
            Some(share) => policy.holding(share),
            None => policy,
        },
        Err(error) => return Err(Failure::new(Exit::Usage, error.to_string())),
    };
    let world = world(&args.world)?;
    let seeds = args.seeds.unwrap_or(SEEDS);
    let simulation = Simulation { policy, world, looks, seeds, compare: args.compare };
    let work = simulation.clone();
    let total = Total { label: simulation.world.name.clone(), runs: seeds };
    let results = shown(term, total, move |workers, progress| work.run(workers, progress)).await?;
    if let Some(path) = &args.chart {
        std::fs::write(path, chart(&results, &path_of(&simulation, args.example)?))?;
        term.say(&format!("wrote {}", path.display()));
    }
    match term.output {
        Output::Text => term.result(&summary_text(&results.summary)),
        Output::Json | Output::Jsonl => term.json(&json!({ "summary": results.summary, "looks": looks })),
    }
    Ok(Exit::Ok)
}

fn path_of(simulation: &Simulation, seed: u64) -> Result<Path, Failure> {
    let example = simulation.example(seed);
    example.map(|(_, path)| path).map_err(|error| Failure::new(Exit::Internal, error.to_string()))
}

async fn table(term: &Term, args: &SimulateArgs, looks: Looks) -> Outcome {
    let service = ServiceName::try_from("standard".to_owned())
        .map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    let seeds = args.seeds.unwrap_or(STANDARD_SEEDS);
    let cases = standard(&service, seeds, looks).map_err(unusable)?;
    let mut rows: Vec<Row> = vec![];
    let count = cases.len();
    for (number, case) in (1..).zip(cases) {
        let world = &case.simulation.world;
        let label = format!("{number} of {count}: {}, {}/s", world.name, world.rps);
        let total = Total { label, runs: seeds };
        rows.push(shown(term, total, move |workers, progress| case.run(workers, progress)).await?);
    }
    let held = rows.iter().all(Row::held);
    match term.output {
        Output::Text => term.result(&standard_text(&rows)),
        Output::Json | Output::Jsonl => {
            term.json(&json!({ "seeds": seeds, "looks": looks, "held": held, "rows": rows }));
        }
    }
    Ok(if held { Exit::Ok } else { Exit::Internal })
}

fn chosen<'p>(parsed: &'p Parsed, wanted: Option<&str>) -> Result<&'p ServiceSpec, Failure> {
    let services = &parsed.project.services;
    let known = || services.iter().map(|spec| spec.name.as_str()).collect::<Vec<_>>().join(", ");
    match (wanted, services.as_slice()) {
        (None, [only]) => Ok(only),
        (None, _) => {
            Err(Failure::new(Exit::Usage, "which service?").help(format!("--service is one of {}", known())))
        }
        (Some(wanted), _) => services.iter().find(|spec| spec.name.as_str() == wanted).ok_or_else(|| {
            Failure::new(Exit::Usage, format!("the file has no service `{wanted}`"))
                .help(format!("it has {}", known()))
        }),
    }
}

fn world(text: &str) -> Result<World, Failure> {
    World::read(text).map_err(unusable)
}

fn unusable(error: impl std::error::Error) -> Failure {
    Failure::new(Exit::Usage, error.to_string()).help("`staunch simulate --worlds` lists worlds and keys")
}

fn worlds(term: &Term) {
    if term.output != Output::Text {
        let presets: Vec<_> =
            presets().map(|preset| json!({ "name": preset.name, "about": preset.about })).collect();
        let key = |key: &staunch_simulation::Key| json!({ "name": key.name, "least": key.least, "most": key.most, "about": key.about });
        term.json(&json!({ "worlds": presets, "keys": KEYS.iter().map(key).collect::<Vec<_>>() }));
        return;
    }
    term.result("Worlds:");
    presets().for_each(|preset| term.result(&format!("  {:<18}{}", preset.name, preset.about)));
    term.result("Keys (shares 0 to 1, spans in seconds):");
    KEYS.iter().for_each(|key| term.result(&format!("  {:<18}{}", key.name, key.about)));
    term.result("Together: --world errors-0.1-to-1,rps=1000");
}

/// What runs, and how much of it.
struct Total {
    label: String,
    runs: u64,
}

const FRAME: Duration = Duration::from_millis(100);
/// Where nobody watches, a line so often.
const PLAIN: Duration = Duration::from_secs(10);

/// Runs the simulation on all cores, shows how far it has come, and ends it on Ctrl-C.
async fn shown<T: Send + 'static>(
    term: &Term,
    total: Total,
    work: impl FnOnce(usize, &Progress) -> Result<T, SimulationError> + Send + 'static,
) -> Result<T, Failure> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let progress = Arc::new(Progress::default());
    let theirs = Arc::clone(&progress);
    let mut hand = tokio::task::spawn_blocking(move || work(workers, &theirs));
    let mut frames = tokio::time::interval(if term.live { FRAME } else { PLAIN });
    // The first tick is at once: nothing is worth showing yet.
    frames.tick().await;
    let begun = Instant::now();
    let result = loop {
        tokio::select! {
            result = &mut hand => break result,
            _ = tokio::signal::ctrl_c() => progress.stop(),
            _ = frames.tick() => show(term, &total, progress.done(), begun.elapsed()),
        }
    };
    if term.live {
        drop(write!(std::io::stderr(), "\r\x1b[2K"));
    }
    let result = result.map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    result.map_err(|error| match error {
        SimulationError::Stopped(stopped) => {
            let (done, of) = (progress.done(), total.runs);
            Failure::new(Exit::Aborted, format!("{stopped}: {done} of {of} rollouts of {}", total.label))
        }
        SimulationError::Illegal(illegal) => Failure::new(Exit::Internal, illegal.to_string()),
    })
}

fn show(term: &Term, total: &Total, done: u64, elapsed: Duration) {
    let share = done as f64 / total.runs.max(1) as f64;
    let left = elapsed.as_secs_f64() * (1.0 - share) / share;
    let left = Duration::try_from_secs_f64(left)
        .map_or_else(|_| String::new(), |left| format!(", {} left", human_duration(left)));
    let words = format!("{}: {done} of {} rollouts{left}", total.label, total.runs);
    if term.live {
        const WIDTH: usize = 24;
        let full = (share * WIDTH as f64) as usize;
        let bar = format!("{}{}", "█".repeat(full), "░".repeat(WIDTH - full.min(WIDTH)));
        drop(write!(std::io::stderr(), "\r\x1b[2K{bar} {words}"));
    } else {
        term.say(&words);
    }
}
