//! Everything that is held against the canary, joined into one number that decides.

use serde::{Deserialize, Serialize};
use staunch_evidence::{Counts, RateRatio, log_average};

use crate::absolute::Absolute;
use crate::intake::Arms;
use crate::latency::LatencyTest;

/// What each kind of evidence weighs in the average.
const ERRORS: f64 = 0.50;
const LATENCY: f64 = 0.25;
const ABSOLUTE: f64 = 0.15;
const GUARD: f64 = 0.10;

/// Where a piece of evidence comes from; the index is that of the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Errors,
    Latency(usize),
    Absolute(usize),
    Guard,
}

/// The tests run through the whole rollout: a new split never forgives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Harm {
    /// `ln(1/α)`
    limit: f64,
    /// Error rate against stable; there is none without a stable revision.
    errors: Option<RateRatio>,
    pub(crate) compared: Windows,
    pub(crate) latency: Vec<LatencyTest>,
    pub(crate) absolute: Vec<Absolute>,
    pub(crate) guard: Absolute,
}

impl Harm {
    /// `alpha` is the chance of blaming an innocent version; `catastrophic` the share at which everything fails.
    pub(crate) fn new(alpha: f64, catastrophic: f64, has_stable: bool) -> Self {
        Self {
            limit: -libm::log(alpha.clamp(1e-12, 0.5)),
            errors: has_stable.then(|| RateRatio::with_restarts(1.0)),
            compared: Windows::default(),
            latency: Vec::new(),
            absolute: Vec::new(),
            guard: Absolute::new(catastrophic),
        }
    }

    /// The index of the rank test with this margin; gates share it.
    pub(crate) fn latency_test(&mut self, margin: f64) -> usize {
        let known = self.latency.iter().position(|test| test.margin == margin);
        known.unwrap_or_else(|| {
            self.latency.push(LatencyTest::new(margin));
            self.latency.len() - 1
        })
    }

    pub(crate) fn absolute_test(&mut self, limit: f64) -> usize {
        self.absolute.push(Absolute::new(limit));
        self.absolute.len() - 1
    }

    /// A closed bucket: failing clients for the test, failures for the windows that people read.
    pub(crate) fn compare(&mut self, distinct: Arms<Counts>, raw: Arms<Counts>) {
        if let Some(errors) = &mut self.errors {
            errors.observe(distinct.canary, distinct.stable);
        }
        self.compared.add(raw);
    }

    /// Once a minute.
    pub(crate) fn tick(&mut self) {
        if let Some(errors) = &mut self.errors {
            errors.restart();
        }
        self.latency.iter_mut().for_each(LatencyTest::tick);
        self.absolute.iter_mut().for_each(|test| test.tick(self.limit));
        self.guard.tick(self.limit);
        self.compared.tick();
    }

    pub(crate) fn limit(&self) -> f64 {
        self.limit
    }

    pub(crate) fn log_e_errors(&self) -> f64 {
        self.errors.as_ref().map_or(0.0, RateRatio::log_e)
    }

    /// The average of all evidence: harm is decided when it reaches [`limit`](Self::limit).
    pub(crate) fn log_e(&self) -> f64 {
        let parts: Vec<(f64, f64)> = self.parts().iter().map(|part| (part.1, part.2)).collect();
        log_average(&parts)
    }

    /// What contributes most.
    pub(crate) fn culprit(&self) -> Source {
        let contribution = |part: &(Source, f64, f64)| libm::log(part.1) + part.2;
        let parts = self.parts();
        let most = parts.iter().max_by(|a, b| contribution(a).total_cmp(&contribution(b)));
        most.map_or(Source::Guard, |part| part.0)
    }

    /// The level at which the evidence of one source decides alone.
    pub(crate) fn limit_of(&self, source: Source) -> f64 {
        let parts = self.parts();
        let total: f64 = parts.iter().map(|part| part.1).sum();
        let own = parts.iter().find(|part| part.0 == source).map_or(total, |part| part.1);
        self.limit + libm::log(total / own)
    }

    /// Source, weight and evidence; a kind's weight is shared by its tests.
    fn parts(&self) -> Vec<(Source, f64, f64)> {
        let mut parts = vec![(Source::Guard, GUARD, self.guard.blame(self.limit))];
        if let Some(errors) = &self.errors {
            // Sure to be different is not enough: it must be different for the worse in what people can see.
            let worse = self.compared.worst().is_some();
            parts.push((Source::Errors, ERRORS, if worse { errors.log_e() } else { f64::NEG_INFINITY }));
        }
        let each = LATENCY / self.latency.len().max(1) as f64;
        let latency = self.latency.iter().enumerate();
        parts.extend(latency.map(|(at, test)| (Source::Latency(at), each, test.log_e_harm())));
        let each = ABSOLUTE / self.absolute.len().max(1) as f64;
        let absolute = self.absolute.iter().enumerate();
        parts.extend(absolute.map(|(at, test)| (Source::Absolute(at), each, test.blame(self.limit))));
        parts
    }
}

/// Compared attempts and failures: of the whole rollout, and of the last one to two minutes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Windows {
    pub(crate) whole: Arms<Counts>,
    recent: [Arms<Counts>; 2],
}

impl Windows {
    fn add(&mut self, counts: Arms<Counts>) {
        self.whole.add(counts);
        self.recent[1].add(counts);
    }

    fn tick(&mut self) {
        self.recent = [self.recent[1], Arms::default()];
    }

    /// The window in which the canary looks worse than stable, and whether it is the recent one; `None` when it
    /// looks worse in neither. A fault that began late shows in the recent window: the whole would dilute it.
    pub(crate) fn worst(&self) -> Option<(Arms<Counts>, bool)> {
        let mut recent = self.recent[0];
        recent.add(self.recent[1]);
        let (lately, always) = (recent.canary.rate().unwrap_or(0.0), self.whole.canary.rate().unwrap_or(0.0));
        let late = recent.canary.failures() >= 3 && lately >= 2.0 * always;
        let order =
            if late { [(recent, true), (self.whole, false)] } else { [(self.whole, false), (recent, true)] };
        order.into_iter().find(|(window, _)| excess(*window) > 0.0)
    }
}

fn excess(window: Arms<Counts>) -> f64 {
    window.canary.rate().unwrap_or(0.0) - window.stable.rate().unwrap_or(0.0)
}
