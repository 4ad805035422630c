//! What commands carry. All of it is optional; unknown keys are errors, since a misspelt guard would not guard.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeployRequest {
    pub reason: Option<String>,
    /// Takes a running rollout to other content back first.
    pub replace: bool,
    /// Passes a freeze of the error budget, below its critical level too. Needs `reason` and `approved_by`.
    pub critical_fix: bool,
    /// The second person who lets it pass a freeze.
    pub approved_by: Option<String>,
    /// Why windows and freezes are overridden; without it they hold.
    pub emergency: Option<String>,
    pub expect: ExpectPlan,
}

/// The digest of the plan that the caller saw: refused (409) when it is another one by now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExpectPlan {
    pub plan: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CommandRequest {
    pub reason: Option<String>,
    pub expect: Expect,
}

/// What the caller believes: the command is refused (409) when the world has moved on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    pub rollout: Option<u64>,
    /// Index of the step, from 0.
    pub step: Option<usize>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RollbackRequest {
    /// Label, digest or the beginning of a digest; without it the revision before.
    pub to: Option<String>,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UpgradeRequest {
    /// Absolute path of the new binary; without it the one that the server was started from.
    pub binary: Option<String>,
}
