//! The evidence bundle of one rollout on the wire.

use serde::{Deserialize, Serialize};
use staunch_model as model;
use staunch_rollout as rollout;
use utoipa::ToSchema;

use super::{Exit, Gate, Judgement, Time, Vetting, WhyBack, wire_name};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Report {
    pub rollout: u64,
    pub service: String,
    pub from: Option<String>,
    pub to: String,
    pub phase: String,
    /// One line that says all.
    pub headline: String,
    pub by: String,
    pub reason: Option<String>,
    pub started_at: Time,
    pub ended_at: Option<Time>,
    /// Index of the step it reached, its weight, and how many there are.
    pub step: Option<usize>,
    pub step_ratio: Option<f64>,
    pub steps: usize,
    /// From the first user on the new revision to its last.
    pub exposed_ms: Option<u64>,
    pub back: Option<WhyBack>,
    /// The gate that decided.
    pub deciding: Option<Gate>,
    pub judgement: Option<Judgement>,
    pub routes: Vec<Route>,
    /// Routes that stable served and the canary never saw.
    pub unknown: Vec<String>,
    /// The first failing requests.
    pub failures: Vec<Failure>,
    pub instances: Vec<InstanceEnd>,
    pub changed: Vec<String>,
    /// What was asked before its first user.
    #[serde(default)]
    pub vetting: Vetting,
    /// Commands around it, in the order in which they ended.
    #[serde(default)]
    pub infra: Vec<InfraRun>,
    pub cost: Cost,
    /// The same against the error budget; absent without `[slo]`.
    pub budget_cost: Option<BudgetCost>,
    /// Two people let it pass a freeze of the budget.
    pub pass: Option<FreezePass>,
    /// The rules by which users got it by name, in words.
    #[serde(default)]
    pub who: Vec<String>,
    pub timeline: Vec<TimelineRow>,
}

/// A command around the version that was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InfraRun {
    /// `apply`, `verify` or `undo`.
    pub step: String,
    pub ok: bool,
    pub status: String,
    /// The last lines it wrote, oldest first.
    pub output: Vec<String>,
    pub took_ms: u64,
}

impl From<&rollout::InfraRun> for InfraRun {
    fn from(run: &rollout::InfraRun) -> Self {
        Self {
            step: run.step.name().to_owned(),
            ok: run.ok,
            status: run.status.clone(),
            output: run.output.clone(),
            took_ms: run.took_ms,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Route {
    /// `GET /orders/:id`
    pub route: String,
    pub canary: Outcomes,
    pub stable: Outcomes,
}

/// First attempts by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Outcomes {
    pub assigned: u64,
    /// Those that say something about the version, and those of them that count against it.
    pub judged: u64,
    pub failed: u64,
    pub ok: u64,
    pub client_error: u64,
    pub server_error: u64,
    pub connect_error: u64,
    pub timeout: u64,
    pub reset: u64,
    pub client_gone: u64,
    /// Failed attempts whose client was answered from stable.
    pub shielded: u64,
    /// Failed attempts whose client got a good answer from another one.
    #[serde(default)]
    pub retried: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    pub at: Time,
    pub revision: String,
    pub instance: String,
    pub route: String,
    pub method: String,
    pub path: String,
    pub status: Option<u16>,
    /// `server-error`, `connect-error`, `timeout` or `reset`.
    pub kind: String,
    pub took_ms: f64,
    pub trace: Option<String>,
    pub shielded: bool,
}

/// One instance of the new revision as it was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstanceEnd {
    pub instance: String,
    pub pid: Option<u32>,
    pub state: String,
    pub exits: Vec<Exit>,
    pub probe: Option<String>,
    pub memory_bytes: u64,
    /// The last lines it wrote, oldest first.
    pub log: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cost {
    pub canary_requests: u64,
    pub failed: u64,
    pub shielded: u64,
    /// Failed attempts whose client got a good answer from another one.
    #[serde(default)]
    pub retried: u64,
    /// What the same time would have cost with all traffic on the new revision.
    pub all_at_once: u64,
}

/// What the rollout took of the error budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BudgetCost {
    pub objective: String,
    pub bad_requests: u64,
    pub share_ratio: Option<f64>,
    /// What was left when it had ended.
    pub left_ratio: f64,
    pub window_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FreezePass {
    pub critical_fix: bool,
    pub by: String,
    pub approved_by: String,
    pub reason: String,
}

impl From<rollout::BudgetCost> for BudgetCost {
    fn from(cost: rollout::BudgetCost) -> Self {
        Self {
            objective: cost.objective.name().to_owned(),
            bad_requests: cost.bad,
            share_ratio: cost.share,
            left_ratio: cost.left,
            window_ms: cost.window_ms,
        }
    }
}

impl From<&rollout::FreezePass> for FreezePass {
    fn from(pass: &rollout::FreezePass) -> Self {
        let rollout::FreezePass { critical, by, approved_by, reason } = pass.clone();
        Self { critical_fix: critical, by, approved_by, reason }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimelineRow {
    pub at: Time,
    pub actor: String,
    pub what: String,
}

impl From<&rollout::Report> for Report {
    fn from(report: &rollout::Report) -> Self {
        Self {
            rollout: report.rollout,
            service: report.service.clone(),
            from: report.from.clone(),
            to: report.to.clone(),
            phase: report.phase.clone(),
            headline: report.headline(),
            by: report.by.clone(),
            reason: report.reason.clone(),
            started_at: report.started.into(),
            ended_at: report.ended.map(Time),
            step: report.step.map(|(step, _)| step),
            step_ratio: report.step.map(|(_, percent)| percent / 100.0),
            steps: report.steps,
            exposed_ms: report.exposed_ms,
            back: report.cause.as_ref().map(WhyBack::from),
            deciding: report.deciding.as_ref().map(Gate::from),
            judgement: report.judgement.as_ref().map(Judgement::from),
            routes: report.routes.iter().map(Route::from).collect(),
            unknown: report.unknown.clone(),
            failures: report.failures.iter().map(Failure::from).collect(),
            instances: report.exits.iter().map(InstanceEnd::from).collect(),
            changed: report.changed.clone(),
            vetting: Vetting::of(&report.vetting, &[]),
            infra: report.infra.iter().map(InfraRun::from).collect(),
            cost: report.cost.into(),
            budget_cost: report.budget_cost.map(BudgetCost::from),
            pass: report.pass.as_ref().map(FreezePass::from),
            who: report.who.clone(),
            timeline: report.timeline.iter().map(TimelineRow::from).collect(),
        }
    }
}

impl From<&rollout::RouteRow> for Route {
    fn from(row: &rollout::RouteRow) -> Self {
        Self { route: row.route.clone(), canary: row.canary.into(), stable: row.stable.into() }
    }
}

impl From<model::Outcomes> for Outcomes {
    fn from(outcomes: model::Outcomes) -> Self {
        Self {
            assigned: outcomes.assigned,
            judged: outcomes.judged(),
            failed: outcomes.failed(),
            ok: outcomes.ok,
            client_error: outcomes.client_error,
            server_error: outcomes.server_error,
            connect_error: outcomes.connect_error,
            timeout: outcomes.timeout,
            reset: outcomes.reset,
            client_gone: outcomes.client_gone,
            shielded: outcomes.shielded,
            retried: outcomes.retried,
        }
    }
}

impl From<&model::Failure> for Failure {
    fn from(failure: &model::Failure) -> Self {
        Self {
            at: failure.at.into(),
            revision: failure.revision.to_string(),
            instance: failure.instance.to_string(),
            route: failure.route.clone(),
            method: failure.method.clone(),
            path: failure.path.clone(),
            status: failure.status,
            kind: wire_name(failure.kind),
            took_ms: failure.micros as f64 / 1_000.0,
            trace: failure.trace.clone(),
            shielded: failure.shielded,
        }
    }
}

impl From<&rollout::ExitCapture> for InstanceEnd {
    fn from(capture: &rollout::ExitCapture) -> Self {
        Self {
            instance: capture.instance.clone(),
            pid: capture.pid,
            state: capture.state.clone(),
            exits: capture.exits.iter().map(Exit::from).collect(),
            probe: capture.probe.clone(),
            memory_bytes: capture.memory_bytes,
            log: capture.log.clone(),
        }
    }
}

impl From<rollout::Cost> for Cost {
    fn from(cost: rollout::Cost) -> Self {
        let rollout::Cost { canary_requests, failed, shielded, retried, all_at_once } = cost;
        Self { canary_requests, failed, shielded, retried, all_at_once }
    }
}

impl From<&rollout::TimelineRow> for TimelineRow {
    fn from(row: &rollout::TimelineRow) -> Self {
        Self { at: row.at.into(), actor: row.actor.clone(), what: row.what.clone() }
    }
}
