//! Everything that is held against the canary, joined into one number that decides.

use serde::{Deserialize, Serialize};
use staunch_evidence::{Counts, log_average};
use staunch_model::{EvidenceWeights, GateSpec, Metric, SplitGeneration};

use crate::absolute::Absolute;
use crate::errors::Errors;
use crate::gauge::Gauge;
use crate::intake::Arms;
use crate::latency::LatencyTest;
use crate::look::{Look, SplitLook};
use crate::question::Question;
use crate::words;

/// Where a piece of evidence comes from; the index is that of the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Source {
    Errors,
    Latency(usize),
    Absolute(usize),
    Gauge(usize),
    Guard,
}

/// One kind of evidence: what it weighs in the average, and what it says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Part {
    pub(crate) source: Source,
    pub(crate) weight: f64,
    pub(crate) log_e: f64,
}

/// The tests run through the whole rollout: a new split never forgives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Harm {
    /// `ln(1/α)`
    limit: f64,
    weights: EvidenceWeights,
    /// Error rate against stable; there is none without a stable revision.
    errors: Option<Errors>,
    pub(crate) compared: Windows,
    pub(crate) latency: Vec<LatencyTest>,
    pub(crate) absolute: Vec<Absolute>,
    #[serde(default)]
    pub(crate) gauges: Vec<Gauge>,
    pub(crate) guard: Absolute,
    pub(crate) carried: bool,
    /// What is taken off the evidence that an earlier rollout of the same content left behind.
    leash: Vec<(Source, f64)>,
}

impl Harm {
    pub(crate) fn new(question: &Question) -> Self {
        let by_request = !question.sticky;
        Self {
            limit: -libm::log(question.evidence.false_rollback.clamp(1e-12, 0.5)),
            weights: weights(question),
            errors: question.compares.then(|| Errors::new(by_request)),
            compared: Windows::default(),
            latency: Vec::new(),
            absolute: Vec::new(),
            gauges: question.gauges.iter().map(Gauge::new).collect(),
            guard: Absolute::new(question.catastrophic),
            carried: false,
            leash: Vec::new(),
        }
    }

    /// Takes over what was found before, test by test; a test that asked something else starts without a past.
    pub(crate) fn carry(&mut self, earlier: &Self) {
        if let (Some(errors), Some(known)) = (&mut self.errors, &earlier.errors) {
            errors.carry(known);
        }
        self.carried = true;
        self.compared = earlier.compared.clone();
        for test in &mut self.latency {
            if let Some(known) = earlier.latency.iter().find(|known| known.margin == test.margin) {
                *test = known.clone();
            }
        }
        let known = |limit: f64| earlier.absolute.iter().find(|known| known.limit == limit);
        for test in &mut self.absolute {
            if let Some(known) = known(test.limit) {
                *test = known.clone();
            }
        }
        if self.guard.limit == earlier.guard.limit {
            self.guard = earlier.guard.clone();
        }
        self.shorten();
    }

    /// Each part may bring at most its share of half of what decides. Multiplying an e-process by less than 1 keeps
    /// it one.
    fn shorten(&mut self) {
        self.leash.clear();
        let parts = self.parts();
        let total: f64 = parts.iter().map(|part| part.weight).sum();
        let most = self.limit - core::f64::consts::LN_2 - libm::log(parts.len() as f64);
        let surplus = |part: &Part| part.log_e + libm::log(part.weight / total) - most;
        self.leash = parts
            .iter()
            .filter(|part| surplus(part) > 0.0)
            .map(|part| (part.source, surplus(part)))
            .collect();
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

    /// What both sides did in one look: failing clients, group of routes by group of routes.
    pub(crate) fn compare(&mut self, generation: SplitGeneration, split: &SplitLook, look: &Look) {
        if let Some(errors) = &mut self.errors {
            errors.observe(generation, split, look);
        }
    }

    /// A closed bucket's failures, for the windows that people read.
    pub(crate) fn note_compared(&mut self, raw: Arms<Counts>) {
        self.compared.add(raw);
    }

    /// Once a minute.
    pub(crate) fn tick(&mut self) {
        self.latency.iter_mut().for_each(LatencyTest::tick);
        self.absolute.iter_mut().for_each(|test| test.tick(self.limit));
        self.gauges.iter_mut().for_each(Gauge::tick);
        self.guard.tick(self.limit);
        self.compared.tick();
    }

    pub(crate) fn limit(&self) -> f64 {
        self.limit
    }

    /// What each kind of evidence weighs and says.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let weights = &self.weights;
        let mut parts = vec![self.part(Source::Guard, weights.guard, self.guard.blame(self.limit))];
        if let Some(errors) = &self.errors {
            // Sure to be different is not enough: it must be different for the worse in what people can see.
            let worse = self.compared.worst().is_some();
            let log_e = if worse { errors.log_e() } else { f64::NEG_INFINITY };
            parts.push(self.part(Source::Errors, weights.errors, log_e));
        }
        let each = weights.latency / self.latency.len().max(1) as f64;
        let latency = self.latency.iter().enumerate();
        parts.extend(latency.map(|(at, test)| self.part(Source::Latency(at), each, test.log_e_harm())));
        let tests = self.gauges.iter().filter(|gauge| !gauge.is_rule()).count();
        let each = weights.limits / (self.absolute.len() + tests).max(1) as f64;
        let absolute = self.absolute.iter().enumerate();
        parts.extend(absolute.map(|(at, test)| {
            let log_e = test.blame(self.limit);
            self.part(Source::Absolute(at), each, log_e)
        }));
        let gauges = self.gauges.iter().enumerate().filter(|(_, gauge)| !gauge.is_rule());
        parts.extend(gauges.map(|(at, gauge)| self.part(Source::Gauge(at), each, gauge.blame(self.limit))));
        parts
    }

    pub(crate) fn name_of(&self, source: Source) -> String {
        match source {
            Source::Errors => "errors vs stable".to_owned(),
            Source::Latency(at) => {
                format!("latency vs stable + {}", words::exact_percent(self.latency[at].margin))
            }
            Source::Absolute(at) => format!("limit {}", words::exact_percent(self.absolute[at].limit)),
            Source::Gauge(at) => self.gauges[at].spec.name.clone(),
            Source::Guard => "gross failure".to_owned(),
        }
    }

    fn part(&self, source: Source, weight: f64, log_e: f64) -> Part {
        let leash = self.leash.iter().find(|(of, _)| *of == source).map_or(0.0, |(_, surplus)| *surplus);
        Part { source, weight, log_e: log_e - leash }
    }

    /// The average of all evidence: harm is decided when it reaches [`limit`](Self::limit).
    pub(crate) fn log_e(&self) -> f64 {
        let parts: Vec<(f64, f64)> = self.parts().iter().map(|part| (part.weight, part.log_e)).collect();
        log_average(&parts)
    }

    /// What contributes most.
    pub(crate) fn culprit(&self) -> Source {
        let contribution = |part: &Part| libm::log(part.weight) + part.log_e;
        let parts = self.parts();
        let most = parts.iter().max_by(|a, b| contribution(a).total_cmp(&contribution(b)));
        most.map_or(Source::Guard, |part| part.source)
    }

    /// The evidence of one source, blamed on the canary or not.
    pub(crate) fn log_e_of(&self, source: Source) -> f64 {
        let log_e = match source {
            Source::Errors => self.errors.as_ref().map_or(0.0, Errors::log_e),
            Source::Latency(test) => self.latency[test].log_e_harm(),
            Source::Absolute(test) => self.absolute[test].log_e(),
            Source::Gauge(at) => self.gauges[at].log_e_harm(),
            Source::Guard => self.guard.log_e(),
        };
        self.part(source, 1.0, log_e).log_e
    }

    /// The errors against stable, for their bound.
    pub(crate) fn least_ratio(&self) -> Option<f64> {
        let leash = self.part(Source::Errors, 1.0, 0.0).log_e;
        self.errors.as_ref()?.least_ratio(self.limit_of(Source::Errors) - leash)
    }

    /// The least share that an absolute test has shown.
    pub(crate) fn least_share(&self, test: usize) -> Option<f64> {
        let leash = self.part(Source::Absolute(test), 1.0, 0.0).log_e;
        self.absolute[test].least(self.limit_of(Source::Absolute(test)) - leash)
    }

    /// The level at which the evidence of one source decides, with what the other sources say now: when the sum
    /// decides, this source's evidence is at or above it.
    pub(crate) fn limit_of(&self, source: Source) -> f64 {
        let parts = self.parts();
        let total: f64 = parts.iter().map(|part| part.weight).sum();
        let own = parts.iter().find(|part| part.source == source).map_or(total, |part| part.weight);
        let others: f64 = parts
            .iter()
            .filter(|part| part.source != source)
            .map(|part| part.weight * libm::exp(part.log_e.min(self.limit + 1.0)))
            .sum();
        // What the others leave to be shown; never less than half, so that no source decides on nothing of its own.
        let missing = (total * libm::exp(self.limit) - others).max(total * libm::exp(self.limit) / 2.0);
        libm::log(missing / own)
    }
}

/// Errors that no gate asks about are watched with this part of their weight.
const WATCHED: f64 = 0.02;

fn weights(question: &Question) -> EvidenceWeights {
    let weights = question.evidence.weights;
    let asks = |gate: &GateSpec| gate.metric == Metric::ErrorRate;
    let asked = question.gates.is_empty() || question.gates.iter().any(asks);
    EvidenceWeights { errors: weights.errors * if asked { 1.0 } else { WATCHED }, ..weights }
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
