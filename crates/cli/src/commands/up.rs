//! `staunch up`: the composition root. Platform, journal, loop and API are put together here and nowhere else.

use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use staunch_api::{Admin, Door, OidcSettings, PemFiles, ServeOptions, SharedKeyring};
use staunch_config::{ControlSpec, Project};
use staunch_control::{Control, DeployOptions, Handle, Parts, Refused, ReleaseSource, SpecSource};
use staunch_local::{LocalOptions, LocalPlatform};
use staunch_model::ServiceName;
use staunch_rollout::Event;
use staunch_store::{FileAttestor, FileRecorder, SqliteJournal, SqliteKeyring};
use tokio::sync::mpsc;

use crate::args::UpArgs;
use crate::desk::PlaceDesk;
use crate::exit::{Exit, Failure, Outcome};
use crate::lock::Lock;
use crate::project::Place;
use crate::source::Source;
use crate::term::{Term, Tone};
use crate::view::story::StoryLine;

/// How many ports above the configured one are tried for the API.
const API_PORTS: u16 = 20;

/// Why `up` ends.
enum End {
    Stop,
    Upgrade(PathBuf),
}

pub(crate) fn run(term: &Term, place: &Place, args: &UpArgs) -> Outcome {
    let parsed = place.read(term)?;
    std::fs::create_dir_all(place.data.join("run"))?;
    let lock = Lock::take(&place.data, args.resumed)?;
    let binary = own_binary()?;
    let project = place.file.parent().unwrap_or(Path::new("/")).to_owned();
    let options = LocalOptions { data: place.data.clone(), project, binary: binary.clone() };
    let platform =
        LocalPlatform::start(options).map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let end = runtime.block_on(serve(term, place, &parsed.project, platform.clone(), args));
    runtime.shutdown_background();
    match end {
        Ok(End::Stop) => {
            term.say("stopping the services; `staunch up` starts them again as they were");
            platform.shutdown().map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
            drop(lock);
            if args.ephemeral {
                drop(std::fs::remove_dir_all(&place.data));
            }
            Ok(Exit::Ok)
        }
        Ok(End::Upgrade(binary)) => Err(replace_self(&binary, place, lock)),
        Err(failure) => {
            if nothing_runs(&platform) {
                // What this start began and could not finish is not left behind.
                drop(platform.shutdown());
            }
            Err(failure)
        }
    }
}

fn nothing_runs(platform: &LocalPlatform) -> bool {
    platform.keeper_status().is_ok_and(|status| status.listing.instances.is_empty())
}

async fn serve(
    term: &Term,
    place: &Place,
    project: &Project,
    platform: Arc<LocalPlatform>,
    args: &UpArgs,
) -> Result<End, Failure> {
    let (control, handle) = start_control(place, platform.clone(), term)?;
    let (ends, mut ended) = mpsc::channel(4);
    let admin = Arc::new(Reception { ends: ends.clone(), platform: platform.clone(), own: own_binary()? });
    let serving = listen(term, place, project, &handle, admin).await?;
    announce(term, project, serving.tcp(), place)?;
    let story = tokio::spawn(tell(*term, handle.clone()));
    let bringing = tokio::spawn(bring_up(*term, handle.clone()));
    if args.ephemeral {
        end_with_stdin(ends.clone());
    }
    let end = tokio::select! {
        end = ended.recv() => end.unwrap_or(End::Stop),
        () = asked_to_stop() => End::Stop,
    };
    bringing.abort();
    story.abort();
    serving.stop().await;
    control.stop();
    Ok(end)
}

fn start_control(
    place: &Place,
    platform: Arc<LocalPlatform>,
    term: &Term,
) -> Result<(Control, Handle), Failure> {
    let open = || {
        SqliteJournal::open(&place.journal()).map_err(|error| Failure::new(Exit::Internal, error.to_string()))
    };
    let file = Arc::new(Source::new(place, *term));
    let same = file.clone();
    let specs: SpecSource = Arc::new(move || file.services().map_err(|failure| failure.message));
    let releases: ReleaseSource = Arc::new(move || same.releases().map_err(|failure| failure.message));
    let recorder = Box::new(FileRecorder::new(&place.recordings())?);
    let (journal, reader) = (Box::new(open()?), Box::new(open()?));
    let checks = crate::checks::inspector(place);
    let base = place.file.parent().unwrap_or(Path::new("/"));
    let attestor = Arc::new(FileAttestor::new(base, |why| drop(writeln!(std::io::stderr(), "! {why}"))));
    let runner = crate::checks::runner(place);
    let parts = Parts { journal, reader, platform, specs, releases, checks, runner, recorder, attestor };
    staunch_control::start(parts).map_err(|refused| {
        let damaged = matches!(refused, Refused::Journal(_));
        let exit = if matches!(refused, Refused::Config(_)) { Exit::Config } else { Exit::Internal };
        let failure = Failure::new(exit, refused.to_string());
        if damaged {
            failure.help("`staunch audit verify` names the place; nothing was changed")
        } else {
            failure
        }
    })
}

async fn listen(
    term: &Term,
    place: &Place,
    project: &Project,
    handle: &Handle,
    admin: Arc<dyn Admin>,
) -> Result<staunch_api::Serving, Failure> {
    let unix = place.api_socket()?;
    let keyring = SqliteKeyring::open(&place.access());
    let keyring = keyring.map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    let keyring: SharedKeyring = Arc::new(Mutex::new(keyring));
    let oidc = oidc(place, &project.control)?;
    let desk = Arc::new(PlaceDesk { place: place.clone(), term: *term });
    for extra in 0..API_PORTS {
        let mut tcp = project.api;
        tcp.set_port(if tcp.port() == 0 { 0 } else { tcp.port().saturating_add(extra) });
        let options = ServeOptions {
            tcp,
            unix: unix.clone(),
            door: door(place, &project.control),
            oidc: oidc.clone(),
            keyring: keyring.clone(),
            environment: project.environment.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            data_dir: place.data.clone(),
            admin: admin.clone(),
            desk: desk.clone(),
        };
        match staunch_api::serve(handle.clone(), options).await {
            Ok(serving) => return Ok(serving),
            Err(staunch_api::ServeError::PortTaken(_)) => {}
            Err(error) => return Err(Failure::new(Exit::Internal, error.to_string())),
        }
    }
    let text = format!("no free port for the control API from {} on", project.api);
    Err(Failure::new(Exit::Internal, text).help("set `api = \"127.0.0.1:0\"` in the file for any free port"))
}

/// Paths of the file are relative to its folder.
fn door(place: &Place, control: &ControlSpec) -> Door {
    let folder = place.file.parent().unwrap_or(Path::new("/"));
    let tls = control.tls.as_ref();
    let tls = tls.map(|tls| PemFiles { cert: folder.join(&tls.cert), key: folder.join(&tls.key) });
    Door { names: control.names.clone(), tls, proxies: control.trusted_proxies.clone() }
}

/// The secret is read once: whoever can change the file has to start the server to be believed.
fn oidc(place: &Place, control: &ControlSpec) -> Result<Option<OidcSettings>, Failure> {
    let Some(spec) = control.oidc.clone() else { return Ok(None) };
    let folder = place.file.parent().unwrap_or(Path::new("/"));
    let secret = spec.client_secret_file.as_ref().map(|name| {
        let path = folder.join(name);
        let why = |why: String| {
            let help = "write the client's secret into it, and nothing else";
            Failure::new(Exit::Config, format!("the sign-in secret {}: {why}", path.display())).help(help)
        };
        let text = std::fs::read_to_string(&path).map_err(|error| why(error.to_string()))?;
        let text = text.trim();
        if text.is_empty() { Err(why("it is empty".to_owned())) } else { Ok(text.to_owned()) }
    });
    let ca = spec.ca.as_ref().map(|name| folder.join(name));
    Ok(Some(OidcSettings { secret: secret.transpose()?, ca, spec }))
}

fn announce(term: &Term, project: &Project, api: std::net::SocketAddr, place: &Place) -> Result<(), Failure> {
    let scheme = if project.control.tls.is_some() { "https" } else { "http" };
    let about = serde_json::json!({ "pid": std::process::id(), "api": format!("{scheme}://{api}"), "socket": place.api_socket()?, "environment": project.environment });
    std::fs::write(place.data.join("run/control.json"), about.to_string())?;
    for service in &project.services {
        let scheme = if service.tls.is_some() { "https" } else { "http" };
        let replicas = service.replicas;
        let place = match service.listen {
            Some(listen) => format!("on {scheme}://{listen}"),
            None if replicas == 1 => "is a worker of one instance".to_owned(),
            None => format!("is a worker of {replicas} instances"),
        };
        term.say(&format!("{} {place}", term.paint(Tone::Strong, service.name.as_str())));
    }
    term.say(&format!("control on {scheme}://{api}; Ctrl-C stops everything"));
    Ok(())
}

/// A service that has never run gets what the file describes, at once.
async fn bring_up(term: Term, handle: Handle) {
    let mut views = handle.watch();
    if views.wait_for(|views| !views.is_empty()).await.is_err() {
        return;
    }
    let empty: Vec<_> = handle
        .views()
        .values()
        .filter(|view| view.stable.is_none() && view.rollout.as_ref().is_none_or(|rollout| !rollout.active))
        .map(|view| view.name.clone())
        .collect();
    let mut waiting: Vec<_> = empty.into_iter().filter_map(|name| ServiceName::try_from(name).ok()).collect();
    // A service may need another one that comes later in the alphabet: once around for each that could begin.
    loop {
        let (before, mut refused) = (waiting.len(), vec![]);
        for service in waiting {
            if let Err(why) = handle.deploy(&service, "up", DeployOptions::default()).await {
                refused.push((service, why));
            }
        }
        let stuck = refused.len() == before
            || !refused.iter().all(|(_, why)| matches!(why, Refused::Preflight { .. }));
        if stuck || refused.is_empty() {
            refused
                .iter()
                .for_each(|(_, why)| term.complain(&format!("{} {why}", term.paint(Tone::Bad, "✕"))));
            return;
        }
        waiting = refused.into_iter().map(|(service, _)| service).collect();
    }
}

/// Prints what happens, as it is recorded.
async fn tell(term: Term, handle: Handle) {
    let mut entries = handle.subscribe();
    loop {
        match entries.recv().await {
            Ok(entry) => {
                let event: Option<Event> = serde_json::from_value(entry.body.clone()).ok();
                let line = event.and_then(|event| StoryLine::of(entry.service.as_str(), entry.at, &event));
                if let Some(line) = line {
                    term.say(&line.painted(&term));
                }
            }
            Err(tokio::sync::broadcast::error::RecvError::Lagged(missed)) => {
                term.say(&format!("… {missed} events not shown; `staunch history` has them"));
            }
            Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
        }
    }
}

async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    // A closed terminal is no reason to stop serving users.
    let _hangup = signal(SignalKind::hangup());
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// The demo's last line of defence: when its process is gone, however that came, nothing stays.
fn end_with_stdin(ends: mpsc::Sender<End>) {
    std::thread::spawn(move || {
        let mut rest = vec![];
        // Any end of the pipe means the same.
        drop(std::io::stdin().read_to_end(&mut rest));
        drop(ends.blocking_send(End::Stop));
    });
}

struct Reception {
    ends: mpsc::Sender<End>,
    platform: Arc<LocalPlatform>,
    own: PathBuf,
}

impl Admin for Reception {
    fn shutdown(&self) {
        drop(self.ends.try_send(End::Stop));
    }

    fn upgrade(&self, binary: Option<PathBuf>) -> Result<String, String> {
        let binary = binary.unwrap_or_else(|| self.own.clone());
        self.platform.upgrade(&binary).map_err(|error| error.to_string())?;
        drop(self.ends.try_send(End::Upgrade(binary.clone())));
        Ok(format!("keeper and edge run {}; control follows at once", binary.display()))
    }
}

/// The program as it is on disk now, even when the running one was replaced.
fn own_binary() -> Result<PathBuf, Failure> {
    let path = std::env::current_exe()?;
    let text = path.to_string_lossy();
    Ok(text.strip_suffix(" (deleted)").map_or_else(|| path.clone(), PathBuf::from))
}

/// Becomes the new binary: same process, same terminal. Returns only when that fails.
fn replace_self(binary: &Path, place: &Place, lock: Lock) -> Failure {
    drop(lock);
    let error = std::process::Command::new(binary)
        .arg("--file")
        .arg(&place.file)
        .arg("--data")
        .arg(&place.data)
        .args(["up", "--resumed"])
        .args(std::env::args().any(|arg| arg == "--ephemeral").then_some("--ephemeral"))
        .exec();
    Failure::new(Exit::Internal, format!("cannot execute {}: {error}", binary.display()))
        .help("keeper, edge and services go on; `staunch up` attaches to them")
}
