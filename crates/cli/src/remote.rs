//! The control plane as commands see it: finding it, asking it, and following it over its restarts.

use std::path::PathBuf;
use std::time::Duration;

use staunch_api::client::{Client, ClientError, ReportFormat, Target};
use staunch_api::v1::{
    Approval, CommandRequest, DeployRequest, Deployed, Entry, Expect, FreezeRequest, InstanceLog, Meta, Plan,
    ReasonRequest, Release, ReleaseRequest, Report, RollbackRequest, RolloutRow, Service, ServiceBudget,
    ServiceConfig, Time, UpgradeRequest,
};
use staunch_rollout::Command;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::args::Global;
use crate::exit::{Exit, Failure};
use crate::project::Place;

/// How long a follower tries to find a control plane that went away.
const PATIENCE: Duration = Duration::from_secs(60);
const RETRY: Duration = Duration::from_millis(200);

#[derive(Debug, Clone)]
pub(crate) struct Remote {
    client: Client,
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let exit = match error.exit_code() {
            2 => Exit::Usage,
            3 => Exit::Config,
            4 => Exit::Unreachable,
            5 => Exit::NotAllowed,
            13 => Exit::NeedsApproval,
            14 => Exit::Frozen,
            15 => Exit::Refused,
            16 => Exit::Conflict,
            17 => Exit::Rejected,
            _ => Exit::Internal,
        };
        let thaw_at = match &error {
            ClientError::Problem(problem) => problem.thaw_at,
            ClientError::Unreachable { .. } | ClientError::Protocol(_) => None,
        };
        let findings = error.findings().to_vec();
        Self { findings, ..Self::new(exit, error.to_string()).help(error.help()).thaws_at(thaw_at) }
    }
}

fn given(reason: &str) -> Option<String> {
    Some(reason.to_owned()).filter(|reason| !reason.is_empty())
}

impl Remote {
    /// The server that was named, else the one of the data directory.
    pub(crate) fn new(global: &Global, place: &Place) -> Result<Self, Failure> {
        place.same_environment(global)?;
        match &global.server {
            Some(server) => Ok(Self { client: Client::connect(Target::parse(server)?) }.told(global)),
            None if place.data.join("run/control.json").exists() => Ok(Self::of_place(place).told(global)),
            None => {
                let text = format!("no control plane has run on {}", place.data.display());
                Err(Failure::new(Exit::Unreachable, text)
                    .help("start it with `staunch up`, or name another one with --server, --data or --file"))
            }
        }
    }

    /// Who asks. The token comes from the environment alone: arguments are seen by every user of the machine.
    fn told(self, global: &Global) -> Self {
        let Self { mut client } = self;
        if let Some(name) = &global.acting_as {
            client = client.acting_as(name);
        }
        if let Some(path) = &global.ca {
            client = client.trusting(path.clone());
        }
        if let Some(token) = std::env::var("STAUNCH_TOKEN").ok().filter(|token| !token.trim().is_empty()) {
            client = client.with_token(token.trim());
        }
        Self { client }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn of_place(place: &Place) -> Self {
        Self { client: Client::connect(Target::Unix(place.recorded_socket())) }
    }

    pub(crate) async fn services(&self) -> Result<Vec<Service>, Failure> {
        Ok(self.client.services().await?)
    }

    pub(crate) async fn service(&self, name: &str) -> Result<Service, Failure> {
        Ok(self.client.service(name).await?)
    }

    /// The named service, or the only one there is.
    pub(crate) async fn one(&self, name: Option<&str>) -> Result<Service, Failure> {
        if let Some(name) = name {
            return self.service(name).await;
        }
        let mut services = self.services().await?;
        match services.len() {
            1 => Ok(services.remove(0)),
            0 => Err(Failure::new(Exit::Unreachable, "the control plane has no service yet")),
            _ => {
                let names: Vec<_> = services.iter().map(|service| service.name.as_str()).collect();
                Err(Failure::new(Exit::Usage, "which service?")
                    .help(format!("name one of {}", names.join(", "))))
            }
        }
    }

    pub(crate) async fn meta(&self) -> Result<Meta, Failure> {
        Ok(self.client.meta().await?)
    }

    pub(crate) async fn journal_end(&self) -> Result<u64, Failure> {
        Ok(self.meta().await?.journal_sequence)
    }

    pub(crate) async fn plan(&self, service: &str) -> Result<Plan, Failure> {
        Ok(self.client.plan(service).await?)
    }

    pub(crate) async fn deploy(&self, service: &str, asked: &DeployRequest) -> Result<Deployed, Failure> {
        Ok(self.client.deploy(service, asked).await?)
    }

    pub(crate) async fn budget(&self, service: &str) -> Result<ServiceBudget, Failure> {
        Ok(self.client.budget(service).await?)
    }

    pub(crate) async fn config(&self, service: &str) -> Result<ServiceConfig, Failure> {
        Ok(self.client.config(service).await?)
    }

    pub(crate) async fn freeze(
        &self,
        service: &str,
        reason: &str,
        until: Option<Time>,
    ) -> Result<(), Failure> {
        self.client.freeze(service, &FreezeRequest { reason: given(reason), until }).await?;
        Ok(())
    }

    pub(crate) async fn unfreeze(&self, service: &str, reason: &str) -> Result<(), Failure> {
        self.client.unfreeze(service, &ReasonRequest { reason: given(reason) }).await?;
        Ok(())
    }

    pub(crate) async fn vote(&self, service: &str, agrees: bool, reason: &str) -> Result<Approval, Failure> {
        let request = ReasonRequest { reason: given(reason) };
        match agrees {
            true => Ok(self.client.approve(service, &request).await?),
            false => Ok(self.client.reject(service, &request).await?),
        }
    }

    /// The number of the rollout that was told.
    pub(crate) async fn command(
        &self,
        service: &str,
        command: Command,
        reason: &str,
        rollout: Option<u64>,
    ) -> Result<u64, Failure> {
        let reason = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
        let asked = CommandRequest { reason, expect: Expect { rollout, step: None } };
        Ok(self.client.command_service(service, command, &asked).await?.rollout)
    }

    pub(crate) async fn rollback(
        &self,
        service: &str,
        to: Option<String>,
        reason: &str,
    ) -> Result<Deployed, Failure> {
        let reason = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
        Ok(self.client.rollback(service, &RollbackRequest { to, reason }).await?)
    }

    /// The number of the release that was started.
    pub(crate) async fn release(&self, name: &str, reason: Option<String>) -> Result<u64, Failure> {
        Ok(self.client.start_release(name, &ReleaseRequest { reason }).await?.release)
    }

    pub(crate) async fn release_of(&self, id: u64) -> Result<Release, Failure> {
        Ok(self.client.release(id).await?)
    }

    pub(crate) async fn abort_release(&self, id: u64, reason: &str) -> Result<(), Failure> {
        let reason = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
        self.client.abort_release(id, &ReleaseRequest { reason }).await?;
        Ok(())
    }

    pub(crate) async fn report(&self, rollout: u64) -> Result<Report, Failure> {
        Ok(self.client.report(rollout).await?)
    }

    pub(crate) async fn report_text(&self, rollout: u64, form: &str) -> Result<String, Failure> {
        let form = if form == "md" { ReportFormat::Markdown } else { ReportFormat::Text };
        Ok(self.client.report_as(rollout, form).await?)
    }

    pub(crate) async fn rollouts(
        &self,
        service: Option<&str>,
        limit: usize,
    ) -> Result<Vec<RolloutRow>, Failure> {
        Ok(self.client.rollouts(service, limit).await?.rollouts)
    }

    pub(crate) async fn last_rollout(&self) -> Result<u64, Failure> {
        let newest = self.rollouts(None, 1).await?;
        let none =
            || Failure::new(Exit::Usage, "there has been no rollout yet").help("`staunch deploy` starts one");
        newest.first().map(|row| row.id).ok_or_else(none)
    }

    pub(crate) async fn logs(
        &self,
        service: &str,
        revision: Option<&str>,
        lines: usize,
    ) -> Result<Vec<InstanceLog>, Failure> {
        Ok(self.client.logs(service, revision, lines).await?.logs)
    }

    pub(crate) async fn export(&self, mut line: impl FnMut(&str)) -> Result<(), Failure> {
        let mut export = self.client.audit_export().await?;
        while let Some(text) = export.next_line().await? {
            line(&text);
        }
        Ok(())
    }

    pub(crate) async fn upgrade(&self, binary: Option<PathBuf>) -> Result<String, Failure> {
        let binary = binary.map(|path| path.to_string_lossy().into_owned());
        Ok(self.client.upgrade(&UpgradeRequest { binary }).await?.message)
    }

    /// Until a control plane answers that is not the one that told `before`, at `seen`: that one would be older by
    /// the time since then. The process may be the same, and the younger one older than the other was.
    pub(crate) async fn wait_for_restart(&self, before: &Meta, seen: Instant) -> Result<Meta, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            sleep(RETRY).await;
            let since = u64::try_from(seen.elapsed().as_millis()).unwrap_or(u64::MAX);
            let age = before.uptime_ms.saturating_add(since);
            match self.meta().await {
                // Both ages are cut to whole milliseconds.
                Ok(now) if now.uptime_ms.saturating_add(2) < age || now.pid != before.pid => return Ok(now),
                Ok(_) | Err(_) if Instant::now() < deadline => {}
                Ok(_) => {
                    return Err(Failure::new(Exit::TimedOut, "control was not replaced within a minute"));
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    pub(crate) async fn shutdown(&self) -> Result<(), Failure> {
        self.client.shutdown().await?;
        Ok(())
    }

    pub(crate) async fn wait_until_gone(&self) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        while self.meta().await.is_ok() {
            if Instant::now() >= deadline {
                return Err(Failure::new(Exit::TimedOut, "control did not end within a minute"));
            }
            sleep(RETRY).await;
        }
        Ok(())
    }
}

/// What a follower hears.
pub(crate) enum News {
    Entry(Box<Entry>),
    View(Box<Service>),
    Away(String),
    Back,
    Lost(Failure),
}

/// The journal and the state of one service, without gap or repetition over restarts of the server.
pub(crate) struct Feed {
    news: mpsc::Receiver<News>,
}

impl Feed {
    pub(crate) fn open(remote: Remote, service: String, after: u64) -> Self {
        let (teller, news) = mpsc::channel(64);
        let (views, of) = (teller.clone(), service.clone());
        let viewer = remote.clone();
        tokio::spawn(async move { entries(remote, service, after, teller).await });
        tokio::spawn(async move { states(viewer, of, views).await });
        Self { news }
    }

    pub(crate) async fn next(&mut self) -> News {
        let closed = || News::Lost(Failure::new(Exit::Unreachable, "the event stream ended"));
        self.news.recv().await.unwrap_or_else(closed)
    }
}

async fn entries(remote: Remote, service: String, after: u64, teller: mpsc::Sender<News>) {
    let mut seen = after;
    let mut away: Option<Instant> = None;
    loop {
        let failure = match remote.client.events(Some(seen), Some(&service)).await {
            Ok(mut stream) => {
                if away.take().is_some() && teller.send(News::Back).await.is_err() {
                    return;
                }
                match pump(&mut stream, &mut seen, &teller).await {
                    Some(failure) => failure,
                    None => return,
                }
            }
            Err(error) => error.into(),
        };
        let first = away.is_none();
        let since = *away.get_or_insert_with(Instant::now);
        if since.elapsed() > PATIENCE {
            drop(teller.send(News::Lost(failure)).await);
            return;
        }
        if first && teller.send(News::Away(failure.message)).await.is_err() {
            return;
        }
        sleep(RETRY).await;
    }
}

/// Hands entries on until the stream breaks; `None` when nobody listens any more.
async fn pump(
    stream: &mut staunch_api::client::EventStream,
    seen: &mut u64,
    teller: &mpsc::Sender<News>,
) -> Option<Failure> {
    loop {
        match stream.next().await {
            Ok(Some(entry)) => {
                *seen = entry.sequence;
                teller.send(News::Entry(Box::new(entry))).await.ok()?;
            }
            Ok(None) => return Some(Failure::new(Exit::Unreachable, "the connection ended")),
            Err(error) => return Some(error.into()),
        }
    }
}

async fn states(remote: Remote, service: String, teller: mpsc::Sender<News>) {
    while !teller.is_closed() {
        if let Ok(mut stream) = remote.client.watch(Some(&service)).await {
            while let Ok(Some(view)) = stream.next().await {
                if teller.send(News::View(Box::new(view))).await.is_err() {
                    return;
                }
            }
        }
        sleep(RETRY).await;
    }
}
