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
            Self::Progressing { .. } => "progressing",
            Self::Promoting => "promoting",
            Self::Baking { .. } => "baking",
            Self::Succeeded => "succeeded",
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
            Self::Progressing { pace: Pace::Paused { .. }, .. } => "CANARY_WAITING",
            Self::Progressing { .. } => "CANARY_EVALUATING",
            Self::Promoting => "PROMOTING",
            Self::Baking { .. } => "VERIFYING",
            Self::Succeeded => "VERIFIED",
            Self::RollingBack { .. } | Self::RolledBack { .. } | Self::Rejected { .. } => "ROLLBACK",
        }
    }
    pub fn is_end(&self) -> bool {
        match self {
            Self::Succeeded | Self::RolledBack { .. } | Self::Rejected { .. } => true,
            Self::Pending
            | Self::Preparing
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
    pub fn pace(&self) -> Option<&Pace> {
        match self {
            Self::Progressing { pace, .. } | Self::Baking { pace, .. } => Some(pace),
            Self::Pending
            | Self::Preparing
            | Self::Promoting
            | Self::Succeeded
            | Self::RollingBack { .. }
            | Self::RolledBack { .. }
            | Self::Rejected { .. } => None,
        }
    }
}
