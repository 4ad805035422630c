//! Asking the preflight, and taking what people decide beside rollouts: freezes, approvals.

use std::collections::BTreeMap;

use staunch_model::{Actor, Attestation, PolicySpec, ServiceName, ServiceSpec, Timestamp};
use staunch_rollout::{
    Ask, Event, Facts, FindingCode, Freeze, Landscape, Phase, Place, PolicyEvent, Preflight,
    PreflightFinding, Service, Stop, artifact, preflight, stop,
};

use crate::handle::Refused;
use crate::order::{Admission, Decision};
use crate::run::Loop;
use crate::thrift::Frozen;

impl Loop {
    /// All findings about a deploy, as the world is now.
    pub(crate) fn preflight(&self, admission: &Admission) -> Preflight {
        ask(admission, &self.book.services, self.clock.now())
    }

    /// The same with what refuses a deploy before it: the error budget, the checks and the score.
    pub(crate) fn foresee(&mut self, admission: &Admission) -> Preflight {
        let Preflight { mut findings, plan } = self.preflight(admission);
        let policy = &admission.spec.policy;
        let objections = self.objections(admission).into_iter();
        findings.extend(objections.map(|objection| PreflightFinding::of(objection, policy)));
        let stable = self.book.service(&admission.spec.name).stable.as_ref();
        let changes = stable.is_some_and(|stable| stable.digest != admission.revision.digest);
        if changes && !admission.pass.is_asked() {
            findings.extend(self.frozen(&admission.spec.name).map(|frozen| of_budget(&frozen, policy)));
        }
        findings.sort_by_key(|finding| finding.severity);
        Preflight { findings, plan }
    }

    /// Refuses, or gives what is to be recorded before the rollout: an emergency's overrides.
    pub(crate) fn clear(&mut self, admission: &Admission) -> Result<Vec<Event>, Refused> {
        let Preflight { findings, plan } = self.foresee(admission);
        if let Some(seen) = admission.plan.as_ref().filter(|seen| **seen != plan) {
            return Err(other_plan(&admission.spec.name, seen, &plan));
        }
        let emergency = admission.emergency.as_deref();
        let (overridden, findings) = override_some(findings, emergency.is_some());
        match stop(&findings) {
            None => {}
            Some(Stop::Approval) => {
                self.ask_for_approval(admission, &plan)?;
                return Err(refused(&admission.spec.name, Stop::Approval, findings));
            }
            Some(stop) => return Err(refused(&admission.spec.name, stop, findings)),
        }
        let reason = emergency.unwrap_or_default().to_owned();
        let fact = PolicyEvent::Overridden { by: admission.by.clone(), reason, findings: overridden };
        let overrides = matches!(&fact, PolicyEvent::Overridden { findings, .. } if !findings.is_empty());
        Ok(overrides.then_some(Event::Policy { fact }).into_iter().collect())
    }

    /// Asks for all members at once, before the first begins: each meets the new versions of those before it, which have
    /// been promoted by then. What is refused names every member's findings.
    pub(crate) fn clear_release(
        &mut self,
        members: Vec<(Admission, Vec<ServiceName>)>,
    ) -> Result<Vec<(Admission, Vec<ServiceName>)>, Refused> {
        let mut services = self.book.services.clone();
        let (mut ready, mut findings, mut plans) = (vec![], vec![], vec![]);
        for (mut one, after) in members {
            one.revision.label = self.label(&one);
            let stable = services.get(&one.spec.name).and_then(|service| service.stable.as_ref());
            // What runs already is asked nothing.
            if stable.is_none_or(|stable| stable.digest != one.revision.digest) {
                let said = ask(&one, &services, self.clock.now());
                let asks = said.findings.iter().any(|finding| finding.is(FindingCode::ApprovalNeeded));
                plans.extend(asks.then_some((ready.len(), said.plan)));
                let against = |objection| PreflightFinding::of(objection, &one.spec.policy);
                let objections = self.objections(&one).into_iter().map(against);
                let all = said.findings.into_iter().chain(objections);
                findings.extend(all.map(|finding| of_member(&one.spec.name, finding)));
            }
            let name = one.spec.name.clone();
            let fold = services.entry(name.clone()).or_insert_with(|| Service::new(name));
            fold.stable = Some(one.revision.clone());
            ready.push((one, after));
        }
        findings.sort_by_key(|finding| finding.severity);
        let Some(stop) = stop(&findings) else { return Ok(ready) };
        for (at, plan) in plans.into_iter().filter(|_| stop == Stop::Approval) {
            self.ask_for_approval(&ready[at].0, &plan)?;
        }
        let first = ready.first().map(|(one, _)| one.spec.name.clone());
        Err(first.map_or(Refused::Stopping, |first| refused(&first, stop, findings)))
    }

    /// The same plan is asked for once; another one voids what was asked before.
    fn ask_for_approval(&mut self, admission: &Admission, plan: &str) -> Result<(), Refused> {
        let now = self.clock.now();
        let name = &admission.spec.name;
        let asked = self.book.service(name).standing.asking(now).is_some_and(|ask| ask.plan == plan);
        let Some(approvals) = admission.spec.policy.approvals.as_ref().filter(|_| !asked) else {
            return Ok(());
        };
        let ask = Ask {
            plan: plan.to_owned(),
            label: admission.revision.label.clone(),
            digest: admission.revision.digest.clone(),
            by: admission.by.clone(),
            reason: admission.reason.clone().unwrap_or_default(),
            needs: approvals.count,
            from: approvals.from.clone(),
            since: now,
            until: now.plus(approvals.within),
            votes: vec![],
        };
        self.note_policy(name, &admission.by, PolicyEvent::ApprovalAsked { ask })
    }

    fn note_policy(&mut self, name: &ServiceName, by: &str, fact: PolicyEvent) -> Result<(), Refused> {
        self.record(name, &Actor::Person(by.to_owned()), &[Event::Policy { fact }])
    }

    /// A person's word on what is asked. It counts for the very plan that was asked for.
    pub(crate) fn vote(&mut self, admission: &Admission, agrees: bool) -> Result<Ask, Refused> {
        let (name, by) = (&admission.spec.name, &admission.by);
        let conflict =
            |message: String| Refused::Conflict { service: name.to_string(), message, allowed: vec![] };
        let ask = self.book.service(name).standing.asking(self.clock.now()).cloned();
        let ask =
            ask.ok_or_else(|| conflict("nobody asks for approval; `staunch deploy` does".to_owned()))?;
        if let Some(why) = ask.refuses(by) {
            return Err(Refused::NotAllowed { service: name.to_string(), why });
        }
        if let Some(seen) = admission.plan.as_ref().filter(|seen| **seen != ask.plan) {
            return Err(other_plan(name, seen, &ask.plan));
        }
        let plan = self.preflight(admission).plan;
        if plan != ask.plan {
            let message = format!(
                "plan {} of {} is void: the content, its path or the policy has changed since it was asked for. \
                 `staunch deploy` asks anew",
                ask.short(),
                ask.label
            );
            return Err(conflict(message));
        }
        let (by, reason) = (by.clone(), admission.reason.clone().unwrap_or_default());
        let fact = match agrees {
            true => PolicyEvent::Approved { plan, by: by.clone(), reason },
            false => PolicyEvent::Disapproved { plan, by: by.clone(), reason },
        };
        self.note_policy(name, &by, fact)?;
        Ok(self.book.service(name).standing.ask.clone().unwrap_or(ask))
    }

    pub(crate) fn decide_policy(
        &mut self,
        name: &ServiceName,
        decision: Decision,
    ) -> Result<Option<Freeze>, Refused> {
        if !self.watches.contains_key(name) {
            return Err(Refused::UnknownService(name.to_string()));
        }
        let frozen = self.book.service(name).standing.frozen(self.clock.now()).cloned();
        match decision {
            Decision::Freeze { by, reason, until } => {
                let fact = PolicyEvent::Frozen { by: by.clone(), reason, until };
                self.note_policy(name, &by, fact)?;
            }
            Decision::Unfreeze { by, reason } => {
                let message = "it is not frozen".to_owned();
                let conflict = || Refused::Conflict { service: name.to_string(), message, allowed: vec![] };
                frozen.ok_or_else(conflict)?;
                self.note_policy(name, &by, PolicyEvent::Unfrozen { by: by.clone(), reason })?;
            }
        }
        Ok(self.book.service(name).standing.freeze.clone())
    }

    /// Tells the environments that come after this one what has ended its bake here.
    pub(crate) fn attest(&mut self, name: &ServiceName) {
        let Some(watch) = self.watches.get(name) else { return };
        let policy = &watch.spec.policy;
        let rollout = self.book.services.get(name).and_then(|service| service.rollout.as_ref());
        let ended = rollout.filter(|rollout| rollout.phase == Phase::Succeeded);
        let place = policy.environment.as_ref().zip(policy.attestations.as_ref());
        let Some((rollout, (environment, folder))) = ended.zip(place) else { return };
        let word = Attestation {
            environment: environment.clone(),
            service: name.clone(),
            artifact: artifact(&rollout.spec.to),
            digest: rollout.spec.to.digest.clone(),
            version: rollout.spec.to.label.clone(),
            rollout: rollout.spec.id.0,
            at: self.clock.now(),
        };
        // A shared folder may be slow, and the loop does not wait for it.
        let (attestor, folder) = (self.attestor.clone(), folder.clone());
        let written = std::thread::Builder::new().name("staunch-attest".to_owned()).spawn(move || {
            if let Err(why) = attestor.attest(&folder, &word) {
                attestor.complain(&why);
            }
        });
        drop(written);
    }
}

/// What the preflight says when these are all services.
fn ask(admission: &Admission, services: &BTreeMap<ServiceName, Service>, now: Timestamp) -> Preflight {
    let fresh = Service::new(admission.spec.name.clone());
    preflight(&Facts {
        now,
        spec: &admission.spec,
        service: services.get(&admission.spec.name).unwrap_or(&fresh),
        to: &admission.revision,
        by: &admission.by,
        landscape: &Landscape::of(&admission.specs, services),
        baked: &admission.baked,
        more: &admission.more,
    })
}

fn of_budget(frozen: &Frozen, policy: &PolicySpec) -> PreflightFinding {
    let key = "slo".to_owned();
    let line = policy.lines.0.get(&key).copied();
    PreflightFinding::new(FindingCode::BudgetFrozen, Place { key, line }, frozen.to_string())
}

fn of_member(member: &ServiceName, finding: PreflightFinding) -> PreflightFinding {
    PreflightFinding { text: format!("{member}: {}", finding.text), ..finding }
}

pub(crate) fn refused(service: &ServiceName, stop: Stop, findings: Vec<PreflightFinding>) -> Refused {
    Refused::Preflight { service: service.to_string(), stop, findings }
}

/// The caller decided on what is not so any more.
fn other_plan(service: &ServiceName, seen: &str, now: &str) -> Refused {
    let short = |plan: &str| plan.chars().take(12).collect::<String>();
    let message = format!("you looked at plan {}, it is {} now: look again", short(seen), short(now));
    Refused::Conflict { service: service.to_string(), message, allowed: vec![] }
}

/// What an emergency overrides is known by its codes, and refuses nothing any more.
fn override_some(findings: Vec<PreflightFinding>, emergency: bool) -> (Vec<String>, Vec<PreflightFinding>) {
    let (overridden, findings): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|finding| emergency && finding.yields_to_emergency());
    (overridden.into_iter().map(|finding| finding.code).collect(), findings)
}

/// The service of a file that describes several.
pub(crate) fn find(specs: &[ServiceSpec], service: &ServiceName) -> Result<ServiceSpec, Refused> {
    let found = specs.iter().find(|spec| &spec.name == service).cloned();
    found.ok_or_else(|| Refused::UnknownService(service.to_string()))
}
