//! Releases: admitting one, and taking each to its end.

use std::sync::Arc;

use staunch_model::{Actor, RolloutId, ServiceName};
use staunch_rollout::{
    Command, Member, MemberPlan, Objection, Release, ReleaseEvent, ReleaseStep, is_back, next_step,
    promoted_by, vet,
};

use crate::PassRequest;
use crate::handle::{Deployed, Refused};
use crate::order::Admission;
use crate::run::Loop;

/// Steps of one release in one turn: each member may be noted, started or ended once.
const STEPS: usize = 64;

/// A release whose members' contents are revisions already.
pub(crate) struct ReleaseAdmission {
    pub(crate) name: ServiceName,
    /// In an order in which they may start: what each runs, what its reports say, and which members it waits for.
    pub(crate) members: Vec<(Admission, Vec<ServiceName>)>,
    pub(crate) by: String,
    pub(crate) reason: String,
}

impl Loop {
    /// Nothing starts unless everything may.
    pub(crate) fn admit_release(&mut self, admission: ReleaseAdmission) -> Result<u64, Refused> {
        let ReleaseAdmission { name, members, by, reason } = admission;
        let busy: Vec<String> = members.iter().filter_map(|(one, _)| self.busy(&one.spec.name)).collect();
        if !busy.is_empty() {
            let (service, message) = (name.to_string(), busy.join("; "));
            return Err(Refused::Conflict { service, message, allowed: vec![] });
        }
        for (one, _) in &members {
            self.budget_opens(&one.spec.name)?;
        }
        let members = self.clear_release(members)?;
        for (one, _) in &members {
            self.platform.declare(&one.spec).map_err(|error| Refused::Platform(error.to_string()))?;
        }
        let id = self.book.next_rollout().map_err(|error| Refused::Journal(error.to_string()))?;
        let members = members.into_iter().map(|(one, after)| {
            let from = self.book.service(&one.spec.name).stable.clone();
            let Admission { spec, revision, checks, .. } = one;
            MemberPlan { from, spec, revision, after, checks }
        });
        let members = members.collect();
        let started = ReleaseEvent::ReleaseStarted { name, by: by.clone(), reason, members };
        self.record_release(id, &Actor::Person(by), &started)?;
        Ok(id.0)
    }

    /// What runs already is not asked again.
    pub(crate) fn objections(&mut self, member: &Admission) -> Vec<Objection> {
        let Admission { spec, revision, checks, .. } = member;
        let service = self.book.service(&spec.name);
        if service.stable.as_ref().is_some_and(|stable| stable.digest == revision.digest) {
            return vec![];
        }
        let asked = spec.confidence.as_ref();
        vet(service, revision, &spec.strategy, checks.clone(), asked).objections(&spec.strategy)
    }

    fn busy(&self, service: &ServiceName) -> Option<String> {
        let active = self.book.services.get(service).and_then(|service| service.active());
        let active = active.map(|rollout| format!("{service} has rollout {} under way", rollout.spec.id));
        active.or_else(|| self.in_release(service))
    }

    /// Why nobody else may deploy the service now.
    pub(crate) fn in_release(&self, service: &ServiceName) -> Option<String> {
        let mut releases = self.book.releases.values();
        let release = releases.find(|release| release.member(service).is_some())?;
        Some(format!("{service} is part of release {} ({}), which is under way", release.id, release.name))
    }

    pub(crate) fn abort_release(&mut self, id: RolloutId, by: String, reason: &str) -> Result<u64, Refused> {
        let Some(release) = self.book.releases.get(&id) else {
            let message = format!("no release {id} is under way");
            return Err(Refused::Conflict { service: "release".to_owned(), message, allowed: vec![] });
        };
        let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        let because = format!("aborted by {by}{why}");
        let turned = ReleaseEvent::ReleaseTurned { service: release.name.clone(), because, personal: true };
        self.record_release(id, &Actor::Person(by), &turned)?;
        Ok(id.0)
    }

    fn record_release(&mut self, id: RolloutId, actor: &Actor, event: &ReleaseEvent) -> Result<(), Refused> {
        let settled = self.book.settle();
        self.tell(settled);
        let now = self.clock.now();
        let entries = self
            .book
            .commit_release(id, now, actor, event)
            .map_err(|error| Refused::Journal(error.to_string()))?;
        self.tell(entries);
        Ok(())
    }

    /// Takes every release as far as it can go now.
    pub(crate) fn drive_releases(&mut self) {
        let ids: Vec<RolloutId> = self.book.releases.keys().copied().collect();
        for id in ids {
            for _ in 0..STEPS {
                let Some(release) = self.book.releases.get(&id).cloned() else { break };
                // What is not recorded is not acted on; going back does not wait for the journal.
                if self.book.is_held(&release.name) && release.turned.is_none() {
                    break;
                }
                let Some(step) = next_step(&release, &self.book.services) else { break };
                // A journal that refuses is asked again in the next turn.
                if self.take_step(&release, step).is_err() {
                    break;
                }
            }
        }
    }

    fn take_step(&mut self, release: &Release, step: ReleaseStep) -> Result<(), Refused> {
        let event = match step {
            ReleaseStep::Note(event) => Some(event),
            ReleaseStep::Start(service) => self.start_member(release, &service)?,
            ReleaseStep::Abort(service) => self.abort_member(release, &service)?,
            ReleaseStep::Return(service) => self.return_member(release, &service)?,
        };
        match event {
            Some(event) => self.record_release(release.id, &Actor::Staunch, &event),
            None => Ok(()),
        }
    }

    fn start_member(
        &mut self,
        release: &Release,
        service: &ServiceName,
    ) -> Result<Option<ReleaseEvent>, Refused> {
        let Some(member) = release.member(service) else { return Ok(None) };
        let admission = Admission {
            spec: member.plan.spec.clone(),
            revision: member.plan.revision.clone(),
            checks: member.plan.checks.clone(),
            by: release.by.clone(),
            reason: Some(reason_of(release)),
            pass: PassRequest::default(),
            plan: None,
            specs: Arc::default(),
            baked: vec![],
            more: vec![],
            emergency: None,
            cleared: true,
        };
        let rollout = match self.admit(admission) {
            Ok(Deployed::Started { rollout, .. } | Deployed::AlreadyRunning { rollout, .. }) => {
                Some(RolloutId(rollout))
            }
            Ok(Deployed::Unchanged { .. } | Deployed::Scaled { .. }) => self.rolled_before(release, member),
            Err(Refused::Journal(error)) => return Err(Refused::Journal(error)),
            Err(refused) => {
                let because = refused.to_string();
                return Ok(Some(ReleaseEvent::ReleaseTurned {
                    service: service.clone(),
                    because,
                    personal: false,
                }));
            }
        };
        Ok(Some(ReleaseEvent::MemberStarted { service: service.clone(), rollout }))
    }

    /// The member's rollout when control ended between its admission and the note of it.
    fn rolled_before(&self, release: &Release, member: &Member) -> Option<RolloutId> {
        let service = self.book.services.get(member.service())?;
        promoted_by(member, service).filter(|rollout| *rollout > release.id)
    }

    fn abort_member(
        &mut self,
        release: &Release,
        service: &ServiceName,
    ) -> Result<Option<ReleaseEvent>, Refused> {
        let active = self.book.services.get(service).and_then(|service| service.active());
        let Some(rollout) = active.cloned() else { return Ok(None) };
        let by = reason_of(release);
        let because = release.turned.as_ref().map(|turned| format!("{} failed", turned.service));
        let events = staunch_rollout::command(&rollout, Command::Abort, &by, &because.unwrap_or_default())
            .unwrap_or_default();
        self.enact(service, &Actor::Staunch, &events)?;
        Ok(None)
    }

    fn return_member(
        &mut self,
        release: &Release,
        service: &ServiceName,
    ) -> Result<Option<ReleaseEvent>, Refused> {
        let Some(member) = release.member(service) else { return Ok(None) };
        let service = service.clone();
        if self.book.services.get(&service).is_some_and(|known| is_back(member, known)) {
            return Ok(Some(ReleaseEvent::MemberReturned { service }));
        }
        let Some(from) = &member.plan.from else {
            let because = "nothing served before it".to_owned();
            return Ok(Some(ReleaseEvent::MemberStuck { service, because }));
        };
        let label = from.label.clone();
        Ok(Some(match self.rollback(&service, Some(&label), &release.by, &reason_of(release)) {
            Ok(Deployed::Started { rollout, .. } | Deployed::AlreadyRunning { rollout, .. }) => {
                ReleaseEvent::MemberReturning { service, rollout: RolloutId(rollout) }
            }
            Ok(Deployed::Unchanged { .. } | Deployed::Scaled { .. }) => {
                ReleaseEvent::MemberReturned { service }
            }
            Err(Refused::Journal(error)) => return Err(Refused::Journal(error)),
            Err(refused) => ReleaseEvent::MemberStuck { service, because: refused.to_string() },
        }))
    }
}

fn reason_of(release: &Release) -> String {
    format!("release {} ({})", release.id, release.name)
}
