//! What is asked before a rollout, and what people decided beside one, on the wire.

use serde::{Deserialize, Serialize};
use staunch_rollout::{Ask, Freeze, PreflightFinding};
use utoipa::ToSchema;

use super::Time;

/// Something that speaks against a deploy, or that a person should know before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyFinding {
    pub code: String,
    /// `error` refuses the deploy; `warning` and `note` do not.
    pub severity: String,
    /// The key of the configuration that it is about.
    pub key: String,
    /// The line of the file, when the key stands in it.
    pub line: Option<u32>,
    pub text: String,
    pub fix: String,
}

impl PolicyFinding {
    /// `canary.steps (line 14)`.
    pub fn place(&self) -> String {
        self.line.map_or_else(|| self.key.clone(), |line| format!("{} (line {line})", self.key))
    }
}

impl From<&PreflightFinding> for PolicyFinding {
    fn from(finding: &PreflightFinding) -> Self {
        Self {
            code: finding.code.clone(),
            severity: finding.severity.name().to_owned(),
            key: finding.place.key.clone(),
            line: finding.place.line,
            text: finding.text.clone(),
            fix: finding.fix.clone(),
        }
    }
}

/// A person has said that nothing changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Frozen {
    pub by: String,
    pub reason: String,
    pub since: Time,
    /// Absent: until somebody unfreezes.
    pub until: Option<Time>,
}

impl From<&Freeze> for Frozen {
    fn from(freeze: &Freeze) -> Self {
        let (by, reason) = (freeze.by.clone(), freeze.reason.clone());
        Self { by, reason, since: freeze.since.into(), until: freeze.until.map(Time::from) }
    }
}

/// A change that waits for others to agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Approval {
    /// Always `approval`, as in a rollout's `waiting`.
    pub waiting_on: String,
    /// The digest of all that is agreed to.
    pub plan: String,
    pub to: String,
    pub by: String,
    pub reason: String,
    pub needs: u32,
    /// Who may answer; empty is everyone but the author.
    pub from: Vec<String>,
    pub approved_by: Vec<String>,
    pub rejected_by: Option<String>,
    pub granted: bool,
    pub since: Time,
    pub until: Time,
    /// What happens then.
    pub then: String,
}

impl From<&Ask> for Approval {
    fn from(ask: &Ask) -> Self {
        Self {
            waiting_on: "approval".to_owned(),
            plan: ask.plan.clone(),
            to: ask.label.clone(),
            by: ask.by.clone(),
            reason: ask.reason.clone(),
            needs: ask.needs,
            from: ask.from.clone(),
            approved_by: ask.approved_by().into_iter().map(str::to_owned).collect(),
            rejected_by: ask.rejection().map(|vote| vote.by.clone()),
            granted: ask.is_granted(),
            since: ask.since.into(),
            until: ask.until.into(),
            then: "it has to be asked for anew".to_owned(),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FreezeRequest {
    pub reason: Option<String>,
    /// Left out: until somebody unfreezes.
    pub until: Option<Time>,
}

/// For `approve` and `reject`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VoteRequest {
    pub reason: Option<String>,
    pub expect: super::ExpectPlan,
}

/// For `unfreeze` and `revoke`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReasonRequest {
    pub reason: Option<String>,
}
