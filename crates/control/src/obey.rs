//! Carrying out what people ask: admit a rollout, say something to it, go back.

use std::time::Duration;

use staunch_model::{
    Actor, Revision, RevisionDigest, RolloutId, RolloutKind, RolloutSpec, ServiceName, ServiceSpec,
};
use staunch_rollout::{Event, Phase, PreflightFinding, Rollout, Service, Stop, Vetting};

use crate::handle::{Deployed, Refused};
use crate::order::{Admission, Answer, Instruction, Order, Reply};
use crate::policy;
use crate::run::Loop;
use crate::watch::Watch;

/// What goes into the journal with an admission.
struct Given {
    by: String,
    reason: Option<String>,
    vetting: Vetting,
    /// Two people let it pass a freeze of the error budget.
    pass: Option<Event>,
    /// What an emergency overrode, recorded first.
    before: Vec<Event>,
}

impl Loop {
    pub(crate) fn obey(&mut self, order: Order) -> Answer {
        match order {
            Order::Admit(admission, reply) => {
                let name = admission.spec.name.clone();
                let result = match self.in_release(&name) {
                    Some(message) => {
                        Err(Refused::Conflict { service: name.to_string(), message, allowed: vec![] })
                    }
                    None => self.admit(*admission),
                };
                self.answer(&name, reply, result)
            }
            Order::Release(admission, reply) => {
                let name = admission.name.clone();
                let result = self.admit_release(*admission);
                self.answer(&name, reply, result)
            }
            Order::AbortRelease { id, by, reason, reply } => {
                let result = self.abort_release(id, by, &reason);
                // It leads back: nobody waits for the journal.
                Answer { service: None, give: Box::new(move || drop(reply.send(result))) }
            }
            Order::Command(instruction, reply) => {
                let result = self.command(&instruction);
                self.answer(&instruction.service, reply, result)
            }
            Order::Preflight(mut admission, reply) => {
                admission.revision.label = self.label(&admission);
                let said = self.foresee(&admission);
                self.answer(&admission.spec.name, reply, Ok(said))
            }
            Order::Vote { mut admission, agrees, reply } => {
                admission.revision.label = self.label(&admission);
                let result = self.vote(&admission, agrees);
                self.answer(&admission.spec.name, reply, result)
            }
            Order::Policy { service, decision, reply } => {
                let result = self.decide_policy(&service, decision);
                self.answer(&service, reply, result)
            }
            Order::House { event, by, reply } => self.note_house(&event, &by, reply),
            Order::Tell { service, reply } => {
                let known = self.book.services.get(&service).cloned();
                let known = known.ok_or_else(|| Refused::UnknownService(service.to_string()));
                self.answer(&service, reply, known)
            }
            Order::AskBudget { service, by, reason, pass, reply } => {
                let may = self.admitted_by_budget(&service, &pass, &by, reason.as_deref()).map(drop);
                self.answer(&service, reply, may)
            }
            Order::Rollback { service, to, by, reason, reply } => {
                let result = self.rollback(&service, to.as_deref(), &by, &reason);
                self.answer(&service, reply, result)
            }
        }
    }

    /// The service has its turn before the answer is given.
    fn answer<T: Send + 'static>(
        &mut self,
        name: &ServiceName,
        reply: Reply<T>,
        result: Result<T, Refused>,
    ) -> Answer {
        if let Some(watch) = self.watches.get_mut(name) {
            watch.restless = true;
        }
        // Nobody waits any longer: the order stands all the same.
        Answer { service: Some(name.clone()), give: Box::new(move || drop(reply.send(result))) }
    }

    /// What people will call the content.
    pub(crate) fn label(&mut self, admission: &Admission) -> String {
        let service = self.book.service(&admission.spec.name);
        let given = admission.spec.version.clone().map(String::from);
        given.unwrap_or_else(|| service.label_for(&admission.revision.digest))
    }

    pub(crate) fn admit(&mut self, admission: Admission) -> Result<Deployed, Refused> {
        let service = self.book.service(&admission.spec.name).clone();
        if let Some(message) = crate::kinds::changed(&service, &admission.spec) {
            return Err(Refused::Config(message));
        }
        if let Some(active) = service.active() {
            return already(&service.name, active, &admission.revision.digest);
        }
        if service.stable.as_ref().is_some_and(|stable| stable.digest == admission.revision.digest) {
            let label = service.stable.map(|stable| stable.label).unwrap_or_default();
            return self.keep(&admission.spec, label, service.replicas, admission.by);
        }
        // With nothing that serves there is nothing to protect from a change.
        let pass = match &service.stable {
            Some(_) => {
                let Admission { spec, pass, by, reason, .. } = &admission;
                self.admitted_by_budget(&spec.name, pass, by, reason.as_deref())?
            }
            None => None,
        };
        let mut admission = admission;
        admission.revision.label = self.label(&admission);
        let before = if admission.cleared { vec![] } else { self.clear(&admission)? };
        let vetting = vetted(&service, &mut admission)?;
        let Admission { spec, revision, by, reason, .. } = admission;
        self.platform.declare(&spec).map_err(|error| Refused::Platform(error.to_string()))?;
        let id = self.book.next_rollout().map_err(|error| Refused::Journal(error.to_string()))?;
        let from = service.stable.clone();
        let kind = if from.is_some() { RolloutKind::Canary } else { RolloutKind::First };
        let rollout = RolloutSpec { kind, ..rollout_spec(&spec, id, from, revision) };
        let given = Given { by, reason, vetting, pass, before };
        self.begin(&spec, rollout, given)
    }

    /// The content runs already; at most the number of instances is new.
    fn keep(
        &mut self,
        spec: &ServiceSpec,
        revision: String,
        now: u32,
        by: String,
    ) -> Result<Deployed, Refused> {
        if spec.replicas == now {
            return Ok(Deployed::Unchanged { revision });
        }
        let replicas = spec.replicas;
        self.record(&spec.name, &Actor::Person(by.clone()), &[Event::Scaled { replicas, by }])?;
        Ok(Deployed::Scaled { revision, replicas })
    }

    fn begin(
        &mut self,
        spec: &ServiceSpec,
        mut rollout: RolloutSpec,
        given: Given,
    ) -> Result<Deployed, Refused> {
        let Given { by, reason, vetting, pass, before } = given;
        if rollout.kind == RolloutKind::Rollback {
            // It served before, and whoever goes back is in a hurry.
            rollout.strategy.smoke = vec![];
        }
        if rollout.kind != RolloutKind::Canary {
            rollout.strategy.steps = vec![];
            rollout.strategy.bake = Duration::ZERO;
            rollout.gates = vec![];
            rollout.gauges = vec![];
        }
        if let Some(first) = rollout.strategy.steps.first_mut().filter(|_| vetting.asks()) {
            first.pause = true;
        }
        crate::triggers::attribute(&mut rollout.triggers, &self.book.service(&spec.name).dependencies);
        let started = Deployed::Started {
            rollout: rollout.id.0,
            from: rollout.from.as_ref().map(|from| from.label.clone()),
            to: rollout.to.label.clone(),
        };
        let actor = Actor::Person(by.clone());
        let given = spec.policy.given.0.to_vec();
        let admitted = Event::Admitted { spec: Box::new(rollout.clone()), by, reason, given };
        let vetted = (!vetting.is_empty()).then(|| Event::Vetted { vetting: Box::new(vetting) });
        let events: Vec<_> = before.into_iter().chain([admitted]).chain(vetted).chain(pass).collect();
        self.record(&spec.name, &actor, &events)?;
        let old = self.watches.remove(&spec.name);
        let watch = Watch::for_rollout(spec.clone(), &rollout, old, self.clock.now());
        self.watches.insert(spec.name.clone(), watch);
        Ok(started)
    }

    fn command(&mut self, instruction: &Instruction) -> Result<u64, Refused> {
        let name = &instruction.service;
        let unknown = || Refused::UnknownService(name.to_string());
        let service = self.book.services.get(name).ok_or_else(unknown)?;
        let conflict = |message: String, allowed: Vec<String>| Refused::Conflict {
            service: name.to_string(),
            message,
            allowed,
        };
        let rollout = service
            .rollout
            .as_ref()
            .ok_or_else(|| conflict("there is no rollout; `staunch deploy` starts one".to_owned(), vec![]))?;
        expected(rollout, instruction).map_err(|message| conflict(message, vec![]))?;
        let rollout = rollout.clone();
        self.promotable(name, instruction.command)?;
        let rollout = &rollout;
        let events =
            staunch_rollout::command(rollout, instruction.command, &instruction.by, &instruction.reason)
                .map_err(|refusal| conflict(refusal.to_string(), refusal.allowed.clone()))?;
        let id = rollout.spec.id.0;
        self.enact(name, &Actor::Person(instruction.by.clone()), &events)?;
        Ok(id)
    }

    pub(crate) fn rollback(
        &mut self,
        name: &ServiceName,
        to: Option<&str>,
        by: &str,
        reason: &str,
    ) -> Result<Deployed, Refused> {
        let unknown = || Refused::UnknownService(name.to_string());
        let service = self.book.services.get(name).ok_or_else(unknown)?.clone();
        if let Some(active) = service.active() {
            return self.rollback_running(name, active.clone(), to, by, reason);
        }
        let target = goal(&service, to)?;
        let spec = self.watches.get(name).map(|watch| watch.spec.clone()).ok_or_else(unknown)?;
        let id = self.book.next_rollout().map_err(|error| Refused::Journal(error.to_string()))?;
        let rollout = rollout_spec(&spec, id, service.stable.clone(), target);
        let rollout = RolloutSpec { kind: RolloutKind::Rollback, ..rollout };
        let reason = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
        let (by, vetting, before) = (by.to_owned(), Vetting::default(), vec![]);
        let given = Given { by, reason, vetting, pass: None, before };
        self.begin(&spec, rollout, given)
    }

    /// While a rollout runs, going back means ending it; another goal has to wait for that.
    fn rollback_running(
        &mut self,
        name: &ServiceName,
        active: Rollout,
        to: Option<&str>,
        by: &str,
        reason: &str,
    ) -> Result<Deployed, Refused> {
        let from = active.spec.from.as_ref().map(|from| from.label.clone());
        if to.is_some() && to != from.as_deref() {
            return Err(Refused::Conflict {
                service: name.to_string(),
                message: format!(
                    "rollout {} runs; abort it first, then roll back to another revision",
                    active.spec.id
                ),
                allowed: vec!["abort".to_owned()],
            });
        }
        let events = staunch_rollout::command(&active, staunch_rollout::Command::Abort, by, reason).map_err(
            |refusal| Refused::Conflict {
                service: name.to_string(),
                message: refusal.to_string(),
                allowed: refusal.allowed.clone(),
            },
        )?;
        self.enact(name, &Actor::Person(by.to_owned()), &events)?;
        let to = from.unwrap_or_else(|| "nothing".to_owned());
        Ok(Deployed::Started { rollout: active.spec.id.0, from: Some(active.spec.to.label), to })
    }
}

/// What the reports and the score say; a version that they speak against is refused.
fn vetted(service: &Service, admission: &mut Admission) -> Result<Vetting, Refused> {
    let Admission { spec, revision, checks, .. } = admission;
    let (checks, asked) = (std::mem::take(checks), spec.confidence.as_ref());
    let vetting = staunch_rollout::vet(service, revision, &spec.strategy, checks, asked);
    let objections = vetting.objections(&spec.strategy);
    if objections.is_empty() {
        return Ok(vetting);
    }
    let against = |objection| PreflightFinding::of(objection, &spec.policy);
    Err(policy::refused(&spec.name, Stop::Policy, objections.into_iter().map(against).collect()))
}

fn already(name: &ServiceName, active: &Rollout, digest: &RevisionDigest) -> Result<Deployed, Refused> {
    if &active.spec.to.digest == digest {
        return Ok(Deployed::AlreadyRunning { rollout: active.spec.id.0, to: active.spec.to.label.clone() });
    }
    Err(Refused::Conflict {
        service: name.to_string(),
        message: format!(
            "rollout {} to {} is {}; wait for it, abort it, or deploy with --replace",
            active.spec.id,
            active.spec.to.label,
            active.phase.name()
        ),
        allowed: staunch_rollout::allowed(active).iter().map(|c| c.name().to_owned()).collect(),
    })
}

fn expected(rollout: &Rollout, instruction: &Instruction) -> Result<(), String> {
    let expect = &instruction.expect;
    if expect.rollout.is_some_and(|id| id != rollout.spec.id.0) {
        return Err(format!("the present rollout is {}, not the one you looked at", rollout.spec.id));
    }
    let at_step = |step| matches!(rollout.phase, Phase::Progressing { step: now, .. } if now == step);
    if expect.step.is_some_and(|step| !at_step(step)) {
        return Err("the rollout has moved on since you looked".to_owned());
    }
    Ok(())
}

fn goal(service: &Service, to: Option<&str>) -> Result<Revision, Refused> {
    let stable = service.stable.as_ref().map(|stable| stable.digest.clone());
    let found = match to {
        Some(name) => service.find(name).cloned(),
        None => service.previous.last().cloned(),
    };
    let known = || {
        let labels: Vec<_> = service.previous.iter().map(|revision| revision.label.clone()).collect();
        if labels.is_empty() { "none before the present one".to_owned() } else { labels.join(", ") }
    };
    let found = found.ok_or_else(|| Refused::UnknownRevision {
        service: service.name.to_string(),
        name: to.unwrap_or("before").to_owned(),
        known: known(),
    })?;
    if Some(&found.digest) == stable.as_ref() {
        return Err(Refused::Conflict {
            service: service.name.to_string(),
            message: format!("{} is what runs", found.label),
            allowed: vec![],
        });
    }
    Ok(found)
}

fn rollout_spec(spec: &ServiceSpec, id: RolloutId, from: Option<Revision>, to: Revision) -> RolloutSpec {
    RolloutSpec {
        id,
        service: spec.name.clone(),
        kind: RolloutKind::Canary,
        from,
        to,
        replicas: spec.replicas,
        strategy: spec.strategy.clone(),
        gates: spec.gates.clone(),
        gauges: spec.gauges.clone(),
        triggers: spec.triggers.clone(),
        evidence: spec.evidence.clone(),
    }
}
