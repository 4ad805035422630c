//! Error budgets on the wire. Shares are ratios: 0.25 is a quarter.

use serde::{Deserialize, Serialize};
use staunch_analysis::budget as analysis;
use staunch_control::BudgetView;
use utoipa::ToSchema;

use super::{RolloutRow, Time, wire_name};

/// How a service stands with its error budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Budget {
    pub window_ms: u64,
    /// When counting began, and whether that covers the window.
    pub counted_since: Time,
    pub covers_window: bool,
    /// By how much the window may be longer than it says: old counts are kept in buckets of this length.
    pub resolution_ms: u64,
    /// `open`, `warn`, `frozen` or `critical`.
    pub level: String,
    /// Share left of the objective that is worst off; below 0 when more is spent than there was.
    pub left_ratio: f64,
    pub warn_ratio: f64,
    pub freeze_ratio: f64,
    pub critical_ratio: f64,
    pub reopen_ratio: f64,
    /// Fewer failures than this freeze nothing.
    pub min_failures: u64,
    /// When a freeze ends at the latest if nothing more fails.
    pub thaw_at: Option<Time>,
    /// Why nothing is known.
    pub unknown: Option<String>,
    pub objectives: Vec<Objective>,
    pub rollout_spend_limit_ratio: Option<f64>,
    /// What the present rollout, or the last, has taken.
    pub spend: Option<Spend>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Objective {
    /// `availability` or `latency`.
    pub kind: String,
    pub target_ratio: f64,
    /// How fast an answer has to begin.
    pub under_ms: Option<u64>,
    pub requests: u64,
    pub bad_requests: u64,
    /// How many may be bad.
    pub budget_requests: f64,
    pub left_ratio: f64,
    pub exhausted_in_ms: Option<u64>,
    pub burn: Vec<BurnRate>,
}

/// One alert rule: it fires when both windows burn at least `factor` times as fast as the budget bears.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BurnRate {
    /// `page` or `ticket`.
    pub urgency: String,
    pub factor: f64,
    pub long_ms: u64,
    pub short_ms: u64,
    /// Absent without a request.
    pub long: Option<f64>,
    pub short: Option<f64>,
    pub fires: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Spend {
    pub objective: String,
    pub bad_requests: u64,
    /// Absent when there is no budget at all.
    pub share_ratio: Option<f64>,
    /// What the old revision's failures do not explain.
    pub excess_ratio: Option<f64>,
}

/// One service's budget and what its rollouts took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceBudget {
    pub service: String,
    /// Absent without `[slo]`.
    pub budget: Option<Budget>,
    /// Newest first.
    pub rollouts: Vec<RolloutRow>,
    /// How the window's budget went: from 1 at its beginning, or when counting began, to what is left now. Each point is
    /// the budget of the window as it is now, less every bad request up to then, of the objective that is worst off; at
    /// most 121 points, at most ten seconds old. Empty without a request.
    #[serde(default)]
    pub burn_down: Vec<BudgetPoint>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BudgetPoint {
    pub at: Time,
    pub left_ratio: f64,
}

impl From<&analysis::Left> for BudgetPoint {
    fn from(point: &analysis::Left) -> Self {
        Self { at: point.at.into(), left_ratio: point.left }
    }
}

impl From<&BudgetView> for Budget {
    fn from(view: &BudgetView) -> Self {
        let BudgetView { slo, standing, level, unknown, spend, down: _ } = view;
        let at = standing.since;
        Self {
            window_ms: millis(slo.window),
            counted_since: at.into(),
            covers_window: standing.whole,
            resolution_ms: millis(analysis::resolution(slo.window)),
            level: level.name().to_owned(),
            left_ratio: standing.left(),
            warn_ratio: slo.levels.warn,
            freeze_ratio: slo.levels.freeze,
            critical_ratio: slo.levels.critical,
            reopen_ratio: slo.levels.reopen,
            min_failures: slo.min_failures,
            thaw_at: standing.thaw_at.map(Time),
            unknown: unknown.clone(),
            objectives: standing.objectives.iter().map(|one| objective(one, view)).collect(),
            rollout_spend_limit_ratio: slo.rollout_spend,
            spend: spend.as_ref().map(Spend::from),
        }
    }
}

fn objective(one: &analysis::ObjectiveStanding, view: &BudgetView) -> Objective {
    let latency = view.slo.latency.filter(|_| one.kind == analysis::ObjectiveKind::Latency);
    Objective {
        kind: one.kind.name().to_owned(),
        target_ratio: one.target,
        under_ms: latency.map(|latency| millis(latency.under)),
        requests: one.total,
        bad_requests: one.bad,
        budget_requests: one.budget,
        left_ratio: one.left,
        exhausted_in_ms: one.exhausted_in_ms,
        burn: one.burns.iter().map(BurnRate::from).collect(),
    }
}

impl From<&analysis::Burn> for BurnRate {
    fn from(burn: &analysis::Burn) -> Self {
        let analysis::Burn { rule, long, short, fires } = *burn;
        Self {
            urgency: wire_name(rule.urgency),
            factor: rule.factor,
            long_ms: rule.long_ms.unsigned_abs(),
            short_ms: rule.short_ms.unsigned_abs(),
            long,
            short,
            fires,
        }
    }
}

impl From<&analysis::RolloutSpend> for Spend {
    fn from(spend: &analysis::RolloutSpend) -> Self {
        let finite = |share: f64| Some(share).filter(|share| share.is_finite());
        Self {
            objective: spend.objective.name().to_owned(),
            bad_requests: spend.bad,
            share_ratio: finite(spend.share),
            excess_ratio: finite(spend.excess_share),
        }
    }
}

fn millis(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
