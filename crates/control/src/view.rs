//! What the loop shows: one value per service, replaced whole after each turn.

use serde::{Deserialize, Serialize};
use staunch_analysis::{Judgement, TriggerReading, Triggers};
use staunch_model::{SplitGeneration, Timestamp, Weight};
use staunch_rollout::{InstanceStatus, Phase, Waiting};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceView {
    pub name: String,
    /// Empty for a worker.
    pub listen: String,
    /// It has no requests: its instances are replaced one by one.
    #[serde(default)]
    pub worker: bool,
    pub at: Timestamp,
    pub stable: Option<String>,
    pub stable_digest: Option<String>,
    /// Labels one can go back to, latest first.
    pub previous: Vec<String>,
    pub replicas: u32,
    pub ready: u32,
    /// `healthy`, `degraded` (fewer ready instances than wanted), `down`, or `empty` (no revision yet).
    pub health: String,
    pub weight: Weight,
    pub generation: SplitGeneration,
    pub lapsed: bool,
    pub instances: Vec<InstanceStatus>,
    pub stable_rates: ArmRates,
    pub canary_rates: ArmRates,
    /// One point a second, oldest first, at most two minutes.
    pub series: Vec<Point>,
    /// The present rollout or the last one.
    pub rollout: Option<RolloutView>,
    /// What the traffic's own failures say about comparisons.
    #[serde(default)]
    pub dispersion: Option<String>,
    /// Failures have risen above what is usual, and are still high.
    #[serde(default)]
    pub alarm: Option<String>,
    /// What keeps the loop from recording, such as a full disk.
    pub trouble: Option<String>,
    /// `None` for a service without an objective.
    #[serde(default)]
    pub budget: Option<BudgetView>,
    /// A person has said that nothing changes.
    #[serde(default)]
    pub freeze: Option<staunch_rollout::Freeze>,
    /// A change that waits for others to agree.
    #[serde(default)]
    pub asking: Option<staunch_rollout::Ask>,
    /// The file as the loop goes by it: what it gave when the last rollout began, or when control started.
    #[serde(skip)]
    pub given: staunch_model::Given,
}

/// The last ten seconds of one side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ArmRates {
    pub per_second: f64,
    pub error_ratio: Option<f64>,
    pub p95_ms: Option<f64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    pub at: Timestamp,
    pub stable: u64,
    pub stable_failed: u64,
    pub stable_p95_ms: Option<f64>,
    pub canary: u64,
    pub canary_failed: u64,
    pub canary_p95_ms: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutView {
    pub id: u64,
    pub kind: String,
    pub active: bool,
    pub phase: Phase,
    pub from: Option<String>,
    pub to: String,
    pub digest: staunch_model::RevisionDigest,
    /// Weights of the steps in percent, 100 last.
    pub steps: Vec<f64>,
    /// The rules by which users get it by name, in words.
    #[serde(default)]
    pub who: Vec<String>,
    /// Index into `steps`; its length when all is done.
    pub step: usize,
    pub admitted: Timestamp,
    pub entered: Timestamp,
    pub ended: Option<Timestamp>,
    pub by: String,
    pub waiting: Option<Waiting>,
    pub allowed: Vec<String>,
    pub judgement: Option<Judgement>,
    /// What is armed, and how it stands.
    #[serde(default)]
    pub triggers: Vec<TriggerReading>,
    /// When the gates of this step will have passed, if the new revision is as good as the old.
    #[serde(default)]
    pub eta: Option<Eta>,
    /// From the decision to go back until no edge sent anything to the new revision.
    pub traffic_back_ms: Option<u64>,
}

/// Milliseconds from now: half the time less than `median_ms`, nine times in ten between the other two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Eta {
    pub low_ms: u64,
    pub median_ms: u64,
    /// `None`: one time in twenty it takes longer than can be said.
    pub high_ms: Option<u64>,
}

use staunch_rollout::{BudgetFacts, Observed, ObservedSplit, Rollout, Service, Snapshot, allowed, waiting};

use crate::book::kind_name;
use crate::budget::BudgetView;
use crate::watch::Watch;

pub(crate) fn show(
    service: &Service,
    watch: Option<&Watch>,
    observed: &Observed,
    facts: Option<&BudgetFacts>,
    trouble: Option<String>,
    now: Timestamp,
) -> ServiceView {
    let (stable_rates, canary_rates) = watch.map(|watch| watch.live.rates(now)).unwrap_or_default();
    let stable = service.stable.as_ref();
    let own = |digest| observed.ready(digest) - observed.ready_twins(digest);
    let ready = match service.active().filter(|rollout| rollout.is_rolling()) {
        // Whichever of the two does the work.
        Some(_) => serving(observed).min(service.replicas),
        None => stable.map_or(0, |stable| own(&stable.digest)),
    };
    let split = observed.split.as_ref();
    ServiceView {
        name: service.name.to_string(),
        listen: watch
            .and_then(|watch| watch.spec.listen)
            .map(|listen| listen.to_string())
            .unwrap_or_default(),
        worker: watch.is_some_and(|watch| watch.spec.is_worker()),
        at: now,
        stable: stable.map(|stable| stable.label.clone()),
        stable_digest: stable.map(|stable| stable.digest.to_string()),
        previous: service.previous.iter().rev().map(|revision| revision.label.clone()).collect(),
        replicas: service.replicas,
        ready,
        health: health(stable.is_some(), ready, service.replicas).to_owned(),
        weight: weight(service, split),
        generation: service.wish.generation,
        lapsed: split.is_some_and(|split| split.lapsed),
        instances: observed.instances.clone(),
        stable_rates,
        canary_rates,
        series: watch.map(|watch| watch.live.series()).unwrap_or_default(),
        rollout: service.rollout.as_ref().map(|rollout| show_rollout(rollout, watch, observed, facts, now)),
        dispersion: watch.and_then(|watch| watch.calibration.sentence()),
        alarm: watch.and_then(|watch| watch.pulse.alarm()).map(|alarm| alarm.because.clone()),
        trouble,
        budget: watch.and_then(|watch| show_budget(service, watch, now)),
        freeze: service.standing.frozen(now).cloned(),
        asking: service.standing.asking(now).cloned(),
        given: watch.map(|watch| watch.spec.policy.given.clone()).unwrap_or_default(),
    }
}

fn serving(observed: &Observed) -> u32 {
    observed.instances.iter().filter(|instance| instance.serves()).count() as u32
}

/// The share of the new revision: of the traffic, or of the instances where there is none.
fn weight(service: &Service, split: Option<&ObservedSplit>) -> Weight {
    if service.rolling().is_some() {
        return service.wish.canary_weight();
    }
    split.map_or(Weight::ZERO, |split| split.wish.canary_weight())
}

fn show_budget(service: &Service, watch: &Watch, now: Timestamp) -> Option<BudgetView> {
    let hearing = service.rollout.as_ref().and(watch.case.as_ref()).map(|case| &case.hearing);
    Some(watch.budget.as_ref()?.view(service.frozen, hearing, now))
}

fn health(exists: bool, ready: u32, wanted: u32) -> &'static str {
    match (exists, ready) {
        (false, _) => "empty",
        (true, 0) => "down",
        (true, ready) if ready < wanted => "degraded",
        (true, _) => "healthy",
    }
}

fn show_rollout(
    rollout: &Rollout,
    watch: Option<&Watch>,
    observed: &Observed,
    facts: Option<&BudgetFacts>,
    now: Timestamp,
) -> RolloutView {
    let judgement = watch
        .and_then(|watch| watch.judgement.clone())
        .filter(|_| rollout.is_active() || rollout.ended.is_some());
    let snapshot = Snapshot { now, observed, judgement: judgement.as_ref(), fired: None, budget: facts };
    let mut steps: Vec<_> =
        rollout.spec.strategy.steps.iter().map(|step| step.weight.ratio() * 100.0).collect();
    steps.push(100.0);
    let step = match rollout.phase {
        Phase::Pending | Phase::Preparing | Phase::Shadowing { .. } => 0,
        Phase::Progressing { step, .. } => step,
        Phase::Promoting | Phase::Baking { .. } => steps.len() - 1,
        Phase::Succeeded
        | Phase::Shadowed { .. }
        | Phase::RollingBack { .. }
        | Phase::RolledBack { .. }
        | Phase::Rejected { .. } => steps.len(),
    };
    RolloutView {
        id: rollout.spec.id.0,
        kind: kind_name(&rollout.spec).to_owned(),
        active: rollout.is_active(),
        phase: rollout.phase.clone(),
        from: rollout.spec.from.as_ref().map(|from| from.label.clone()),
        to: rollout.spec.to.label.clone(),
        digest: rollout.spec.to.digest.clone(),
        steps,
        who: rollout.who().map(|who| who.words()).unwrap_or_default(),
        step,
        admitted: rollout.admitted,
        entered: rollout.entered,
        ended: rollout.ended,
        by: rollout.by.clone(),
        waiting: waiting(rollout, &snapshot),
        allowed: allowed(rollout).iter().map(|command| command.name().to_owned()).collect(),
        eta: watch.and_then(|watch| eta(watch, now)),
        judgement,
        triggers: watch
            .and_then(|watch| watch.armed.triggers.as_ref())
            .map(Triggers::readings)
            .unwrap_or_default(),
        traffic_back_ms: watch.and_then(|watch| watch.traffic_back_ms),
    }
}

fn eta(watch: &Watch, now: Timestamp) -> Option<Eta> {
    let ((needs, before), judgement) = watch.forecast.zip(watch.judgement.as_ref())?;
    let since = judgement.requests_now.saturating_sub(before);
    let per_second = watch.live.compared(now);
    let ms = |requests: u64| (requests.saturating_sub(since) as f64 / per_second * 1_000.0) as u64;
    let eta = || Eta { low_ms: ms(needs.low), median_ms: ms(needs.median), high_ms: needs.high.map(ms) };
    (per_second > 0.0).then(eta)
}
