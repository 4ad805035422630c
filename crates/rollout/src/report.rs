//! The evidence bundle of one rollout: why it ended as it did, with numbers, examples, cost and what is unknown.
//! Built from journal events alone, so that text, Markdown and JSON cannot disagree.

mod render;
mod shadow;
mod who;

use serde::{Deserialize, Serialize};
use staunch_analysis::{GateReading, Judgement};
use staunch_model::{Failure, Outcomes, Revision, RolloutSpec, Timestamp};

use crate::{
    BudgetCost, Cause, Event, ExitCapture, FailureBundle, FreezePass, InfraRun, Phase, Replaced, Rollout,
    RouteRow, Service, Vetting,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub rollout: u64,
    pub service: String,
    pub from: Option<String>,
    pub to: String,
    pub phase: String,
    pub by: String,
    pub reason: Option<String>,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    /// The step it reached, counted from 0, and its weight in percent; the last is the promotion.
    pub step: Option<(usize, f64)>,
    pub steps: usize,
    /// From the first user on the new revision to the last, or to the last event when it still has users; `None`
    /// when it never had any.
    pub exposed_ms: Option<u64>,
    pub cause: Option<Cause>,
    /// The true reason in one sentence.
    pub because: Option<String>,
    /// The gate that decided, with its numbers.
    pub deciding: Option<GateReading>,
    pub judgement: Option<Judgement>,
    pub routes: Vec<RouteRow>,
    /// Routes that stable served and the canary never saw.
    pub unknown: Vec<String>,
    pub failures: Vec<Failure>,
    pub exits: Vec<ExitCapture>,
    pub changed: Vec<String>,
    /// What was asked before its first user.
    pub vetting: Vetting,
    /// Commands around it, in the order in which they ended.
    pub infra: Vec<InfraRun>,
    pub cost: Cost,
    /// The same against the error budget, for a service that has one.
    #[serde(default)]
    pub budget_cost: Option<BudgetCost>,
    /// Two people let it pass a freeze.
    #[serde(default)]
    pub pass: Option<FreezePass>,
    /// The rules by which users get the new revision by name, in words.
    #[serde(default)]
    pub who: Vec<String>,
    pub timeline: Vec<TimelineRow>,
    /// The service has no requests: its instances are replaced one by one.
    #[serde(default)]
    pub worker: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    pub canary_requests: u64,
    pub failed: u64,
    /// Of the failed ones, how many users were answered from stable and saw nothing.
    pub shielded: u64,
    /// Of the failed ones, how many users got a good answer from another attempt.
    #[serde(default)]
    pub retried: u64,
    /// What the same time would have cost with all traffic on the new revision.
    pub all_at_once: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineRow {
    pub at: Timestamp,
    pub actor: String,
    pub what: String,
}

/// One recorded event, with when and by whom.
pub type Recorded = (Timestamp, String, Event);

impl Report {
    /// `None` when the events do not begin with an admission.
    pub fn build(events: &[Recorded]) -> Option<Self> {
        let (started, by, reason, spec) = events.iter().find_map(|(at, _, event)| {
            let Event::Admitted { spec, by, reason, .. } = event else { return None };
            Some((*at, by.clone(), reason.clone(), spec.as_ref()))
        })?;
        let folded = fold(spec, events)?;
        let bundle = bundle(events);
        let cause = cause_of(&folded.phase);
        Some(Self {
            rollout: spec.id.0,
            service: spec.service.to_string(),
            from: spec.from.as_ref().map(|revision| revision.label.clone()),
            to: spec.to.label.clone(),
            phase: folded.phase.name().to_owned(),
            by,
            reason,
            started,
            ended: folded.ended,
            step: last_step(&folded, events),
            steps: folded.steps().len() + 1,
            exposed_ms: exposure(&folded, events),
            because: because(&folded.phase),
            deciding: deciding(cause.as_ref(), &bundle),
            cause,
            unknown: unknown(&bundle),
            cost: cost(&bundle),
            budget_cost: folded.cost,
            pass: folded.pass.clone(),
            judgement: bundle.judgement,
            routes: bundle.routes,
            failures: bundle.failures,
            exits: bundle.exits,
            changed: changed(spec.from.as_ref(), &spec.to),
            vetting: vetting(events),
            infra: infra(events),
            who: folded.who().map(|who| who.words()).unwrap_or_default(),
            timeline: timeline(&folded, events),
            worker: folded.is_rolling(),
        })
    }
}

fn fold(spec: &RolloutSpec, events: &[Recorded]) -> Option<Rollout> {
    let mut service = Service::new(spec.service.clone());
    for (at, _, event) in events {
        // A journal that does not fold is reported by `audit verify`; the report shows what can be shown.
        if service.apply(*at, event).is_err() {
            break;
        }
    }
    service.rollout
}

fn infra(events: &[Recorded]) -> Vec<InfraRun> {
    let ran = events.iter().filter_map(|(_, _, event)| {
        if let Event::InfraRan { run } = event { Some(run.as_ref().clone()) } else { None }
    });
    ran.collect()
}

fn vetting(events: &[Recorded]) -> Vetting {
    let told = events.iter().find_map(|(_, _, event)| {
        if let Event::Vetted { vetting } = event { Some(vetting.as_ref().clone()) } else { None }
    });
    told.unwrap_or_default()
}

fn bundle(events: &[Recorded]) -> FailureBundle {
    let captured: Vec<_> = events.iter().filter_map(|(_, _, event)| captured(event)).collect();
    let mut last = captured.last().map(|bundle| (*bundle).clone()).unwrap_or_default();
    last.exits = captured.iter().flat_map(|bundle| &bundle.exits).fold(vec![], keep_exit);
    last
}

fn captured(event: &Event) -> Option<&FailureBundle> {
    let Event::EvidenceCaptured { bundle } = event else { return None };
    Some(bundle)
}

/// What was captured of an instance while it ran stays, even when a later look finds it gone.
fn keep_exit(mut kept: Vec<ExitCapture>, exit: &ExitCapture) -> Vec<ExitCapture> {
    match kept.iter_mut().find(|old| old.instance == exit.instance) {
        Some(old) if exit.log.is_empty() && !old.log.is_empty() => {}
        Some(old) => *old = exit.clone(),
        None => kept.push(exit.clone()),
    }
    kept
}

fn cause_of(phase: &Phase) -> Option<Cause> {
    match phase {
        Phase::RollingBack { cause } | Phase::RolledBack { cause } => Some(cause.clone()),
        Phase::Pending
        | Phase::Preparing
        | Phase::Shadowing { .. }
        | Phase::Progressing { .. }
        | Phase::Promoting
        | Phase::Baking { .. }
        | Phase::Succeeded
        | Phase::Shadowed { .. }
        | Phase::Rejected { .. } => None,
    }
}

fn because(phase: &Phase) -> Option<String> {
    if let Phase::Rejected { because } | Phase::Shadowed { because } = phase {
        return Some(because.clone());
    }
    cause_of(phase).map(|cause| cause.sentence())
}

fn last_step(rollout: &Rollout, events: &[Recorded]) -> Option<(usize, f64)> {
    events.iter().rev().find_map(|(_, _, event)| {
        if matches!(event, Event::PromotionStarted { .. }) {
            return Some((rollout.steps().len(), 100.0));
        }
        let Event::StepEntered { step, weight, .. } = event else { return None };
        Some((*step, f64::from(weight.basis_points()) / 100.0))
    })
}

/// Whether the edges give the new revision users from this event on; `None` for an event that moves none.
fn has_users(rollout: &Rollout, events: &[Recorded], event: &Event) -> Option<bool> {
    if rollout.is_rolling() {
        return works(event);
    }
    let Event::TrafficShifted { weight, generation } = event else { return None };
    // Beside no old revision there is no canary: the promotion itself brings the users.
    let brings =
        |event: &Event| matches!(event, Event::PromotionStarted { generation: own, .. } if own == generation);
    let alone = rollout.spec.from.is_none() && events.iter().any(|(_, _, event)| brings(event));
    Some(weight.basis_points() > 0 || alone || who::has_users(rollout, events, *generation))
}

/// The same of a revision that no edge gives anything: whether it counts on for its work.
fn works(event: &Event) -> Option<bool> {
    if matches!(event, Event::StepEntered { .. } | Event::PromotionStarted { .. }) {
        return Some(true);
    }
    matches!(event, Event::RolledBack).then_some(false)
}

/// From the first shift towards the new revision to the one that took it out for good, or the end.
fn exposure(rollout: &Rollout, events: &[Recorded]) -> Option<u64> {
    let users: Vec<_> = events
        .iter()
        .filter_map(|(at, _, event)| has_users(rollout, events, event).map(|has| (*at, has)))
        .skip_while(|(_, has)| !has)
        .collect();
    let (first, _) = users.first()?;
    let taken_out = users.last().filter(|(_, has)| !has).map(|(at, _)| *at);
    let last = taken_out.or(rollout.ended).or(events.last().map(|(at, _, _)| *at))?;
    u64::try_from(last.since(*first).as_millis()).ok()
}

fn deciding(cause: Option<&Cause>, bundle: &FailureBundle) -> Option<GateReading> {
    let Some(Cause::Gate { gate, .. }) = cause else { return None };
    let judgement = bundle.judgement.as_ref()?;
    judgement.gates.iter().find(|reading| &reading.gate == gate).cloned()
}

fn unknown(bundle: &FailureBundle) -> Vec<String> {
    let unseen = |row: &&RouteRow| row.canary.judged() == 0 && row.stable.judged() > 0;
    bundle.routes.iter().filter(unseen).map(|row| row.route.clone()).collect()
}

fn cost(bundle: &FailureBundle) -> Cost {
    let canary: &Outcomes = &bundle.canary;
    let all = canary.judged() + bundle.stable.judged();
    let share = if canary.judged() == 0 { 0.0 } else { canary.failed() as f64 / canary.judged() as f64 };
    Cost {
        canary_requests: canary.judged(),
        failed: canary.failed(),
        shielded: canary.shielded,
        retried: canary.retried,
        all_at_once: (share * all as f64).round() as u64,
    }
}

/// What differs between the two revisions, as far as it is content.
pub fn changed(from: Option<&Revision>, to: &Revision) -> Vec<String> {
    let Some(from) = from else { return vec!["first revision".to_owned()] };
    let mut lines = vec![];
    if from.run.command != to.run.command {
        lines.push(format!("command: {} → {}", from.run.command.join(" "), to.run.command.join(" ")));
    }
    for file in &to.files {
        match from.files.iter().find(|old| old.path == file.path) {
            Some(old) if old.sha256 == file.sha256 => {}
            Some(_) => lines.push(format!("{} changed", file.path)),
            None => lines.push(format!("{} added", file.path)),
        }
    }
    let gone = |old: &&staunch_model::FileHash| !to.files.iter().any(|file| file.path == old.path);
    lines.extend(from.files.iter().filter(gone).map(|old| format!("{} removed", old.path)));
    lines.extend(changed_env(from, to));
    if from.run.infra != to.run.infra {
        lines.push("the commands of [infra] changed".to_owned());
    }
    lines
}

/// Names only: values may be secrets.
fn changed_env(from: &Revision, to: &Revision) -> Vec<String> {
    let keys = from.run.env.keys().chain(to.run.env.keys().filter(|key| !from.run.env.contains_key(*key)));
    keys.filter(|key| from.run.env.get(*key) != to.run.env.get(*key))
        .map(|key| format!("environment {key} changed"))
        .collect()
}

/// Nothing new starts beside the old where there is no room for both.
fn worker_line(event: &Event) -> Option<String> {
    if matches!(event, Event::PreparationStarted) {
        return Some("the first new instance takes its place".to_owned());
    }
    event.line()
}

fn timeline(rollout: &Rollout, events: &[Recorded]) -> Vec<TimelineRow> {
    let mut exposed = false;
    let line = |(at, actor, event): &Recorded| {
        let has_users = has_users(rollout, events, event);
        let tells = exposed || has_users != Some(false);
        exposed |= has_users == Some(true);
        let alone = rollout.spec.from.is_none() && has_users == Some(true);
        let what = if rollout.is_rolling() {
            worker_line(event)
        } else if alone {
            Some("traffic: all of it on the new revision".to_owned())
        } else {
            who::shift(event).filter(|_| has_users == Some(true)).or_else(|| event.line())
        };
        what.filter(|_| tells).map(|what| TimelineRow { at: *at, actor: actor.clone(), what })
    };
    events.iter().filter_map(line).collect()
}

impl Event {
    /// The event as one line for people; `None` for bulky evidence.
    pub fn line(&self) -> Option<String> {
        Some(match self {
            Self::Admitted { spec, by, .. } => {
                let from = spec.from.as_ref().map_or_else(String::new, |from| format!("{} → ", from.label));
                format!("rollout {}: {from}{}, by {by}", spec.id, spec.to.label)
            }
            Self::PreparationStarted => "starting the new revision beside the old".to_owned(),
            Self::ShadowStarted { .. } => "shadow: copies of requests go to the new revision".to_owned(),
            Self::ShadowPassed { by: Some(by), reason, .. } => {
                format!("shadow ended by {by}{}", given(reason))
            }
            Self::ShadowPassed { by: None, because, .. } => format!("shadow passed: {because}"),
            Self::ShadowEnded { .. } => {
                "ended with the shadow, as [shadow] then = \"stop\" says; nothing was promoted".to_owned()
            }
            Self::StepEntered { step, replaces: Some(Replaced { new, of }), .. } => {
                format!("step {}: {new} of {of} instances", step + 1)
            }
            Self::StepEntered { step, weight, .. } if weight.is_zero() => {
                format!("step {}: only who gets it by name", step + 1)
            }
            Self::StepEntered { step, weight, .. } => format!("step {}: {weight}", step + 1),
            Self::StepPassed { step, by, reason, gates } => passed_line(*step, by.as_deref(), reason, gates),
            Self::PromotionStarted { by: Some(by), .. } => format!("promoted to 100 % by {by}"),
            Self::PromotionStarted { by: None, .. } => "promoted to 100 %".to_owned(),
            Self::SmokePassed { key, line, took_ms } => {
                let took = staunch_model::human_duration(std::time::Duration::from_millis(*took_ms));
                format!("smoke passed on {} in {took}: {line}", key.instance)
            }
            Self::BakeStarted { alone: true, .. } => "every instance is new".to_owned(),
            Self::BakeStarted { .. } => {
                "all traffic is on the new revision; the old one stays warm".to_owned()
            }
            Self::Succeeded { .. } => "succeeded".to_owned(),
            Self::Paused { by, reason } if reason.is_empty() => format!("paused by {by}"),
            Self::Paused { by, reason } => format!("paused by {by}: {reason}"),
            Self::Resumed { by, reason } => format!("resumed by {by}{}", given(reason)),
            Self::RollbackStarted { cause, .. } => cause.sentence(),
            Self::RolledBack => "rolled back".to_owned(),
            Self::Rejected { because } => format!("rejected: {because}"),
            Self::ExposureLapsed { .. } => {
                "control was silent: the edge took the canary out by itself; continuing with fresh evidence"
                    .to_owned()
            }
            Self::InfraStarted { step } => format!("infrastructure: {} begins", step.name()),
            Self::InfraRan { run } => run.line(),
            Self::Vetted { vetting } => vetting.line(),
            Self::TrafficShifted { weight, .. } => format!("traffic: {weight} on the new revision"),
            Self::GateChanged { gate, because, .. } => format!("gate {gate}: {because}"),
            Self::FindingRaised { finding } => finding.sentence(),
            Self::Scaled { replicas, by } => format!("scaled to {replicas} instances by {by}"),
            Self::Policy { fact } => fact.line(),
            Self::InstanceExited { instance, exit } => format!("{instance} ended: {}", exit.status),
            Self::EvidenceCaptured { .. } => return None,
            Self::Budget { entry } => entry.line(),
        })
    }
}

/// A person's reason behind what they did.
fn given(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

fn passed_line(step: usize, by: Option<&str>, reason: &str, gates: &[GateReading]) -> String {
    let shown = gates
        .iter()
        .map(|gate| format!("{}: {}", gate.gate, gate.verdict.because))
        .collect::<Vec<_>>()
        .join("; ");
    match by {
        Some(by) => format!("step {} passed by {by}{}", step + 1, given(reason)),
        None if shown.is_empty() => format!("step {} passed", step + 1),
        None => format!("step {} passed: {shown}", step + 1),
    }
}
