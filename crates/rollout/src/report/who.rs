//! Those who got the new revision by name, for people.

use staunch_model::SplitGeneration;

use super::{Recorded, Report};
use crate::{Event, Rollout};

impl Report {
    /// The rules, and what came of them.
    pub(super) fn who_lines(&self) -> Vec<String> {
        if self.who.is_empty() {
            return vec![];
        }
        let cohort = self.judgement.as_ref().and_then(|judgement| judgement.cohort);
        let mut lines = vec![self.who.join(", ")];
        lines.extend(cohort.map(|cohort| cohort.sentence()));
        lines.extend(cohort.and_then(|cohort| cohort.too_many()).map(|finding| finding.sentence()));
        lines
    }
}

/// A shift that gives the new revision to names alone, in words.
pub(super) fn shift(event: &Event) -> Option<String> {
    let Event::TrafficShifted { weight, .. } = event else { return None };
    weight.is_zero().then(|| "traffic: those who get it by name on the new revision".to_owned())
}

/// A split without a weight has users when it belongs to the step of those who are meant by name.
pub(super) fn has_users(rollout: &Rollout, events: &[Recorded], generation: SplitGeneration) -> bool {
    let mut by_name = false;
    for (_, _, event) in events {
        let Some((split, has)) = split_of(event, by_name) else { continue };
        if split > generation {
            break;
        }
        by_name = has;
    }
    by_name && rollout.who().is_some()
}

/// The split that an event begins, and whether it is one for names alone; a lapsed one goes on as it was.
fn split_of(event: &Event, by_name: bool) -> Option<(SplitGeneration, bool)> {
    match event {
        Event::StepEntered { weight, generation, .. } => Some((*generation, weight.is_zero())),
        Event::ExposureLapsed { generation, .. } => Some((*generation, by_name)),
        Event::PromotionStarted { generation, .. }
        | Event::Succeeded { generation }
        | Event::RollbackStarted { generation, .. }
        | Event::ShadowStarted { generation }
        | Event::ShadowEnded { generation, .. } => Some((*generation, false)),
        Event::Admitted { .. }
        | Event::PreparationStarted
        | Event::ShadowPassed { .. }
        | Event::StepPassed { .. }
        | Event::SmokePassed { .. }
        | Event::BakeStarted { .. }
        | Event::Paused { .. }
        | Event::Resumed { .. }
        | Event::RolledBack
        | Event::Rejected { .. }
        | Event::InfraStarted { .. }
        | Event::InfraRan { .. }
        | Event::Vetted { .. }
        | Event::TrafficShifted { .. }
        | Event::GateChanged { .. }
        | Event::FindingRaised { .. }
        | Event::InstanceExited { .. }
        | Event::Scaled { .. }
        | Event::EvidenceCaptured { .. }
        | Event::Policy { .. }
        | Event::Budget { .. } => None,
    }
}
