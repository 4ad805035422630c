//! The verdict on a shadow: pairs of answers to one request, from the old revision and the new.
//!
//! Three questions, each with an e-process for harm and one for a pass: does the shadow fail where stable does not, is
//! it slower, does it answer differently. Harm is decided on their average, so that asking three questions costs no
//! more false alarms than one; a pass needs all three, so that each may spend the whole of its error.

mod reading;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use staunch_evidence::{Counts, OneSample, PairedFailures, PairedLatency, PairedPass, log_average};
use staunch_model::{
    EdgeReport, MirrorSpec, RevisionDigest, RolloutSpec, ServiceName, ShadowCounts, ShadowExample,
    ShadowSample, ShadowSpec, Timestamp,
};

pub use reading::{ShadowReading, ShadowTest};

/// Examples kept of one rollout, and places of volatile values.
const EXAMPLES: usize = 10;
const VOLATILE: usize = 64;
/// Mass is put on harm that begins late this often, in milliseconds.
const RESTART_EVERY: u128 = 60_000;

/// What is known of one shadow. Bounded in size; checkpoint it after any report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shadow {
    service: ServiceName,
    revision: RevisionDigest,
    spec: ShadowSpec,
    /// Natural logarithms at which harm and a pass are decided.
    harm_limit: f64,
    pass_limit: f64,
    failures: (PairedFailures, PairedPass),
    /// Slower than allowed; and, with the sides exchanged, not slower than allowed.
    latency: (PairedLatency, PairedLatency),
    differences: (OneSample, OneSample),
    counts: ShadowCounts,
    timed: u64,
    slower: u64,
    volatile: BTreeSet<String>,
    examples: Vec<ShadowExample>,
    restarted: Option<Timestamp>,
    /// The first sentence of harm: a verdict is not taken back.
    failed: Option<String>,
}

impl Shadow {
    /// `None` for a rollout without such a stage.
    pub(crate) fn of(rollout: &RolloutSpec) -> Option<Self> {
        let spec = rollout.strategy.shadow.clone()?;
        let limit = |chance: f64| -libm::log(chance);
        let back = 1.0 / (1.0 + spec.max_slower) - 1.0;
        Some(Self {
            service: rollout.service.clone(),
            revision: rollout.to.digest.clone(),
            harm_limit: limit(rollout.evidence.false_rollback),
            pass_limit: limit(rollout.evidence.false_promotion),
            failures: (PairedFailures::default(), PairedPass::new(spec.max_errors)),
            latency: (PairedLatency::new(spec.max_slower), PairedLatency::new(back)),
            differences: (OneSample::harm(spec.max_differences), OneSample::pass(spec.max_differences)),
            counts: ShadowCounts::default(),
            timed: 0,
            slower: 0,
            volatile: BTreeSet::new(),
            examples: vec![],
            restarted: None,
            failed: None,
            spec,
        })
    }

    /// What of a report is about this shadow.
    pub fn samples<'a>(&'a self, report: &'a EdgeReport) -> impl Iterator<Item = &'a ShadowSample> {
        report
            .shadow
            .iter()
            .filter(|sample| sample.service == self.service && sample.revision == self.revision)
    }

    pub(crate) fn take(&mut self, sample: &ShadowSample, at: Timestamp) {
        self.restart(at);
        let counts = &sample.counts;
        self.counts.add(counts);
        self.failures.0.observe(counts.shadow_failed, counts.stable_failed);
        self.failures.1.observe(counts.pairs, counts.shadow_failed, counts.stable_failed);
        for &(shadow, stable) in &sample.timed {
            self.time(micros(shadow), micros(stable));
        }
        let differing = Counts::new(counts.pairs, counts.different);
        self.differences.0.observe(differing);
        self.differences.1.observe(differing);
        self.keep(sample);
        if self.failed.is_none() && self.log_e_harm() >= self.harm_limit {
            self.failed = Some(self.blame());
        }
    }

    fn time(&mut self, shadow: f64, stable: f64) {
        self.latency.0.observe(shadow, stable);
        self.latency.1.observe(stable, shadow);
        self.timed += 1;
        self.slower += u64::from(shadow > (1.0 + self.spec.max_slower) * stable);
    }

    fn keep(&mut self, sample: &ShadowSample) {
        for place in &sample.volatile {
            if self.volatile.len() < VOLATILE {
                self.volatile.insert(place.clone());
            }
        }
        let room = EXAMPLES - self.examples.len().min(EXAMPLES);
        self.examples.extend(sample.examples.iter().take(room).cloned());
    }

    fn restart(&mut self, at: Timestamp) {
        let since = *self.restarted.get_or_insert(at);
        if at.since(since).as_millis() >= RESTART_EVERY {
            self.restarted = Some(at);
            self.differences.0.restart();
        }
    }

    /// Copies can be sent to stable, too: then two answers of stable can be compared, and times are fair.
    fn has_controls(&self) -> bool {
        MirrorSpec::SAFE.iter().any(|safe| self.spec.mirror.methods.contains(*safe))
    }

    fn compares_answers(&self) -> bool {
        self.spec.max_differences < 1.0
    }

    fn log_e_harm(&self) -> f64 {
        let mut parts = vec![(1.0, self.failures.0.log_e()), (1.0, self.latency.0.log_e())];
        if self.compares_answers() {
            parts.push((1.0, self.differences.0.log_e()));
        }
        log_average(&parts)
    }
}

/// A failure is slower than any answer.
fn micros(time: Option<u32>) -> f64 {
    time.map_or(f64::INFINITY, f64::from)
}
