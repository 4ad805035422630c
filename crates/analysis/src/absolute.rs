//! A limit on a share, held by the canary, with stable as the witness of what is not the canary's fault.

use serde::{Deserialize, Serialize};
use staunch_evidence::{Counts, OneSample};

use crate::intake::Arms;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Absolute {
    pub(crate) limit: f64,
    harm: Arms<OneSample>,
    pub(crate) counts: Arms<Counts>,
    /// Stable since the last tick: whether it has recovered.
    lately: Counts,
}

impl Absolute {
    /// `limit` as a share, 0 to 1.
    pub(crate) fn new(limit: f64) -> Self {
        let harm = Arms { canary: OneSample::harm(limit), stable: OneSample::harm(limit) };
        Self { limit, harm, counts: Arms::default(), lately: Counts::default() }
    }

    pub(crate) fn observe(&mut self, counts: Arms<Counts>) {
        self.harm.canary.observe(counts.canary);
        self.harm.stable.observe(counts.stable);
        self.counts.add(counts);
        self.lately = self.lately.plus(counts.stable);
    }

    /// Once a minute: fresh mass for late faults, and an end to what a passing outage of both has left behind.
    pub(crate) fn tick(&mut self, harm_limit: f64) {
        let recovered = self.lately.rate().is_some_and(|rate| rate <= self.limit);
        if recovered && self.both_bad(harm_limit) {
            self.forget();
        }
        self.harm.canary.restart();
        self.harm.stable.restart();
        self.lately = Counts::default();
    }

    pub(crate) fn log_e(&self) -> f64 {
        self.harm.canary.log_e()
    }

    /// The share is at least this much; the very test that decides says so at `level`.
    pub(crate) fn least(&self, level: f64) -> Option<f64> {
        self.harm.canary.lower_bound(level)
    }

    /// Neither shown to break the limit nor observed above it.
    pub(crate) fn stable_is_clean(&self, harm_limit: f64) -> bool {
        self.harm.stable.log_e() < harm_limit
            && self.counts.stable.rate().is_none_or(|rate| rate <= self.limit)
    }

    /// Evidence that may be held against the canary: none while stable breaks the limit too.
    pub(crate) fn blame(&self, harm_limit: f64) -> f64 {
        if self.stable_is_clean(harm_limit) { self.log_e() } else { f64::NEG_INFINITY }
    }

    pub(crate) fn both_bad(&self, harm_limit: f64) -> bool {
        self.log_e() >= harm_limit && !self.stable_is_clean(harm_limit)
    }

    /// Throwing away evidence above 1 is conservative.
    fn forget(&mut self) {
        *self = Self::new(self.limit);
    }
}
