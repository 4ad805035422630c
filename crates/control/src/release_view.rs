//! Releases as others see and start them.

use serde::{Deserialize, Serialize};
use staunch_model::{ReleaseSpec, RolloutId, ServiceName, Timestamp};
use staunch_ports::{Entry, JournalError};
use staunch_rollout::{Member, MemberState, Release, ReleaseEvent, ReleaseOutcome};

use crate::DeployOptions;
use crate::handle::{Handle, Refused};
use crate::order::Order;
use crate::releases::ReleaseAdmission;

/// A release as its journal entries tell it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReleaseView {
    pub id: u64,
    pub name: String,
    pub by: String,
    pub reason: String,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    /// `None` while it is under way.
    pub outcome: Option<ReleaseOutcome>,
    /// The member that did not make it, and why; the release's own name when a person ended it.
    pub failed: Option<String>,
    pub because: Option<String>,
    /// In an order in which they may start.
    pub members: Vec<MemberView>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemberView {
    pub service: String,
    pub from: Option<String>,
    pub to: String,
    pub after: Vec<String>,
    pub state: MemberState,
    pub rollout: Option<u64>,
    pub way_back: Option<u64>,
}

impl From<&Release> for ReleaseView {
    fn from(release: &Release) -> Self {
        let turned = release.turned.as_ref();
        Self {
            id: release.id.0,
            name: release.name.to_string(),
            by: release.by.clone(),
            reason: release.reason.clone(),
            started: release.started,
            ended: release.ended,
            outcome: release.outcome(),
            failed: turned.map(|turned| turned.service.to_string()),
            because: turned.map(|turned| turned.because.clone()),
            members: release.members.iter().map(MemberView::from).collect(),
        }
    }
}

impl From<&Member> for MemberView {
    fn from(member: &Member) -> Self {
        Self {
            service: member.service().to_string(),
            from: member.plan.from.as_ref().map(|from| from.label.clone()),
            to: member.plan.revision.label.clone(),
            after: member.plan.after.iter().map(ServiceName::to_string).collect(),
            state: member.state.clone(),
            rollout: member.rollout.map(|id| id.0),
            way_back: member.way_back.map(|id| id.0),
        }
    }
}

impl Handle {
    /// Reads the file, makes the content of every member a revision and starts the release: its number. Nothing
    /// starts when one member's content is not there.
    pub async fn release(&self, name: &str, by: &str, reason: &str) -> Result<u64, Refused> {
        let spec = self.release_spec(name)?;
        let (mut members, mut wrong) = (vec![], vec![]);
        for member in spec.members {
            let options = DeployOptions { reason: Some(reason.to_owned()), ..DeployOptions::default() };
            match self.admission(&member.service, by, options).await {
                Ok(admission) => members.push((admission, member.after)),
                Err(error) => wrong.push(format!("{}: {error}", member.service)),
            }
        }
        if !wrong.is_empty() {
            return Err(Refused::Config(wrong.join("\n")));
        }
        let (by, reason) = (by.to_owned(), reason.to_owned());
        let admission = ReleaseAdmission { name: spec.name, members, by, reason };
        self.ask(|reply| Order::Release(Box::new(admission), reply)).await
    }

    fn release_spec(&self, name: &str) -> Result<ReleaseSpec, Refused> {
        let specs = (self.releases)().map_err(Refused::Config)?;
        let names: Vec<String> = specs.iter().map(|spec| spec.name.to_string()).collect();
        let known = match names.as_slice() {
            [] => "[release.NAME] tables describe them".to_owned(),
            names => format!("it has {}", names.join(", ")),
        };
        let found = specs.iter().find(|spec| spec.name.as_str() == name).cloned();
        found.ok_or_else(|| Refused::UnknownRelease { name: name.to_owned(), known })
    }

    /// Takes all of a release back.
    pub async fn abort_release(&self, id: RolloutId, by: &str, reason: &str) -> Result<u64, Refused> {
        let (by, reason) = (by.to_owned(), reason.to_owned());
        self.ask(|reply| Order::AbortRelease { id, by, reason, reply }).await
    }

    /// A release by its number, as the journal tells it.
    pub fn release_view(&self, id: RolloutId) -> Result<Option<ReleaseView>, JournalError> {
        let entries = self.reader().of_rollout(id)?;
        Ok(fold(id, &entries).as_ref().map(ReleaseView::from))
    }
}

/// `None` when the number is not a release's.
fn fold(id: RolloutId, entries: &[Entry]) -> Option<Release> {
    let mut release: Option<Release> = None;
    for entry in entries.iter().filter(|entry| entry.kind.starts_with(ReleaseEvent::PREFIX)) {
        let event: ReleaseEvent = serde_json::from_value(entry.body.clone()).ok()?;
        match &mut release {
            Some(release) => release.apply(entry.at, &event).ok()?,
            None => release = Some(Release::begin(id, entry.at, &event).ok()?),
        }
    }
    release
}
