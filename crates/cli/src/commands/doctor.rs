//! `staunch doctor`: checks with a stable id, what is wrong, and a fix to run.

use std::net::TcpListener;

use serde_json::json;
use staunch_api::v1::DoctorCheck;
use staunch_model::ServiceSpec;
use staunch_ports::Journal as _;

use crate::args::{Cli, DoctorArgs, Output};
use crate::exit::{Exit, Outcome};
use crate::project::Place;
use crate::remote::Remote;
use crate::term::{Term, Tone};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    Warn,
    Fail,
}

struct Check {
    id: &'static str,
    state: State,
    text: String,
    fix: Option<String>,
}

impl Check {
    fn ok(id: &'static str, text: impl Into<String>) -> Self {
        Self { id, state: State::Ok, text: text.into(), fix: None }
    }
    fn warn(id: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { id, state: State::Warn, text: text.into(), fix: Some(fix.into()) }
    }
    fn fail(id: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { id, state: State::Fail, text: text.into(), fix: Some(fix.into()) }
    }
}

/// Less free space than this and the journal may soon not be written.
const SPACE_WARNING: u64 = 200 << 20;
/// Each proxied connection needs two descriptors.
const DESCRIPTORS: u64 = 4_096;

pub(crate) async fn run(term: &Term, cli: &Cli, place: &Place, args: &DoctorArgs) -> Outcome {
    let (config, services) = check_config(term, place);
    let control = check_control(cli, place).await;
    let running = control.state == State::Ok;
    let mut checks = vec![
        config,
        check_data(place),
        check_space(place),
        check_descriptors(),
        control,
        check_journal(place),
    ];
    if running {
        checks.extend(check_evidence(cli, place).await);
    }
    for service in &services {
        checks.extend(check_service(service, running));
    }
    show(term, &checks);
    let worst = |state| checks.iter().any(|check| check.state == state);
    Ok(match (worst(State::Fail), worst(State::Warn) && args.strict) {
        (true, _) => Exit::Internal,
        (false, true) => Exit::Warnings,
        (false, false) => Exit::Ok,
    })
}

fn show(term: &Term, checks: &[Check]) {
    if term.output != Output::Text {
        let rows: Vec<_> = checks
            .iter()
            .map(|c| json!({ "id": c.id, "state": word(c.state), "text": c.text, "fix": c.fix }))
            .collect();
        term.json(&json!({ "checks": rows }));
        return;
    }
    for check in checks {
        let (mark, tone) = match check.state {
            State::Ok => ("✓", Tone::Good),
            State::Warn => ("!", Tone::Warn),
            State::Fail => ("✕", Tone::Bad),
        };
        term.result(&format!("{} {:<18} {}", term.paint_result(tone, mark), check.id, check.text));
        if let Some(fix) = &check.fix {
            term.result(&format!("  {:<18} fix: {fix}", ""));
        }
    }
}

fn word(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Warn => "warn",
        State::Fail => "fail",
    }
}

/// What the server can say of itself: everything but whether it runs.
pub(crate) fn of_server(term: &Term, place: &Place) -> Vec<DoctorCheck> {
    let (config, services) = check_config(term, place);
    let mut checks = vec![config, check_data(place), check_space(place), check_descriptors()];
    checks.extend(services.iter().flat_map(|service| check_service(service, true)));
    let shown = |check: Check| DoctorCheck {
        id: check.id.to_owned(),
        state: word(check.state).to_owned(),
        text: check.text,
        fix: check.fix,
    };
    checks.into_iter().map(shown).collect()
}

fn check_config(term: &Term, place: &Place) -> (Check, Vec<ServiceSpec>) {
    match place.read(term) {
        Ok(parsed) if parsed.warnings.is_empty() => {
            (Check::ok("config.valid", place.file.display().to_string()), parsed.project.services)
        }
        Ok(parsed) => (
            Check::warn("config.valid", parsed.warnings.summary(), "staunch validate"),
            parsed.project.services,
        ),
        Err(failure) => {
            let last = failure.message.lines().last().unwrap_or_default().to_owned();
            (
                Check::fail(
                    "config.valid",
                    last,
                    failure.help.unwrap_or_else(|| "staunch validate".to_owned()),
                ),
                vec![],
            )
        }
    }
}

fn check_data(place: &Place) -> Check {
    let dir = &place.data;
    if !dir.exists() {
        return Check::ok("data.writable", format!("{} does not exist yet", dir.display()));
    }
    match tempfile::tempfile_in(dir) {
        Ok(_) => Check::ok("data.writable", dir.display().to_string()),
        Err(error) => Check::fail(
            "data.writable",
            format!("{}: {error}", dir.display()),
            "give --data a directory of your own",
        ),
    }
}

fn check_space(place: &Place) -> Check {
    let existing = place.data.ancestors().find(|dir| dir.exists()).unwrap_or(&place.data);
    let Ok(stat) = rustix::fs::statvfs(existing) else {
        return Check::warn("data.space", "the free space is not known", "df -h");
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let text = format!("{} MB free", free >> 20);
    if free < SPACE_WARNING {
        return Check::warn("data.space", text, format!("free space under {}", existing.display()));
    }
    Check::ok("data.space", text)
}

fn check_descriptors() -> Check {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    if limit < DESCRIPTORS {
        let text = format!("{limit} open files: about {} connections", limit / 2);
        return Check::warn("limits.nofile", text, "ulimit -n 65536, before staunch up");
    }
    Check::ok("limits.nofile", format!("{limit} open files"))
}

async fn check_control(cli: &Cli, place: &Place) -> Check {
    let remote = match Remote::new(&cli.global, place) {
        Ok(remote) => remote,
        Err(_) => return Check::warn("control.running", "no control plane runs here", "staunch up"),
    };
    match remote.services().await {
        Ok(services) => match services.iter().find_map(|service| service.trouble.clone()) {
            Some(trouble) => Check::fail("control.running", trouble, "see the message; staunch status"),
            None => Check::ok("control.running", format!("{} services", services.len())),
        },
        Err(failure) => Check::warn("control.running", failure.message, "staunch up"),
    }
}

/// Whether the gates can be decided at today's traffic, before a rollout waits for them.
async fn check_evidence(cli: &Cli, place: &Place) -> Option<Check> {
    let remote = Remote::new(&cli.global, place).ok()?;
    for service in remote.services().await.ok()? {
        let Ok(plan) = remote.plan(&service.name).await else { continue };
        let stuck = plan.steps.iter().any(|step| step.expected_ms.is_none());
        if let Some(note) = plan.notes.first().filter(|_| stuck) {
            let text = format!("{}: {note}", service.name);
            return Some(Check::warn("evidence.traffic", text, format!("staunch plan {}", service.name)));
        }
    }
    Some(Check::ok("evidence.traffic", "the gates can be decided at today's traffic"))
}

fn check_journal(place: &Place) -> Check {
    let path = place.journal();
    if !path.exists() {
        return Check::ok("journal.chain", "no journal yet");
    }
    let verified = staunch_store::SqliteJournal::open_read_only(&path).and_then(|journal| journal.verify());
    match verified {
        Ok(entries) => Check::ok("journal.chain", format!("{entries} entries, whole")),
        Err(error) => Check::fail("journal.chain", error.to_string(), "staunch audit verify"),
    }
}

fn check_service(service: &ServiceSpec, running: bool) -> Vec<Check> {
    let mut checks = vec![];
    if let Some(listen) = service.listen.filter(|_| !running) {
        checks.push(match TcpListener::bind(listen) {
            Ok(_) => Check::ok("listen.free", format!("{}: {listen} is free", service.name)),
            Err(error) => Check::fail(
                "listen.free",
                format!("{}: {listen}: {error}", service.name),
                format!("ss -ltnp 'sport = :{}' shows who has it", listen.port()),
            ),
        });
    }
    let program = service.command.first().cloned().unwrap_or_default();
    if !program.contains('/') && !in_path(&program) {
        let text = format!("{}: `{program}` is not in PATH", service.name);
        checks.push(Check::fail("command.found", text, "give its path in `run`, or install it"));
    }
    checks
}

fn in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}
