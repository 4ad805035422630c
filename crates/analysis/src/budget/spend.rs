//! What one rollout has cost of the budget, and whether it is the one that spends it.

use serde::{Deserialize, Serialize};
use staunch_model::SloSpec;

use super::standing::{ObjectiveKind, Standing, objectives};
use super::tap::Served;

/// What users of one side got since the rollout began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    pub new: Served,
    pub old: Served,
}

/// The cost of a rollout, by the objective that it hurt most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RolloutSpend {
    pub objective: ObjectiveKind,
    /// Requests that broke the objective for users on the new revision.
    pub bad: u64,
    /// Those of them that the old revision's rate does not explain.
    pub excess: f64,
    /// `bad` and `excess` as shares of the window's budget. Infinite when there is no budget at all.
    pub share: f64,
    pub excess_share: f64,
    /// Most of what was lost since the rollout began was lost by the new revision's being worse.
    pub is_the_spender: bool,
}

/// Less than this share of the budget makes no spender.
const NOTICEABLE: f64 = 0.01;

impl RolloutSpend {
    pub fn of(side: &Side, slo: &SloSpec, standing: &Standing) -> Self {
        let all = objectives(slo).map(|(kind, _)| one(side, kind, standing));
        all.max_by(|a, b| a.share.total_cmp(&b.share)).unwrap_or_else(nothing)
    }

    /// More than one rollout may spend; a handful of failures is no measure.
    pub fn exceeds(&self, slo: &SloSpec) -> bool {
        let enough = self.bad >= slo.min_failures;
        slo.rollout_spend.is_some_and(|most| enough && self.excess_share > most)
    }
}

fn nothing() -> RolloutSpend {
    RolloutSpend {
        objective: ObjectiveKind::Availability,
        bad: 0,
        excess: 0.0,
        share: 0.0,
        excess_share: 0.0,
        is_the_spender: false,
    }
}

fn one(side: &Side, kind: ObjectiveKind, standing: &Standing) -> RolloutSpend {
    let ((total, bad), (old_total, old_bad)) = (kind.counts(&side.new), kind.counts(&side.old));
    let usual = if old_total == 0 { 0.0 } else { old_bad as f64 / old_total as f64 };
    let excess = (bad as f64 - total as f64 * usual).max(0.0);
    let budget =
        standing.objectives.iter().find(|objective| objective.kind == kind).map_or(0.0, |o| o.budget);
    let share_of = |count: f64| match count {
        0.0 => 0.0,
        count => count / budget,
    };
    let excess_share = share_of(excess);
    RolloutSpend {
        objective: kind,
        bad,
        excess,
        share: share_of(bad as f64),
        excess_share,
        is_the_spender: excess_share >= NOTICEABLE && excess * 2.0 > (bad + old_bad) as f64,
    }
}
