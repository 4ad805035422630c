//! What one report says about a rollout, in the numbers that its judge weighs: small, and the same when read again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use staunch_evidence::Counts;
use staunch_model::{GaugeReading, Histogram, SplitGeneration, Timestamp};

use crate::cohort::CohortLook;
use crate::intake::Arms;
use crate::latency::NO_HEADERS;

/// Everything that decides, for one look. A judge that is shown the same looks says the same, bit for bit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Look {
    pub at: Timestamp,
    /// Some instance is younger than the warm-up: a state of the clock, not of what this look holds. A look that happens
    /// to hold no warming request would else be taken for a whole one, and such looks are chosen by the canary's absence.
    #[serde(default, skip_serializing_if = "is_false")]
    pub young: bool,
    /// The data plane has taken the canary out: the configured share says no longer how requests were assigned.
    #[serde(default, skip_serializing_if = "is_false")]
    pub lapsed: bool,
    /// By split, oldest first.
    pub splits: BTreeMap<SplitGeneration, SplitLook>,
    /// What was read beside the requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gauges: Vec<GaugeReading>,
}

/// What both sides did under one split since the look before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SplitLook {
    /// The canary's share in the assignment, 0 to 1.
    pub share: f64,
    /// Stable's counts are those of twins that were started with the canary: warm-up is on both sides and not apart.
    #[serde(default, skip_serializing_if = "is_false")]
    pub fresh: bool,
    pub canary: ArmLook,
    pub stable: ArmLook,
    /// What instances were given while they warmed up: for the guard against gross failure, for totals and for the
    /// ratio of the assignment, and no part of what is above or of `strata`.
    #[serde(default, skip_serializing_if = "WarmingLook::is_empty")]
    pub warming: WarmingLook,
    /// What was sent by name: no part of anything else here.
    #[serde(default, skip_serializing_if = "CohortLook::is_empty")]
    pub cohort: CohortLook,
    /// Attempts and failing clients by group of routes. Empty: all routes are one group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strata: Vec<Stratum>,
}

/// First attempts of one side.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ArmLook {
    /// Assigned, whether or not they have ended.
    pub assigned: u64,
    /// Ended in a way that says something about the version, and how many of them failed.
    pub attempts: u64,
    pub failed: u64,
    /// Failures, each client counted once a minute.
    pub clients: u64,
    /// Time to response headers; attempts without them are in the last bucket.
    pub latency: Histogram,
}

/// First attempts on warming instances of both sides.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WarmingLook {
    pub canary: ArmLook,
    pub stable: ArmLook,
}

/// A group of routes: what one is used for differs from the other, and so does how often it fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Stratum {
    pub group: u16,
    /// Attempts and failing clients.
    pub canary: (u64, u64),
    pub stable: (u64, u64),
}

impl ArmLook {
    /// Failures are in the last bucket, however fast they failed.
    fn latency_by_client(&self) -> Histogram {
        let mut latency = self.latency.clone();
        if let Some(last) = latency.0.last_mut().filter(|last| last.0 == NO_HEADERS) {
            last.1 = last.1.saturating_sub(self.failed.saturating_sub(self.clients));
        }
        latency
    }
    pub(crate) fn raw(&self) -> Counts {
        Counts::new(self.attempts, self.failed)
    }
    fn distinct(&self) -> Counts {
        Counts::new(self.attempts, self.clients)
    }
}

impl WarmingLook {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
    /// Attempts and failures.
    pub(crate) fn raw(&self) -> Arms<Counts> {
        Arms { canary: self.canary.raw(), stable: self.stable.raw() }
    }
    /// Attempts and failing clients.
    pub(crate) fn distinct(&self) -> Arms<Counts> {
        Arms { canary: self.canary.distinct(), stable: self.stable.distinct() }
    }
    pub(crate) fn latency(&self) -> Arms<&Histogram> {
        Arms { canary: &self.canary.latency, stable: &self.stable.latency }
    }
}

impl SplitLook {
    /// The look was taken while instances warmed up whose requests are set aside.
    pub(crate) fn is_young(&self, look: &Look) -> bool {
        look.young && !self.fresh
    }
    /// What was set aside for the warm-up is missing here, or may be.
    pub(crate) fn is_thinned(&self, look: &Look) -> bool {
        self.is_young(look) || !self.warming.is_empty()
    }
    /// Attempts and failures: what people see, and what a pass must overcome.
    pub(crate) fn raw(&self) -> Arms<Counts> {
        Arms { canary: self.canary.raw(), stable: self.stable.raw() }
    }
    /// Attempts and failing clients: what harm counts.
    pub(crate) fn distinct(&self) -> Arms<Counts> {
        Arms { canary: self.canary.distinct(), stable: self.stable.distinct() }
    }
    /// Requests that were assigned to the canary and to stable, warm-up included.
    pub(crate) fn assigned(&self) -> [u64; 2] {
        let of = |arm: &ArmLook, warming: &ArmLook| arm.assigned.saturating_add(warming.assigned);
        [of(&self.canary, &self.warming.canary), of(&self.stable, &self.warming.stable)]
    }
    pub(crate) fn latency(&self) -> Arms<&Histogram> {
        Arms { canary: &self.canary.latency, stable: &self.stable.latency }
    }
    /// The same with each failing client counted once.
    pub(crate) fn latency_by_client(&self) -> Arms<Histogram> {
        Arms { canary: self.canary.latency_by_client(), stable: self.stable.latency_by_client() }
    }
    /// Attempts and failing clients by group of routes.
    pub(crate) fn by_group(&self) -> impl Iterator<Item = (u16, Arms<Counts>)> {
        let whole = self.strata.is_empty().then(|| (0, self.distinct()));
        whole.into_iter().chain(self.strata.iter().map(|stratum| (stratum.group, stratum.counts())))
    }
}

impl Stratum {
    fn counts(&self) -> Arms<Counts> {
        let counts = |(attempts, clients): (u64, u64)| Counts::new(attempts, clients);
        Arms { canary: counts(self.canary), stable: counts(self.stable) }
    }
}

pub(crate) fn is_false(value: &bool) -> bool {
    !value
}
