//! How it ended.

use staunch_rollout::{Cause, Phase};

use super::Course;
use crate::run::{End, Run};

impl Course<'_> {
    fn by_evidence(&self) -> bool {
        matches!(self.cause, Some(Cause::Gate { .. } | Cause::Harm { .. }))
    }

    pub(super) fn result(&self) -> Run {
        let first = self.first.unwrap_or(self.now);
        let secs = |at: i64| (at - first) as f64 / 1e3;
        let end = match self.service.rollout.as_ref().map(|rollout| &rollout.phase) {
            Some(Phase::Succeeded) => End::Promoted,
            Some(Phase::RollingBack { .. } | Phase::RolledBack { .. }) if self.by_evidence() => End::Blamed,
            Some(
                Phase::RollingBack { .. }
                | Phase::Shadowed { .. }
                | Phase::RolledBack { .. }
                | Phase::Rejected { .. },
            ) => End::GaveUp,
            Some(
                Phase::Pending
                | Phase::Preparing
                | Phase::Shadowing { .. }
                | Phase::Progressing { .. }
                | Phase::Promoting
                | Phase::Baking { .. },
            )
            | None => End::Unfinished,
        };
        Run {
            end,
            cause: self.cause.as_ref().map(name),
            at_secs: secs(self.now),
            full_secs: self.full.map(secs),
            excess: self.excess,
            canary_requests: self.canary_requests,
            looks: self.looks,
        }
    }
}

fn name(cause: &Cause) -> String {
    if let Cause::Gate { gate, .. } = cause { gate.clone() } else { cause.code().to_owned() }
}
