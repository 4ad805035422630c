//! What was sent to the canary by name. Nobody knows how else these users differ from the others, so it is compared
//! with nothing and opens no gate; but a limit that holds for everyone holds for them too.

use serde::{Deserialize, Serialize};
use staunch_evidence::Counts;
use staunch_model::{Outcomes, Sample, Weight};

use crate::intake::Arms;
use crate::look::ArmLook;
use crate::verdict::Finding;
use crate::words;

/// Under one split, since the look before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CohortLook {
    /// First attempts that were sent by name, on instances that were warm …
    pub warm: ArmLook,
    /// … and on those that were not.
    pub young: ArmLook,
    /// Requests that a rule fits and that were split by chance all the same.
    pub surplus: u64,
    /// All requests of the service.
    pub all: u64,
}

impl CohortLook {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn note(&mut self, outcomes: &Outcomes) {
        self.all += outcomes.assigned;
        self.surplus += outcomes.surplus;
    }

    pub(crate) fn add(&mut self, sample: &Sample) {
        let arm = if sample.warming { &mut self.young } else { &mut self.warm };
        let failed = sample.outcomes.failed();
        arm.assigned += sample.outcomes.assigned;
        arm.attempts += sample.outcomes.judged();
        arm.failed += failed;
        // One person may be the whole cohort: each of their failures counts.
        arm.clients += failed;
        arm.latency.merge(&sample.latency);
    }

    /// Attempts and failures, warm-up included.
    pub(crate) fn raw(&self) -> Counts {
        self.warm.raw().plus(self.young.raw())
    }
}

/// The canary's side alone.
pub(crate) fn alone(canary: Counts) -> Arms<Counts> {
    Arms { canary, stable: Counts::default() }
}

/// What is kept of a rollout's cohort.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cohort {
    most: Weight,
    counts: Counts,
    assigned: u64,
    surplus: u64,
    all: u64,
}

impl Cohort {
    pub(crate) fn new(most: Weight) -> Self {
        Self { most, counts: Counts::default(), assigned: 0, surplus: 0, all: 0 }
    }

    /// `present`: under the split that is in force; what is older was assigned by other rules, or by none.
    pub(crate) fn take(&mut self, look: &CohortLook, present: bool) {
        self.counts = self.counts.plus(look.raw());
        if present {
            self.assigned += look.warm.assigned + look.young.assigned;
            self.surplus += look.surplus;
            self.all += look.all;
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    pub(crate) fn reading(&self) -> CohortReading {
        let (requests, failed) = (self.counts.attempts(), self.counts.failures());
        let Self { most, assigned, surplus, all, .. } = *self;
        CohortReading { requests, failed, assigned, surplus, all, most }
    }
}

/// What was sent by name since the rollout's first step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CohortReading {
    /// Judged, and how many of them failed; shielded ones too.
    pub requests: u64,
    pub failed: u64,
    /// Sent by name, whether or not they have ended.
    pub assigned: u64,
    /// A rule fits, but more came than may be sent by name.
    pub surplus: u64,
    /// All requests of the service.
    pub all: u64,
    /// The most of all that may be sent by name.
    pub most: Weight,
}

impl CohortReading {
    /// The share of all requests that rules fit, 0 to 1; `None` without requests.
    pub fn share(&self) -> Option<f64> {
        let fit = self.assigned + self.surplus;
        (self.all > 0).then(|| (fit as f64 / self.all as f64).min(1.0))
    }

    /// `345 requests by name, 3 failed; the rules fit 1.2 % of all`
    pub fn sentence(&self) -> String {
        let share = self.share().map(|share| format!("; the rules fit {} of all", words::percent(share)));
        format!("{} requests by name, {} failed{}", self.requests, self.failed, share.unwrap_or_default())
    }

    /// The rules fit more than they may.
    pub fn too_many(&self) -> Option<Finding> {
        let share = self.share().filter(|_| self.surplus > 0)?;
        let because = format!(
            "the rules fit {} of the requests, at most {} are sent by name; {} went by the weight instead",
            words::percent(share),
            self.most,
            self.surplus
        );
        Some(Finding::CohortTooLarge { because })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cohort_within_its_bound_is_no_finding() {
        let mut cohort = Cohort::new(Weight::percent(20.0).unwrap());
        assert_eq!(cohort.reading().share(), None);
        let mut look = CohortLook { all: 200, ..CohortLook::default() };
        look.warm = ArmLook { assigned: 3, attempts: 3, failed: 1, ..ArmLook::default() };
        cohort.take(&look, true);
        assert_eq!(cohort.reading().too_many(), None);
        assert_eq!(cohort.reading().sentence(), "3 requests by name, 1 failed; the rules fit 1.5 % of all");
        cohort.take(&CohortLook { surplus: 197, ..CohortLook::default() }, true);
        let found = cohort.reading().too_many().unwrap().sentence();
        assert!(found.contains("fit 100 % of the requests, at most 20 %"), "{found}");
    }
}
