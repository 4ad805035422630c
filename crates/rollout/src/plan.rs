//! From what is to what should be, in small safe moves.
//!
//! Two rules: capacity goes up before traffic and down after it; traffic moves only as far as the receiver is
//! ready.

use std::time::Duration;

use staunch_model::{InstanceId, RevisionDigest, Timestamp, Weight};

use crate::smoke;
use crate::twins;
use crate::{
    Action, Desired, DesiredWorkload, InstanceState, InstanceStatus, Observed, ObservedSplit, SplitWish,
};

/// How long a safety shift waits for stable to have one ready instance: better an unready stable than users on a
/// version known to be bad, or on none.
pub(crate) const SAFETY_PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    pub actions: Vec<Action>,
    /// A shift that waits for its receiver, in words.
    pub waiting_for_capacity: Option<String>,
}

/// `since` is when the present wish was decided.
pub fn plan(desired: &Desired, observed: &Observed, since: Timestamp) -> Plan {
    if let Some(fleet) = &desired.fleet {
        return fleet.plan(desired, observed, since);
    }
    let mut actions = starts(desired, observed);
    actions.extend(smoke::actions(desired, observed));
    let mut waiting_for_capacity = None;
    if shift_is_due(desired, observed) {
        match receiver_lacks(desired, observed, since) {
            Some(lack) => waiting_for_capacity = Some(lack),
            None => {
                actions.push(Action::Shift { service: desired.service.clone(), wish: desired.wish.clone() })
            }
        }
    }
    actions.extend(stops(desired, observed));
    Plan { actions, waiting_for_capacity }
}

fn starts(desired: &Desired, observed: &Observed) -> Vec<Action> {
    let missing = |workload: &DesiredWorkload| {
        let revision = workload.revision.clone();
        let service = desired.service.clone();
        workload
            .numbers()
            .map(move |number| InstanceId::new(&service, &revision.digest, number))
            .filter(|id| !observed.instances.iter().any(|instance| &instance.id == id))
            .collect::<Vec<_>>()
    };
    desired
        .workloads
        .iter()
        .flat_map(|workload| missing(workload).into_iter().map(move |instance| (workload, instance)))
        .map(|(workload, instance)| Action::Start {
            service: desired.service.clone(),
            revision: Box::new(workload.revision.clone()),
            instance,
        })
        .collect()
}

fn shift_is_due(desired: &Desired, observed: &Observed) -> bool {
    match &observed.split {
        // Nothing was ever routed and nothing shall be: there is nothing to say.
        None => desired.wish.sends(),
        Some(split) => split.wish.generation < desired.wish.generation,
    }
}

/// Says which receiver of more traffic than before is not ready for its share.
fn receiver_lacks(desired: &Desired, observed: &Observed, since: Timestamp) -> Option<String> {
    let before = observed.split.as_ref().map(ObservedSplit::in_effect);
    let receivers =
        [desired.wish.stable.clone(), desired.wish.canary.as_ref().map(|(canary, _)| canary.clone())];
    receivers.into_iter().flatten().find_map(|revision| {
        let share = desired.wish.reach_of(&revision);
        let grows = before.as_ref().is_none_or(|wish| wish.reach_of(&revision) < share);
        let safety = is_safety(desired, before.as_ref(), &revision);
        if !grows || (safety && waited_long(observed, &revision, since)) {
            return None;
        }
        let twins = || twins::lack(desired, observed).filter(|_| desired.wish.sends_canary(&revision));
        lack(desired, observed, &revision, share, safety).or_else(twins)
    })
}

/// Traffic goes to stable because there is nowhere better: the canary is taken out, or what the edges do is unknown.
fn is_safety(desired: &Desired, before: Option<&SplitWish>, receiver: &RevisionDigest) -> bool {
    let to_stable = desired.wish.stable.as_ref() == Some(receiver);
    let taken_out = desired.wish.canary.is_none() && before.is_some_and(|wish| wish.canary.is_some());
    to_stable && (taken_out || before.is_none())
}

/// After a restart the wish may be days old: then the instances' own unreadiness counts, once there are any.
fn waited_long(observed: &Observed, receiver: &RevisionDigest, since: Timestamp) -> bool {
    let since = match &observed.split {
        Some(_) => Some(since),
        None => observed.of(receiver).map(|instance| instance.ready_changed.max(since)).min(),
    };
    since.is_some_and(|since| observed.at.since(since) >= SAFETY_PATIENCE)
}

fn lack(
    desired: &Desired,
    observed: &Observed,
    revision: &RevisionDigest,
    share: Weight,
    safety: bool,
) -> Option<String> {
    let full = desired.workloads.iter().find(|w| &w.revision.digest == revision).map_or(1, |w| w.full);
    let needed = if safety { 1 } else { share.of_replicas(full) };
    let ready = observed.ready(revision);
    (ready < needed).then(|| format!("{ready} of {needed} instances of {} are ready", revision.short()))
}

fn stops(desired: &Desired, observed: &Observed) -> Vec<Action> {
    observed
        .instances
        .iter()
        .filter(|instance| !is_desired(desired, instance))
        .filter(|instance| instance.state != InstanceState::Stopping)
        .filter(|instance| may_go(desired, observed, instance))
        .map(|instance| Action::Stop { instance: instance.id.clone() })
        .collect()
}

fn is_desired(desired: &Desired, instance: &InstanceStatus) -> bool {
    desired.workloads.iter().any(|workload| {
        workload
            .numbers()
            .any(|n| InstanceId::new(&desired.service, &workload.revision.digest, n) == instance.id)
    })
}

/// An instance goes when no edge routes to it any more and its requests have ended, or had their time.
fn may_go(desired: &Desired, observed: &Observed, instance: &InstanceStatus) -> bool {
    let Some(split) = &observed.split else {
        // What the edges do is unknown: nothing goes until the wish has been told, unless it is to route nothing.
        return !desired.wish.sends();
    };
    let settled = split.seen && split.wish.generation >= desired.wish.generation;
    let twin = instance.id.is_twin() && !split.wish.twins;
    let unrouted = !split.wish.sends_to(&instance.revision) || is_surplus(desired, observed, instance, twin);
    let drained = instance.in_flight == 0 || observed.at.since(split.since) >= desired.drain;
    settled && unrouted && drained
}

/// One more than its revision needs, with all the needed ones ready. A twin whose time is over is given requests only
/// when nobody else of its revision can take them.
fn is_surplus(desired: &Desired, observed: &Observed, instance: &InstanceStatus, twin: bool) -> bool {
    let own = desired.workloads.iter().filter(|workload| workload.revision.digest == instance.revision);
    let needed: u32 = own.map(|workload| workload.replicas).sum();
    let kept = observed.of(&instance.revision).filter(|other| is_desired(desired, other) && other.serves());
    needed > 0 && kept.count() as u32 >= if twin { 1 } else { needed }
}

impl Observed {
    /// Instances of a revision that can take requests.
    pub fn ready(&self, revision: &RevisionDigest) -> u32 {
        self.of(revision).filter(|instance| instance.serves()).count() as u32
    }
    pub fn of<'a>(&'a self, revision: &'a RevisionDigest) -> impl Iterator<Item = &'a InstanceStatus> {
        self.instances.iter().filter(move |instance| &instance.revision == revision)
    }
    /// Every edge routes by this generation, or by a later one.
    pub fn routes_by(&self, generation: staunch_model::SplitGeneration) -> bool {
        self.split.as_ref().is_some_and(|split| split.seen && split.wish.generation >= generation)
    }
}
