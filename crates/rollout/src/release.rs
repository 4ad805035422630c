//! Several services that go to new versions together: the fold of a release's events, and what it does next.
//!
//! Each member is an ordinary rollout. The release only says when one may start, and takes those that are through
//! back, the last one first, when another one is not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use staunch_model::{CheckResult, Revision, RolloutId, RolloutKind, ServiceName, ServiceSpec, Timestamp};

use crate::{Cause, Phase, Rollout, Service};

/// What can happen to a release. Recorded before acted on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum ReleaseEvent {
    /// Everything that is needed to go on, fixed when the release is admitted.
    ReleaseStarted {
        name: ServiceName,
        by: String,
        reason: String,
        members: Vec<MemberPlan>,
    },
    /// The member's rollout was admitted; `None` when its content runs already.
    MemberStarted {
        service: ServiceName,
        rollout: Option<RolloutId>,
    },
    MemberPromoted {
        service: ServiceName,
    },
    /// A member did not make it: the release goes back.
    ReleaseTurned {
        service: ServiceName,
        because: String,
        personal: bool,
    },
    /// The member's own rollout has gone back.
    MemberFailed {
        service: ServiceName,
    },
    /// A member that was through is taken back by a rollout of its own.
    MemberReturning {
        service: ServiceName,
        rollout: RolloutId,
    },
    MemberReturned {
        service: ServiceName,
    },
    /// It could not be taken back: a person is needed.
    MemberStuck {
        service: ServiceName,
        because: String,
    },
    ReleaseEnded,
}

/// One member as it was admitted, in an order in which they may start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemberPlan {
    pub spec: ServiceSpec,
    pub revision: Revision,
    pub after: Vec<ServiceName>,
    /// What serves before.
    pub from: Option<Revision>,
    /// What the reports said when the release was admitted.
    #[serde(default)]
    pub checks: Vec<CheckResult>,
}

impl ReleaseEvent {
    /// All kinds begin with this, and no other event's does: a reader tells them by it.
    pub const PREFIX: &'static str = "release/";

    pub fn kind(&self) -> &'static str {
        match self {
            Self::ReleaseStarted { .. } => "release/started",
            Self::MemberStarted { .. } => "release/member-started",
            Self::MemberPromoted { .. } => "release/member-promoted",
            Self::ReleaseTurned { .. } => "release/turned",
            Self::MemberFailed { .. } => "release/member-failed",
            Self::MemberReturning { .. } => "release/member-returning",
            Self::MemberReturned { .. } => "release/member-returned",
            Self::MemberStuck { .. } => "release/member-stuck",
            Self::ReleaseEnded => "release/ended",
        }
    }
}

/// A release: the fold of its events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// From the same numbers as rollouts.
    pub id: RolloutId,
    pub name: ServiceName,
    pub by: String,
    pub reason: String,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    /// In an order in which they may start.
    pub members: Vec<Member>,
    pub turned: Option<Turned>,
}

/// Why a release goes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turned {
    pub service: ServiceName,
    pub because: String,
    /// A person ended it.
    pub personal: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    pub plan: MemberPlan,
    pub state: MemberState,
    /// The rollout to the new version, and the one that took it back.
    pub rollout: Option<RolloutId>,
    pub way_back: Option<RolloutId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum MemberState {
    Waiting,
    /// Its content runs already.
    Unchanged,
    Rolling,
    Promoted,
    Failed,
    Returning,
    Returned,
    Stuck {
        because: String,
    },
}

impl MemberState {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Unchanged => "unchanged",
            Self::Rolling => "rolling",
            Self::Promoted => "promoted",
            Self::Failed => "failed",
            Self::Returning => "returning",
            Self::Returned => "returned",
            Self::Stuck { .. } => "stuck",
        }
    }
}

impl Member {
    pub fn service(&self) -> &ServiceName {
        &self.plan.spec.name
    }
    fn is_through(&self) -> bool {
        matches!(self.state, MemberState::Promoted | MemberState::Unchanged)
    }
}

/// How a release ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseOutcome {
    Promoted,
    RolledBack,
    Aborted,
}

/// An event that cannot happen to this release: a damaged journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot happen to this release")]
pub struct IllegalReleaseEvent(pub &'static str);

impl Release {
    /// The release that its first event begins.
    pub fn begin(id: RolloutId, at: Timestamp, event: &ReleaseEvent) -> Result<Self, IllegalReleaseEvent> {
        let ReleaseEvent::ReleaseStarted { name, by, reason, members } = event else {
            return Err(IllegalReleaseEvent(event.kind()));
        };
        let member = |plan: &MemberPlan| Member {
            plan: plan.clone(),
            state: MemberState::Waiting,
            rollout: None,
            way_back: None,
        };
        Ok(Self {
            id,
            name: name.clone(),
            by: by.clone(),
            reason: reason.clone(),
            started: at,
            ended: None,
            members: members.iter().map(member).collect(),
            turned: None,
        })
    }

    pub fn is_active(&self) -> bool {
        self.ended.is_none()
    }

    /// `None` while it is under way.
    pub fn outcome(&self) -> Option<ReleaseOutcome> {
        self.ended?;
        Some(match &self.turned {
            None => ReleaseOutcome::Promoted,
            Some(Turned { personal: true, .. }) => ReleaseOutcome::Aborted,
            Some(Turned { personal: false, .. }) => ReleaseOutcome::RolledBack,
        })
    }

    pub fn member(&self, service: &ServiceName) -> Option<&Member> {
        self.members.iter().find(|member| member.service() == service)
    }

    pub fn apply(&mut self, at: Timestamp, event: &ReleaseEvent) -> Result<(), IllegalReleaseEvent> {
        let illegal = IllegalReleaseEvent(event.kind());
        if !self.is_active() {
            return Err(illegal);
        }
        match event {
            ReleaseEvent::ReleaseStarted { .. } => return Err(illegal),
            ReleaseEvent::MemberStarted { service, rollout } => {
                let state = if rollout.is_some() { MemberState::Rolling } else { MemberState::Unchanged };
                let member = self.enter(service, state).ok_or(illegal)?;
                member.rollout = *rollout;
            }
            ReleaseEvent::MemberPromoted { service } => {
                self.enter(service, MemberState::Promoted).ok_or(illegal)?;
            }
            ReleaseEvent::ReleaseTurned { service, because, personal } => {
                let (service, because) = (service.clone(), because.clone());
                self.turned.get_or_insert(Turned { service, because, personal: *personal });
            }
            ReleaseEvent::MemberFailed { service } => {
                self.enter(service, MemberState::Failed).ok_or(illegal)?;
            }
            ReleaseEvent::MemberReturning { service, rollout } => {
                let member = self.enter(service, MemberState::Returning).ok_or(illegal)?;
                member.way_back = Some(*rollout);
            }
            ReleaseEvent::MemberReturned { service } => {
                self.enter(service, MemberState::Returned).ok_or(illegal)?;
            }
            ReleaseEvent::MemberStuck { service, because } => {
                let because = because.clone();
                self.enter(service, MemberState::Stuck { because }).ok_or(illegal)?;
            }
            ReleaseEvent::ReleaseEnded => self.ended = Some(at),
        }
        Ok(())
    }

    fn enter(&mut self, service: &ServiceName, state: MemberState) -> Option<&mut Member> {
        let member = self.members.iter_mut().find(|member| member.service() == service)?;
        member.state = state;
        Some(member)
    }
}

/// What a release does next.
#[derive(Debug, Clone, PartialEq)]
pub enum ReleaseStep {
    Note(ReleaseEvent),
    /// Admit the member's rollout; what comes of it is noted.
    Start(ServiceName),
    /// End the member's running rollout.
    Abort(ServiceName),
    /// Take a member that is through back to what served before.
    Return(ServiceName),
}

/// One step at a time: what was done is seen before the next is decided. Empty while there is something to wait for.
pub fn next_step(release: &Release, services: &BTreeMap<ServiceName, Service>) -> Option<ReleaseStep> {
    if !release.is_active() {
        return None;
    }
    let seen = release.members.iter().find_map(|member| notice(release, member, services));
    seen.map(ReleaseStep::Note)
        .or_else(|| if release.turned.is_some() { go_back(release, services) } else { go_on(release) })
}

/// What a member's rollout has come to.
fn notice(
    release: &Release,
    member: &Member,
    services: &BTreeMap<ServiceName, Service>,
) -> Option<ReleaseEvent> {
    let service = member.service().clone();
    let known = services.get(&service);
    let last = known.and_then(|known| known.rollout.as_ref());
    match member.state {
        MemberState::Rolling => {
            let rollout = last.filter(|rollout| Some(rollout.spec.id) == member.rollout);
            of_rolling(release, service, rollout, known)
        }
        MemberState::Returning => {
            let rollout = last.filter(|rollout| Some(rollout.spec.id) == member.way_back);
            of_returning(member, service, rollout, known)
        }
        MemberState::Waiting
        | MemberState::Unchanged
        | MemberState::Promoted
        | MemberState::Failed
        | MemberState::Returned
        | MemberState::Stuck { .. } => None,
    }
}

fn of_rolling(
    release: &Release,
    service: ServiceName,
    rollout: Option<&Rollout>,
    known: Option<&Service>,
) -> Option<ReleaseEvent> {
    let turned = |because: String, personal: bool| ReleaseEvent::ReleaseTurned {
        service: service.clone(),
        because,
        personal,
    };
    let failed = || ReleaseEvent::MemberFailed { service: service.clone() };
    match rollout.map(|rollout| &rollout.phase) {
        Some(Phase::Succeeded) => Some(ReleaseEvent::MemberPromoted { service }),
        // From the decision on: the others need not wait until its requests have ended.
        Some(Phase::RollingBack { cause } | Phase::RolledBack { cause }) if release.turned.is_none() => {
            Some(turned(cause.sentence(), cause.is_personal()))
        }
        Some(Phase::Rejected { because }) if release.turned.is_none() => Some(turned(because.clone(), false)),
        Some(Phase::Shadowed { .. }) if release.turned.is_none() => {
            Some(turned("it ended with its shadow, as `[shadow] then = \"stop\"` says".to_owned(), false))
        }
        Some(Phase::RolledBack { .. } | Phase::Shadowed { .. } | Phase::Rejected { .. }) => Some(failed()),
        Some(
            Phase::Pending
            | Phase::Preparing
            | Phase::Shadowing { .. }
            | Phase::Progressing { .. }
            | Phase::Promoting
            | Phase::Baking { .. }
            | Phase::RollingBack { .. },
        ) => None,
        // Somebody started another rollout of it: this one has ended, and what serves tells how.
        None => known.map(|_| {
            if release.turned.is_none() {
                turned("another rollout took its place".to_owned(), true)
            } else {
                failed()
            }
        }),
    }
}

fn of_returning(
    member: &Member,
    service: ServiceName,
    rollout: Option<&Rollout>,
    known: Option<&Service>,
) -> Option<ReleaseEvent> {
    let stuck = |cause: &Cause| format!("its way back was ended: {}", cause.sentence());
    match rollout.map(|rollout| &rollout.phase) {
        Some(Phase::Succeeded) => Some(ReleaseEvent::MemberReturned { service }),
        Some(Phase::RolledBack { cause }) => {
            Some(ReleaseEvent::MemberStuck { service, because: stuck(cause) })
        }
        Some(Phase::Shadowed { because } | Phase::Rejected { because }) => {
            Some(ReleaseEvent::MemberStuck { service, because: because.clone() })
        }
        Some(
            Phase::Pending
            | Phase::Preparing
            | Phase::Shadowing { .. }
            | Phase::Progressing { .. }
            | Phase::Promoting
            | Phase::Baking { .. }
            | Phase::RollingBack { .. },
        ) => None,
        None if known.is_some_and(|known| is_back(member, known)) => {
            Some(ReleaseEvent::MemberReturned { service })
        }
        None => {
            Some(ReleaseEvent::MemberStuck { service, because: "another rollout took its place".to_owned() })
        }
    }
}

/// What served before serves again.
pub fn is_back(member: &Member, service: &Service) -> bool {
    let digest = |revision: &Revision| revision.digest.clone();
    service.stable.as_ref().map(digest) == member.plan.from.as_ref().map(digest)
}

fn go_on(release: &Release) -> Option<ReleaseStep> {
    let through = |service: &ServiceName| release.member(service).is_none_or(Member::is_through);
    let ready = release
        .members
        .iter()
        .find(|member| member.state == MemberState::Waiting && member.plan.after.iter().all(through));
    match ready {
        Some(member) => Some(ReleaseStep::Start(member.service().clone())),
        None if release.members.iter().all(Member::is_through) => {
            Some(ReleaseStep::Note(ReleaseEvent::ReleaseEnded))
        }
        None => None,
    }
}

/// Those that are under way first, all at once; then those that are through, one by one from the last to the first.
fn go_back(release: &Release, services: &BTreeMap<ServiceName, Service>) -> Option<ReleaseStep> {
    let active = |member: &&Member| {
        let rollout = services.get(member.service()).and_then(|service| service.active());
        rollout.is_some_and(|rollout| {
            Some(rollout.spec.id) == member.rollout && !matches!(rollout.phase, Phase::RollingBack { .. })
        })
    };
    let state = |wanted: MemberState| move |member: &&Member| member.state == wanted;
    let mut rolling = release.members.iter().filter(state(MemberState::Rolling));
    if let Some(member) = rolling.clone().find(active) {
        return Some(ReleaseStep::Abort(member.service().clone()));
    }
    if rolling.next().is_some() || release.members.iter().any(|member| member.state == MemberState::Returning)
    {
        return None;
    }
    match release.members.iter().rev().find(state(MemberState::Promoted)) {
        Some(member) => Some(ReleaseStep::Return(member.service().clone())),
        None => Some(ReleaseStep::Note(ReleaseEvent::ReleaseEnded)),
    }
}

/// The rollout that brought the member to its new content, if it is the service's last one.
pub fn promoted_by(member: &Member, service: &Service) -> Option<RolloutId> {
    let rollout = service.rollout.as_ref()?;
    let ours = rollout.spec.kind != RolloutKind::Rollback
        && rollout.spec.to.digest == member.plan.revision.digest
        && rollout.phase == Phase::Succeeded;
    ours.then_some(rollout.spec.id)
}
