//! The error budget in a rollout's life: what is recorded of it, and what it decides.
//!
//! A frozen budget holds a rollout at its step. It takes one back that has no users yet, that is the one spending the
//! budget, or that has spent more than its cap. Going back is never held, and neither is a rollback by a person.

use serde::{Deserialize, Serialize};
use staunch_analysis::budget::{Level, ObjectiveKind, RolloutSpend};
use staunch_model::{RolloutKind, SloSpec, Timestamp};

use crate::{Cause, Phase, Rollout, Snapshot, WaitingOn};

/// What is recorded of a budget. `Frozen` and `Thawed` concern the service, the others its rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum BudgetEvent {
    Frozen {
        level: Level,
        objective: ObjectiveKind,
        /// Share of the budget that was left.
        left: f64,
        /// When it ends at the latest if nothing more fails.
        thaw_at: Option<Timestamp>,
    },
    Thawed {
        left: Option<f64>,
        because: String,
    },
    /// A rollout was begun all the same.
    Passed {
        pass: FreezePass,
    },
    Charged {
        cost: BudgetCost,
    },
}

impl BudgetEvent {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Frozen { .. } => "budget-frozen",
            Self::Thawed { .. } => "budget-thawed",
            Self::Passed { .. } => "freeze-passed",
            Self::Charged { .. } => "budget-charged",
        }
    }

    /// It is about the service, whether or not a rollout runs.
    pub fn is_of_service(&self) -> bool {
        match self {
            Self::Frozen { .. } | Self::Thawed { .. } => true,
            Self::Passed { .. } | Self::Charged { .. } => false,
        }
    }

    pub(crate) fn line(&self) -> String {
        match self {
            Self::Frozen { level, objective, left, thaw_at } => {
                let only = match level {
                    Level::Critical => ": only critical fixes are deployed",
                    Level::Open | Level::Warn | Level::Frozen => "",
                };
                let until = thaw_at.map(|at| format!(" until {at} at the latest if nothing more fails"));
                format!(
                    "frozen: {} of the {} budget is left{only}{}",
                    share(*left),
                    objective.name(),
                    until.unwrap_or_default()
                )
            }
            Self::Thawed { left: Some(left), because } => {
                format!("thawed: {} of the budget is left; {because}", share(*left))
            }
            Self::Thawed { left: None, because } => format!("thawed: {because}"),
            Self::Passed { pass } => pass.line(),
            Self::Charged { cost } => cost.line(),
        }
    }
}

/// Two people who let a rollout pass a freeze.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreezePass {
    /// Declared as a critical fix: passes below the critical level too.
    pub critical: bool,
    pub by: String,
    pub approved_by: String,
    pub reason: String,
}

impl FreezePass {
    /// Whether it lets a rollout go on at this level.
    pub fn opens(&self, level: Level) -> bool {
        match level {
            Level::Open | Level::Warn | Level::Frozen => true,
            Level::Critical => self.critical,
        }
    }

    fn line(&self) -> String {
        let what = if self.critical { "critical fix" } else { "passes the freeze" };
        format!("{what}, by {} and {}: {}", self.by, self.approved_by, self.reason)
    }
}

/// What a rollout took from the budget: failures and slow answers that users got, not those that were made good.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BudgetCost {
    pub objective: ObjectiveKind,
    /// Requests of users on the new revision that broke the objective.
    pub bad: u64,
    /// The same as a share of the window's budget at that time; `None` without any budget.
    pub share: Option<f64>,
    /// Share of the budget that was left then.
    pub left: f64,
    pub window_ms: u64,
}

impl BudgetCost {
    pub fn line(&self) -> String {
        let window = window_words(self.window_ms);
        let share_of = match self.share {
            Some(of) => format!(" = {} of the {window} budget", share(of)),
            None => String::new(),
        };
        let (bad, kind, left) = (self.bad, self.objective.name(), share(self.left));
        format!("{bad} requests of users broke the {kind} objective{share_of} ({left} left)")
    }
}

/// The budget as a decision needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetFacts {
    pub slo: SloSpec,
    pub level: Level,
    pub left: f64,
    pub thaw_at: Option<Timestamp>,
    /// What the present rollout has spent.
    pub spend: Option<RolloutSpend>,
    /// Why nothing is known: the counts cannot be read, or none arrive.
    pub unknown: Option<String>,
}

/// The budget's reason to go back, if there is one.
pub(crate) fn danger(rollout: &Rollout, snapshot: &Snapshot<'_>) -> Option<Cause> {
    let facts = snapshot.budget.filter(|_| rollout.spec.kind == RolloutKind::Canary)?;
    let because = if rollout.phase == Phase::Preparing && is_shut(rollout, facts) {
        format!("the error budget was frozen before any user saw it: {} is left", share(facts.left))
    } else {
        spent(rollout, facts).filter(|_| rollout.phase.is_exposed())?
    };
    Some(Cause::Budget { because })
}

fn spent(rollout: &Rollout, facts: &BudgetFacts) -> Option<String> {
    let spend = facts.spend.as_ref()?;
    let (bad, kind) = (spend.bad, spend.objective.name());
    if spend.exceeds(&facts.slo) {
        let (spent, most) = (share(spend.excess_share), share(facts.slo.rollout_spend.unwrap_or(0.0)));
        return Some(format!(
            "it has spent {spent} of the {kind} budget ({bad} requests of users); one rollout may spend {most}"
        ));
    }
    (is_shut(rollout, facts) && spend.is_the_spender).then(|| {
        let (left, spent) = (share(facts.left), share(spend.excess_share));
        format!("the {kind} budget is frozen ({left} left) and this rollout is what spends it: {spent}, {bad} requests")
    })
}

/// A freeze that this rollout has no pass for.
fn is_shut(rollout: &Rollout, facts: &BudgetFacts) -> bool {
    let passes = rollout.pass.as_ref().is_some_and(|pass| pass.opens(facts.level));
    facts.level.is_frozen() && !passes
}

/// Why the rollout may not go further forward now.
pub(crate) fn hold(rollout: &Rollout, snapshot: &Snapshot<'_>) -> Option<(WaitingOn, String)> {
    let facts = snapshot.budget.filter(|_| rollout.spec.kind == RolloutKind::Canary)?;
    if let Some(why) = &facts.unknown {
        return Some((WaitingOn::Source, format!("the error budget is not known: {why}")));
    }
    is_shut(rollout, facts).then(|| {
        let thaw = facts.thaw_at.map(|at| format!(", until {at} at the latest if nothing more fails"));
        let left = share(facts.left);
        (WaitingOn::Freeze, format!("the error budget is frozen: {left} left{}", thaw.unwrap_or_default()))
    })
}

/// `12.3 %`; more precise where little is left.
pub fn share(ratio: f64) -> String {
    let percent = ratio * 100.0;
    match percent.abs() {
        0.0 => "0 %".to_owned(),
        ..0.1 => format!("{percent:.3} %"),
        ..10.0 => format!("{percent:.1} %"),
        _ => format!("{percent:.0} %"),
    }
}

/// `30-day`, `60-second`: a window as an adjective.
pub fn window_words(ms: u64) -> String {
    let units = [(86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1_000, "second")];
    let fits = units.into_iter().find(|(unit, _)| ms >= *unit && ms.is_multiple_of(*unit));
    fits.map_or_else(|| format!("{ms}-millisecond"), |(unit, name)| format!("{}-{name}", ms / unit))
}
