//! A service without requests: there is no traffic to move, only capacity. The planner's rule is the same, what is new
//! goes up before what is old goes down, within two bounds: never more processes than `most`, never fewer ready
//! instances than `least`. Going back is the same walk the other way.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use staunch_model::{InstanceId, RevisionDigest, RollingSpec, Timestamp, Weight};

use crate::plan::SAFETY_PATIENCE;
use crate::{
    Action, Desired, DesiredWorkload, ExitRecord, InstanceState, InstanceStatus, Observed, Phase, Plan,
    Replaced, Rollout, Service, SplitWish, smoke,
};

/// How far the number of instances may stray while they are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fleet {
    /// Ready instances that no stop may fall below.
    pub least: u32,
    /// Processes that no start may exceed; those that finish their work count.
    pub most: u32,
    /// The old revision comes back: what is bad does not stay for want of what is good for longer than this.
    back_within: Option<Duration>,
}

impl Fleet {
    pub(crate) fn of(service: &Service, bounds: RollingSpec) -> Self {
        let new = service.active().map_or(service.replicas, |rollout| rollout.spec.replicas);
        let old = if service.stable.is_some() { service.replicas } else { new };
        let back = service.active().is_some_and(|rollout| matches!(rollout.phase, Phase::RollingBack { .. }));
        let start = service.stable.as_ref().map(|stable| stable.run.health.start_timeout);
        Self {
            least: new.min(old).saturating_sub(bounds.max_unavailable),
            most: new.max(old).saturating_add(bounds.max_surge),
            back_within: back.then(|| start.unwrap_or_default().max(SAFETY_PATIENCE)),
        }
    }

    /// `since` is when the present wish was decided.
    pub(crate) fn plan(&self, desired: &Desired, observed: &Observed, since: Timestamp) -> Plan {
        let choice = Choice::of(desired, observed);
        let room = self.most.saturating_sub(processes(observed)) as usize;
        let starts = choice.missing.iter().take(room).map(|(workload, instance)| Action::Start {
            service: desired.service.clone(),
            revision: Box::new(workload.revision.clone()),
            instance: instance.clone(),
        });
        let mut actions: Vec<_> = starts.collect();
        let mut held = choice.missing.len() > room;
        actions.extend(smoke::actions(desired, observed));
        let surplus = choice.surplus(observed);
        let stops = self.stops(desired, observed, &surplus, since);
        held |= stops.len() < surplus.len();
        actions.extend(stops.into_iter().map(|instance| Action::Stop { instance }));
        let waits = || format!("{} of at least {} instances are ready", serving(observed), self.least);
        Plan { actions, waiting_for_capacity: held.then(waits) }
    }

    fn stops(
        &self,
        desired: &Desired,
        observed: &Observed,
        surplus: &[&InstanceStatus],
        since: Timestamp,
    ) -> Vec<InstanceId> {
        let late = self.back_within.is_some_and(|within| observed.at.since(since) >= within);
        let free = late || is_replaced(desired, observed);
        let mut ready = serving(observed);
        let mut stops = vec![];
        for instance in surplus {
            let after = ready - u32::from(instance.serves());
            if free || after >= self.least || gives_nothing(instance, observed.at) {
                ready = after;
                stops.push(instance.id.clone());
            }
        }
        stops
    }
}

/// Which instances stay, and which are missing.
struct Choice<'a> {
    kept: BTreeSet<InstanceId>,
    missing: Vec<(&'a DesiredWorkload, InstanceId)>,
}

impl<'a> Choice<'a> {
    fn of(desired: &'a Desired, observed: &Observed) -> Self {
        let mut choice = Self { kept: BTreeSet::new(), missing: vec![] };
        let gives_way = desired.workloads.len() > 1;
        for (place, workload) in desired.workloads.iter().enumerate() {
            choice.take(desired, workload, observed, gives_way && place == 0);
        }
        choice
    }

    /// Those that serve stay; of these the last numbers of what gives way, so that each new one takes the place of
    /// the old one with its number.
    fn take(
        &mut self,
        desired: &Desired,
        workload: &'a DesiredWorkload,
        observed: &Observed,
        gives_way: bool,
    ) {
        let id = |number| InstanceId::new(&desired.service, &workload.revision.digest, number);
        let known = |id: &InstanceId| observed.instances.iter().find(|instance| &instance.id == id);
        let mut numbers: Vec<u32> = (1..=workload.full).collect();
        if gives_way {
            numbers.reverse();
        }
        numbers.sort_by_key(|number| Reverse(known(&id(*number)).is_some_and(InstanceStatus::serves)));
        let stays = |id: &InstanceId| known(id).is_some_and(|instance| !is_going(instance));
        let wanted = workload.replicas as usize;
        let kept: Vec<_> = numbers.iter().map(|number| id(*number)).filter(stays).take(wanted).collect();
        let free = (1..=workload.full).map(id).filter(|id| known(id).is_none());
        self.missing.extend(free.take(wanted - kept.len()).map(|id| (workload, id)));
        self.kept.extend(kept);
    }

    /// The rest, those that do not serve first, then by number.
    fn surplus<'o>(&self, observed: &'o Observed) -> Vec<&'o InstanceStatus> {
        let rest = observed.instances.iter().filter(|one| !self.kept.contains(&one.id) && !is_going(one));
        let mut rest: Vec<_> = rest.collect();
        rest.sort_by_key(|instance| (instance.serves(), instance.started, instance.id.clone()));
        rest
    }
}

/// The old revision keeps what the new one leaves of the full number.
pub(crate) fn make_room(service: &Service, workloads: &mut [DesiredWorkload]) {
    let Some(rollout) = service.active() else { return };
    let Some([old, new]) = workloads.get_disjoint_mut([0, 1]).ok() else { return };
    old.replicas = old.replicas.min(rollout.spec.replicas.saturating_sub(new.replicas));
}

/// Nobody sends anything, and nobody is told to.
pub(crate) fn no_traffic(service: &Service) -> SplitWish {
    SplitWish { stable: None, canary: None, mirror: None, twins: false, ..service.wish.clone() }
}

fn is_going(instance: &InstanceStatus) -> bool {
    matches!(instance.state, InstanceState::Stopping | InstanceState::Exited)
}

/// Those that have a process, or may have one before anybody looks again.
fn processes(observed: &Observed) -> u32 {
    observed.instances.iter().filter(|instance| instance.state != InstanceState::Exited).count() as u32
}

fn serving(observed: &Observed) -> u32 {
    observed.instances.iter().filter(|instance| instance.serves()).count() as u32
}

/// What grows is there whole: whatever is missing was missing before, and waiting for it would be for ever.
fn is_replaced(desired: &Desired, observed: &Observed) -> bool {
    desired
        .workloads
        .last()
        .is_some_and(|grown| grown.replicas > 0 && observed.ready(&grown.revision.digest) >= grown.replicas)
}

/// No work is done by it. After a restart of control nobody's readiness is known for a moment: an instance that has
/// a process is given time to be heard.
fn gives_nothing(instance: &InstanceStatus, at: Timestamp) -> bool {
    match instance.state {
        InstanceState::BackingOff { .. } | InstanceState::CannotExec { .. } | InstanceState::Exited => true,
        InstanceState::Starting | InstanceState::Running | InstanceState::Stopping => {
            !instance.serves() && at.since(instance.ready_changed) >= SAFETY_PATIENCE
        }
    }
}

/// New instances that the present phase asks for.
fn wanted(rollout: &Rollout) -> Option<u32> {
    let full = rollout.spec.replicas;
    match rollout.phase {
        Phase::Progressing { step, .. } => Some(rollout.steps().get(step)?.weight.of_replicas(full)),
        Phase::Promoting | Phase::Baking { .. } => Some(full),
        Phase::Pending
        | Phase::Preparing
        | Phase::Shadowing { .. }
        | Phase::RollingBack { .. }
        | Phase::Succeeded
        | Phase::Shadowed { .. }
        | Phase::RolledBack { .. }
        | Phase::Rejected { .. } => None,
    }
}

/// Since when as many new instances as the phase asks for are ready, and as many old ones were told to finish.
pub(crate) fn replaced_since(rollout: &Rollout, observed: &Observed) -> Option<Timestamp> {
    let wanted = wanted(rollout)?;
    let new = observed.of(&rollout.spec.to.digest).filter(|instance| instance.serves());
    let mut ready: Vec<Timestamp> = new.map(|instance| instance.ready_changed).collect();
    ready.sort_unstable();
    let last = ready.get((wanted as usize).checked_sub(1)?)?;
    (left(rollout, observed) <= rollout.spec.replicas - wanted).then(|| rollout.entered.max(*last))
}

/// Old instances that nobody has asked to finish.
fn left(rollout: &Rollout, observed: &Observed) -> u32 {
    let old = rollout.spec.from.iter().flat_map(|from| observed.of(&from.digest));
    old.filter(|instance| !is_going(instance)).count() as u32
}

/// New instances that should be ready by now: those that start for the first time have their own time.
pub(crate) fn needed(rollout: &Rollout, observed: &Observed) -> Option<u32> {
    let begins = |instance: &&InstanceStatus| {
        !instance.serves() && instance.exits.is_empty() && instance.ready_changed <= instance.started
    };
    let beginning = observed.of(&rollout.spec.to.digest).filter(begins).count() as u32;
    let known = observed.of(&rollout.spec.to.digest).count() as u32;
    Some(wanted(rollout)?.min(known).saturating_sub(beginning)).filter(|needed| *needed > 0)
}

/// Nothing of the new revision runs any more, and what runs of the old one is ready.
pub(crate) fn is_back(rollout: &Rollout, observed: &Observed) -> bool {
    let gone = observed.of(&rollout.spec.to.digest).next().is_none();
    let mut old = rollout.spec.from.iter().flat_map(|from| observed.of(&from.digest));
    gone && old.all(InstanceStatus::serves)
}

/// A share in instances.
pub(crate) fn replaced(rollout: &Rollout, share: Weight) -> Option<Replaced> {
    let of = rollout.spec.replicas;
    rollout.is_rolling().then(|| Replaced { new: share.of_replicas(of), of })
}

/// How often instances are replaced, as many at a time as the bounds allow; 0 for a service with requests.
fn rounds(rollout: &Rollout, instances: u32) -> u32 {
    let batch = |bounds: RollingSpec| bounds.max_surge.saturating_add(bounds.max_unavailable).max(1);
    rollout.spec.strategy.rolling.map_or(0, |bounds| instances.div_ceil(batch(bounds)))
}

/// The time in which old instances may finish their work while they are replaced.
pub(crate) fn drains(rollout: &Rollout) -> Duration {
    grace(rollout.spec.from.as_ref()).saturating_mul(rounds(rollout, rollout.spec.replicas))
}

/// From the first start to the last readiness before the first step.
pub(crate) fn preparation(rollout: &Rollout) -> Duration {
    let each = rollout.spec.strategy.prepare_deadline;
    if !rollout.is_rolling() {
        return each;
    }
    let rounds = rounds(rollout, rollout.first_needed()).max(1);
    (each + grace(rollout.spec.from.as_ref())).saturating_mul(rounds)
}

/// The longest that the way back may take.
pub(crate) fn way_back(rollout: &Rollout) -> Duration {
    let start = rollout.spec.from.as_ref().map(|from| from.run.health.start_timeout).unwrap_or_default();
    let each = start.max(SAFETY_PATIENCE) + grace(Some(&rollout.spec.to));
    each.saturating_mul(rounds(rollout, rollout.spec.replicas).max(1))
}

fn grace(revision: Option<&staunch_model::Revision>) -> Duration {
    revision.map(|revision| revision.run.stop.grace).unwrap_or_default()
}

/// A worker that ends well has done what it was there for: it is started again, and nothing is held against it.
pub(crate) fn is_its_own_end(rollout: &Rollout, exit: &ExitRecord) -> bool {
    rollout.is_rolling() && exit.status == "exit status 0"
}

/// How far the replacement is.
pub(crate) fn words(rollout: &Rollout, observed: &Observed) -> String {
    let to = &rollout.spec.to;
    let wanted = wanted(rollout).unwrap_or_else(|| rollout.first_needed());
    let ready = observed.ready(&to.digest).min(wanted);
    let late = observed.of(&to.digest).find(|one| !one.serves()).and_then(|one| one.probe.clone());
    let late = late.map(|probe| format!(": {probe}")).unwrap_or_default();
    format!(
        "{ready} of {wanted} new instances of {} are ready{late}{}",
        to.label,
        finishing(rollout, observed)
    )
}

fn finishing(rollout: &Rollout, observed: &Observed) -> String {
    let Some(from) = &rollout.spec.from else { return String::new() };
    let stopping = observed.of(&from.digest).filter(|instance| is_going(instance)).count();
    if stopping == 0 { String::new() } else { format!("; {stopping} of {} finish their work", from.label) }
}

/// How far the way back is.
pub(crate) fn back_words(rollout: &Rollout, observed: &Observed) -> String {
    let runs = |of: &RevisionDigest| observed.of(of).count();
    let new = format!("{} of {} still run", runs(&rollout.spec.to.digest), rollout.spec.to.label);
    rollout.spec.from.as_ref().map_or(new.clone(), |from| {
        format!("{} instances of {} are ready, {new}", observed.ready(&from.digest), from.label)
    })
}
