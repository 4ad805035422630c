use serde::{Deserialize, Serialize};
use staunch_model::Timestamp;

use crate::Cause;

/// Where a rollout stands. Waiting is not a phase: it is computed by [`crate::waiting`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "phase")]
pub enum Phase {
    /// Admitted, nothing started yet.
    Pending,
    /// The new revision's instances are started and become ready; no user sees them.
    Preparing,
    /// The new revision answers copies of requests; no user sees its answers.
    Shadowing {
        pace: Pace,
    },
    /// Users are on the new revision by the weight of this step.
    Progressing {
        step: usize,
        pace: Pace,
    },
    /// All traffic goes to the new revision as soon as it has full capacity.
    Promoting,
    /// The new revision has all traffic; the old one is still at full capacity.
    Baking {
        until: Timestamp,
        pace: Pace,
    },
    Succeeded,
    /// The shadow stage passed, and no more was asked for: the old revision goes on serving.
    Shadowed {
        because: String,
    },
    /// All traffic goes back; then the new revision drains.
    RollingBack {
        cause: Cause,
    },
    RolledBack {
        cause: Cause,
    },
    /// Refused before anything ran.
    Rejected {
        because: String,
    },
}

/// Whether a rollout goes on by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "pace")]
pub enum Pace {
    Automatic,
    Paused { by: String, reason: String, since: Timestamp },
}

impl Phase {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Preparing => "preparing",
            Self::Shadowing { .. } => "shadowing",
            Self::Progressing { .. } => "progressing",
            Self::Promoting => "promoting",
            Self::Baking { .. } => "baking",
            Self::Succeeded => "succeeded",
            Self::Shadowed { .. } => "shadowed",
            Self::RollingBack { .. } => "rolling-back",
            Self::RolledBack { .. } => "rolled-back",
            Self::Rejected { .. } => "rejected",
        }
    }
    /// The name that auditors know: a column of the audit export.
    pub fn audit_alias(&self) -> &'static str {
        match self {
            Self::Pending => "INIT",
            Self::Preparing => "DEPLOYING",
            Self::Shadowing { .. } => "CANARY_EVALUATING",
            Self::Progressing { pace: Pace::Paused { .. }, .. } => "CANARY_WAITING",
            Self::Progressing { .. } => "CANARY_EVALUATING",
            Self::Promoting => "PROMOTING",
            Self::Baking { .. } => "VERIFYING",
            Self::Succeeded | Self::Shadowed { .. } => "VERIFIED",
            Self::RollingBack { .. } | Self::RolledBack { .. } | Self::Rejected { .. } => "ROLLBACK",
        }
    }
    pub fn is_end(&self) -> bool {
        match self {
            Self::Succeeded | Self::Shadowed { .. } | Self::RolledBack { .. } | Self::Rejected { .. } => true,
            Self::Pending
            | Self::Preparing
            | Self::Shadowing { .. }
            | Self::Progressing { .. }
            | Self::Promoting
            | Self::Baking { .. }
            | Self::RollingBack { .. } => false,
        }
    }
    /// Users may be on the new revision: triggers are armed.
    pub fn is_exposed(&self) -> bool {
        matches!(self, Self::Progressing { .. } | Self::Promoting | Self::Baking { .. })
    }
    /// Requests of some kind reach the new revision, of users or copies of theirs.
    pub fn is_leased(&self) -> bool {
        self.is_exposed() || matches!(self, Self::Shadowing { .. })
    }
    /// The step it is at, counted from 0.
    pub fn step(&self) -> Option<usize> {
        match self {
            Self::Progressing { step, .. } => Some(*step),
            Self::Pending
            | Self::Preparing
            | Self::Shadowing { .. }
            | Self::Promoting
            | Self::Baking { .. }
            | Self::Succeeded
            | Self::Shadowed { .. }
            | Self::RollingBack { .. }
            | Self::RolledBack { .. }
            | Self::Rejected { .. } => None,
        }
    }
    pub fn pace(&self) -> Option<&Pace> {
        match self {
            Self::Shadowing { pace } | Self::Progressing { pace, .. } | Self::Baking { pace, .. } => {
                Some(pace)
            }
            Self::Pending
            | Self::Preparing
            | Self::Promoting
            | Self::Succeeded
            | Self::Shadowed { .. }
            | Self::RollingBack { .. }
            | Self::RolledBack { .. }
            | Self::Rejected { .. } => None,
        }
    }
}
