//! Releases of several services.

use serde::{Deserialize, Serialize};
use staunch_control::{MemberView, ReleaseView};
use staunch_rollout::{MemberState, ReleaseOutcome};
use utoipa::ToSchema;

use super::Time;

/// The answer to a release that was started or aborted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseAccepted {
    pub release: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReleaseRequest {
    pub reason: Option<String>,
}

/// Several services that go to new versions together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Release {
    pub id: u64,
    pub name: String,
    pub by: String,
    pub reason: String,
    pub started_at: Time,
    pub ended_at: Option<Time>,
    /// `promoted`, `rolled-back` or `aborted`; null while it is under way.
    #[schema(value_type = Option<String>)]
    pub outcome: Option<ReleaseOutcome>,
    /// The member that did not make it, and why; the release's own name when a person ended it.
    pub failed: Option<String>,
    pub because: Option<String>,
    /// In an order in which they may start.
    pub members: Vec<Member>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    pub service: String,
    pub from: Option<String>,
    pub to: String,
    pub after: Vec<String>,
    /// `waiting`, `unchanged`, `rolling`, `promoted`, `failed`, `returning`, `returned` or `stuck`.
    pub state: String,
    /// What a person has to know of a member that could not be taken back.
    pub because: Option<String>,
    /// The rollout to the new version, and the one that took it back.
    pub rollout: Option<u64>,
    pub way_back: Option<u64>,
}

impl From<&ReleaseView> for Release {
    fn from(view: &ReleaseView) -> Self {
        Self {
            id: view.id,
            name: view.name.clone(),
            by: view.by.clone(),
            reason: view.reason.clone(),
            started_at: view.started.into(),
            ended_at: view.ended.map(Time::from),
            outcome: view.outcome,
            failed: view.failed.clone(),
            because: view.because.clone(),
            members: view.members.iter().map(Member::from).collect(),
        }
    }
}

impl From<&MemberView> for Member {
    fn from(view: &MemberView) -> Self {
        let because = match &view.state {
            MemberState::Stuck { because } => Some(because.clone()),
            MemberState::Waiting
            | MemberState::Unchanged
            | MemberState::Rolling
            | MemberState::Promoted
            | MemberState::Failed
            | MemberState::Returning
            | MemberState::Returned => None,
        };
        Self {
            service: view.service.clone(),
            from: view.from.clone(),
            to: view.to.clone(),
            after: view.after.clone(),
            state: view.state.name().to_owned(),
            because,
            rollout: view.rollout,
            way_back: view.way_back,
        }
    }
}
