//! How everyone else talks to the loop.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use staunch_model::{InstanceId, ReleaseSpec, Revision, RolloutId, ServiceName, ServiceSpec, Timestamp};
use staunch_ports::{
    Attestor, Clock, Entry, Journal, JournalError, Platform, PlatformError, Recordings, RolloutRow,
};
use staunch_rollout::{Ask, Command, Event, Freeze, PreflightFinding, Recorded, Report, Stop, stop};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::inspect::Inspector;
use crate::order::{Admission, Decision, Instruction, Order};
use crate::{DeployOptions, Expect, Frozen, PassRequest, PlanView, ServiceView, plan, policy};

/// Reads the configuration anew: commands come from there and from nowhere else.
pub type SpecSource = Arc<dyn Fn() -> Result<Arc<Vec<ServiceSpec>>, String> + Send + Sync>;

/// The releases of the configuration, read anew.
pub type ReleaseSource = Arc<dyn Fn() -> Result<Arc<Vec<ReleaseSpec>>, String> + Send + Sync>;

/// The answer to a deploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "result")]
pub enum Deployed {
    Started {
        rollout: u64,
        from: Option<String>,
        to: String,
    },
    /// The content is what runs: nothing to do.
    Unchanged {
        revision: String,
    },
    /// The content is what runs; only the number of instances changes.
    Scaled {
        revision: String,
        replicas: u32,
    },
    /// A rollout to this very content is under way.
    AlreadyRunning {
        rollout: u64,
        to: String,
    },
}

/// Why an order was not carried out.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refused {
    #[error("there is no service `{0}`; `staunch status` lists them")]
    UnknownService(String),
    #[error("the file has no release `{name}`; {known}")]
    UnknownRelease { name: String, known: String },
    #[error("{service} has no revision `{name}`; known: {known}")]
    UnknownRevision { service: String, name: String, known: String },
    #[error("{service}: {message}")]
    Conflict { service: String, message: String, allowed: Vec<String> },
    /// Something that was asked before says no; `stop` is the gravest of the findings.
    #[error("{service}: {}", summary(findings))]
    Preflight { service: String, stop: Stop, findings: Vec<PreflightFinding> },
    #[error("{service}: {why}")]
    NotAllowed { service: String, why: String },
    #[error("{0}")]
    Config(String),
    #[error("{0}")]
    Platform(String),
    #[error("the journal refuses: {0}")]
    Journal(String),
    #[error("{0}")]
    Frozen(Frozen),
    /// A pass without a reason or a second person.
    #[error("{service}: {message}")]
    NotAPass { service: String, message: String },
    #[error("control is stopping")]
    Stopping,
}

/// The first of the findings that refuse, and how many more there are.
fn summary(findings: &[PreflightFinding]) -> String {
    let mut stopping = findings.iter().filter(|finding| finding.stop().is_some());
    let first = stopping.next().map(|finding| finding.text.clone()).unwrap_or_default();
    match stopping.count() {
        0 => first,
        1 => format!("{first}, and another finding"),
        more => format!("{first}, and {more} more findings"),
    }
}

/// All services, shared; a new value after each turn.
pub type Views = Arc<BTreeMap<ServiceName, Arc<ServiceView>>>;

#[derive(Clone)]
pub struct Handle {
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) views: watch::Receiver<Views>,
    pub(crate) entries: broadcast::Sender<Arc<Entry>>,
    pub(crate) reader: Arc<Mutex<Box<dyn Journal>>>,
    /// Opened when it is needed first.
    pub(crate) auditor: Arc<Mutex<Option<Box<dyn Journal>>>>,
    pub(crate) platform: Arc<dyn Platform>,
    pub(crate) specs: SpecSource,
    pub(crate) releases: ReleaseSource,
    pub(crate) checks: Inspector,
    pub(crate) attestor: Arc<dyn Attestor>,
    pub(crate) recordings: Arc<dyn Recordings>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// How long `deploy --replace` waits for the present rollout to be back.
const REPLACE_PATIENCE: Duration = Duration::from_secs(60);

impl Handle {
    /// All services as of the last turn.
    pub fn views(&self) -> Views {
        self.views.borrow().clone()
    }

    pub fn view(&self, service: &ServiceName) -> Option<Arc<ServiceView>> {
        self.views.borrow().get(service).cloned()
    }

    /// Resolves after the next change of any view.
    pub fn watch(&self) -> watch::Receiver<Views> {
        self.views.clone()
    }

    /// New journal entries as they are recorded. A slow reader is told how many it missed and reads them with
    /// [`Self::entries_after`]; it never slows the loop.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Entry>> {
        self.entries.subscribe()
    }

    pub fn entries_after(&self, after: u64, limit: usize) -> Result<Vec<Entry>, JournalError> {
        self.reader().read(after, limit)
    }

    pub fn rollouts(
        &self,
        service: Option<&ServiceName>,
        limit: usize,
    ) -> Result<Vec<RolloutRow>, JournalError> {
        self.reader().rollouts(service, limit)
    }

    /// Those with a lower number, newest first.
    pub fn rollouts_before(
        &self,
        before: RolloutId,
        service: Option<&ServiceName>,
        limit: usize,
    ) -> Result<Vec<RolloutRow>, JournalError> {
        self.reader().rollouts_before(before, service, limit)
    }

    /// The entries of one rollout, ascending.
    pub fn entries_of(&self, rollout: RolloutId) -> Result<Vec<Entry>, JournalError> {
        self.reader().of_rollout(rollout)
    }

    /// The loop's clock, which no change of the machine's clock moves.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Walks the whole chain. Of a long journal that takes seconds, so it has a view of its own: whoever else reads
    /// does not wait for it. One walk at a time.
    pub fn verify(&self) -> Result<u64, JournalError> {
        let mut auditor = self.auditor.lock().unwrap_or_else(PoisonError::into_inner);
        if auditor.is_none() {
            *auditor = self.reader().another()?;
        }
        match auditor.as_ref() {
            Some(auditor) => auditor.verify(),
            None => self.reader().verify(),
        }
    }

    /// A sequence that the journal has reached; there may be more behind it.
    pub fn reached(&self) -> u64 {
        self.reader().head()
    }

    pub fn report(&self, rollout: RolloutId) -> Result<Option<Report>, JournalError> {
        let recorded: Vec<Recorded> = self
            .reader()
            .of_rollout(rollout)?
            .into_iter()
            .filter_map(|entry| {
                let event = Event::deserialize(&entry.body).ok()?;
                Some((entry.at, entry.actor.to_string(), event))
            })
            .collect();
        Ok(Report::build(&recorded))
    }

    pub fn logs(&self, instance: &InstanceId, lines: usize) -> Vec<String> {
        self.platform.logs(instance, lines)
    }

    /// Reads the file, makes its content a revision and starts a rollout to it.
    pub async fn deploy(
        &self,
        service: &ServiceName,
        by: &str,
        options: DeployOptions,
    ) -> Result<Deployed, Refused> {
        if options.replace {
            self.ask_budget(service, by, options.reason.clone(), options.pass.clone()).await?;
            self.make_room(service, by, &options).await?;
        }
        let admission = self.admission(service, by, options).await?;
        self.ask(|reply| Order::Admit(Box::new(admission), reply)).await
    }

    /// Nothing is taken back for a deploy that is then refused.
    async fn ask_budget(
        &self,
        service: &ServiceName,
        by: &str,
        reason: Option<String>,
        pass: PassRequest,
    ) -> Result<(), Refused> {
        let (service, by) = (service.clone(), by.to_owned());
        self.ask(|reply| Order::AskBudget { service, by, reason, pass, reply }).await
    }

    /// Everything that is known of a deploy before the loop hears of it.
    pub(crate) async fn admission(
        &self,
        service: &ServiceName,
        by: &str,
        options: DeployOptions,
    ) -> Result<Admission, Refused> {
        let specs = (self.specs)().map_err(Refused::Config)?;
        let spec = self.with_list(policy::find(&specs, service)?).await?;
        let revision = self.prepare(&spec).await?;
        let baked = self.attested(&spec).await?;
        let checks = self.inspect(&spec).await?;
        let DeployOptions { reason, emergency, pass, plan, .. } = options;
        let (more, by, cleared) = (vec![], by.to_owned(), false);
        Ok(Admission {
            spec,
            specs,
            baked,
            more,
            emergency,
            cleared,
            revision,
            checks,
            by,
            reason,
            pass,
            plan,
        })
    }

    /// A shared folder may be slow; only who needs it waits for it.
    async fn attested(&self, spec: &ServiceSpec) -> Result<Vec<staunch_model::Attestation>, Refused> {
        let policy = &spec.policy;
        let Some(folder) = policy.attestations.clone().filter(|_| !policy.baked_in.is_empty()) else {
            return Ok(vec![]);
        };
        let (attestor, service) = (self.attestor.clone(), spec.name.clone());
        tokio::task::spawn_blocking(move || attestor.attested(&folder, &service))
            .await
            .map_err(|error| Refused::Platform(error.to_string()))
    }

    /// Says yes or no to what somebody asks for.
    pub async fn vote(
        &self,
        service: &ServiceName,
        by: &str,
        agrees: bool,
        reason: &str,
        plan: Option<String>,
    ) -> Result<Ask, Refused> {
        let reason = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
        let options = DeployOptions { reason, plan, ..DeployOptions::default() };
        let admission = Box::new(self.admission(service, by, options).await?);
        self.ask(|reply| Order::Vote { admission, agrees, reply }).await
    }

    /// No change begins until then; without a moment, until somebody unfreezes.
    pub async fn freeze(
        &self,
        service: &ServiceName,
        by: &str,
        reason: &str,
        until: Option<Timestamp>,
    ) -> Result<Option<Freeze>, Refused> {
        let decision = Decision::Freeze { by: by.to_owned(), reason: reason.to_owned(), until };
        let service = service.clone();
        self.ask(|reply| Order::Policy { service, decision, reply }).await
    }

    pub async fn unfreeze(&self, service: &ServiceName, by: &str, reason: &str) -> Result<(), Refused> {
        let decision = Decision::Unfreeze { by: by.to_owned(), reason: reason.to_owned() };
        let service = service.clone();
        self.ask(|reply| Order::Policy { service, decision, reply }).await.map(drop)
    }

    /// An allow-list is read once: a rollout goes by what it was when it was made.
    async fn with_list(&self, mut spec: ServiceSpec) -> Result<ServiceSpec, Refused> {
        let Some(allow) = spec.strategy.who.as_mut().and_then(|who| who.allow.as_mut()) else {
            return Ok(spec);
        };
        let (platform, wanted) = (self.platform.clone(), allow.clone());
        let kept = tokio::task::spawn_blocking(move || platform.keep_list(&wanted));
        let kept = kept.await.map_err(|error| Refused::Platform(error.to_string()))?;
        allow.kept = Some(kept.map_err(|error| of_content(&error))?);
        Ok(spec)
    }

    /// Makes the file's content a revision, without starting anything.
    pub(crate) async fn prepare(&self, spec: &ServiceSpec) -> Result<Revision, Refused> {
        let (platform, now) = (self.platform.clone(), self.clock.now());
        let spec = spec.clone();
        let label = spec.version.clone().map(String::from).unwrap_or_default();
        tokio::task::spawn_blocking(move || platform.prepare(&spec, &label, now))
            .await
            .map_err(|error| Refused::Platform(error.to_string()))?
            .map_err(|error| of_content(&error))
    }

    /// What a deploy would do now, and all that speaks against it.
    pub async fn plan(&self, service: &ServiceName, by: &str) -> Result<PlanView, Refused> {
        let admission = self.admission(service, by, DeployOptions::default()).await?;
        let (spec, mut revision) = (admission.spec.clone(), admission.revision.clone());
        let checks = admission.checks.clone();
        let said = self.ask(|reply| Order::Preflight(Box::new(admission), reply)).await?;
        let state = service.clone();
        let state = self.ask(|reply| Order::Tell { service: state, reply }).await?;
        let given = spec.version.clone().map(String::from);
        revision.label = given.unwrap_or_else(|| state.label_for(&revision.digest));
        let view = self.view(service).ok_or_else(|| Refused::UnknownService(service.to_string()))?;
        let asked = spec.confidence.as_ref();
        let vetting = staunch_rollout::vet(&state, &revision, &spec.strategy, checks, asked);
        let plan = plan::plan(&spec, &revision, state.stable.as_ref(), &view, said);
        let objections = if plan.unchanged { vec![] } else { vetting.objections(&spec.strategy) };
        Ok(PlanView { vetting, objections, ..plan })
    }

    /// Takes a running rollout to other content back, and waits until it is.
    async fn make_room(
        &self,
        service: &ServiceName,
        by: &str,
        options: &DeployOptions,
    ) -> Result<(), Refused> {
        let admission = self.admission(service, by, options.clone()).await?;
        let digest = admission.revision.digest.clone();
        let running = |view: &Arc<ServiceView>| view.rollout.as_ref().filter(|r| r.active).cloned();
        let Some(present) = self.view(service).as_ref().and_then(running) else { return Ok(()) };
        if present.digest == digest {
            return Ok(());
        }
        // What could not begin anyway must not end what runs.
        let emergency = admission.emergency.is_some();
        let said = self.ask(|reply| Order::Preflight(Box::new(admission), reply)).await?;
        let refusing: Vec<_> = said
            .findings
            .into_iter()
            .filter(|finding| !(emergency && finding.yields_to_emergency()))
            .collect();
        if let Some(stop) = stop(&refusing).filter(|stop| *stop != Stop::Approval) {
            return Err(policy::refused(service, stop, refusing));
        }
        self.command(service, Command::Abort, by, "replaced by a newer deploy", Expect::default()).await?;
        let mut views = self.watch();
        let gone = views.wait_for(|views| views.get(service).and_then(running).is_none());
        tokio::time::timeout(REPLACE_PATIENCE, gone).await.map_or_else(
            |_| {
                Err(Refused::Conflict {
                    service: service.to_string(),
                    message: format!("rollout {} did not go back within a minute", present.id),
                    allowed: vec![],
                })
            },
            |seen| seen.map(|_| ()).map_err(|_| Refused::Stopping),
        )
    }

    /// The number of the rollout it was said to.
    pub async fn command(
        &self,
        service: &ServiceName,
        command: Command,
        by: &str,
        reason: &str,
        expect: Expect,
    ) -> Result<u64, Refused> {
        let instruction = Instruction {
            service: service.clone(),
            command,
            by: by.to_owned(),
            reason: reason.to_owned(),
            expect,
        };
        self.ask(|reply| Order::Command(instruction, reply)).await
    }

    /// Back to the revision before, or to a named one.
    pub async fn rollback(
        &self,
        service: &ServiceName,
        to: Option<String>,
        by: &str,
        reason: &str,
    ) -> Result<Deployed, Refused> {
        let (service, by, reason) = (service.clone(), by.to_owned(), reason.to_owned());
        self.ask(|reply| Order::Rollback { service, to, by, reason, reply }).await
    }

    pub(crate) async fn ask<T>(
        &self,
        order: impl FnOnce(oneshot::Sender<Result<T, Refused>>) -> Order,
    ) -> Result<T, Refused> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(order(reply)).await.map_err(|_| Refused::Stopping)?;
        answer.await.map_err(|_| Refused::Stopping)?
    }

    pub(crate) fn reader(&self) -> std::sync::MutexGuard<'_, Box<dyn Journal>> {
        // A reader that panicked has left no half-done work behind.
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of_content(error: &PlatformError) -> Refused {
    match error {
        // A file that is missing or cannot be run is what the configuration asks for, not the machine's fault.
        PlatformError::Content { .. } => Refused::Config(error.to_string()),
        PlatformError::Refused { .. } | PlatformError::Stale { .. } | PlatformError::Unreachable(_) => {
            Refused::Platform(error.to_string())
        }
    }
}
