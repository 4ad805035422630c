//! Limits that are armed from the first user on the new revision to the end of the bake.
//!
//! `Armed → Suspected → Fired → Cooling → Armed`. Beyond a limit without a break for its whole time, seen by looks
//! without a gap: only that fires. What is not known is never "beyond". A warning tells people and cools down; a
//! rollback stays fired.

mod facts;
mod measure;
mod seconds;
mod slice;
mod state;
mod sure;
#[cfg(test)]
mod tests;
mod watched;
mod words;

use std::collections::VecDeque;

pub use facts::{Ended, Facts, Fleet, Usage};
use serde::{Deserialize, Serialize};
pub use state::TriggerState;
use staunch_evidence::Counts;
use staunch_model::{
    EdgeReport, Histogram, RevisionDigest, RolloutSpec, Sample, ServiceName, Timestamp, TriggerCode,
};

use crate::intake::Arms;
use measure::Shown;
use seconds::Seconds;
use watched::Watched;

/// What happens when a limit has been broken for its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// People are told.
    Warn,
    /// The new revision is taken back.
    Rollback,
}

/// A limit was broken for its whole time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firing {
    pub trigger: String,
    /// The code of the rollback it causes.
    pub code: TriggerCode,
    pub means: Means,
    /// One sentence with the numbers.
    pub because: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Means {
    Warning,
    /// A dependency fails for both versions: people are told instead of going back.
    SharedDependency,
    Rollback,
}

/// One limit as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriggerReading {
    pub trigger: String,
    pub grade: Grade,
    /// `above 5 % for 30 s`
    pub limit: String,
    pub state: TriggerState,
    /// What was seen last, in words.
    pub figure: String,
}

/// All triggers of one rollout. A value: no clock, bounded in size, and checkpointed with the evidence. What was
/// suspected when control ended goes on if it is back within three seconds, and begins anew otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Triggers {
    service: ServiceName,
    new: RevisionDigest,
    stable: Option<RevisionDigest>,
    watched: Vec<Watched>,
    seconds: Seconds,
    /// The same without what was sent by name: to be compared.
    #[serde(default)]
    compared: Seconds,
    /// Latencies of the new revision, second by second, those of warming instances left out.
    latencies: VecDeque<(Timestamp, Histogram)>,
    /// Since the last look.
    open: Arms<Counts>,
    /// Of the canary's, sent by name.
    #[serde(default)]
    open_chosen: Counts,
    open_latency: Histogram,
    fired: Option<Firing>,
}

/// Seconds of latencies that are kept for people to see.
const SHOWN_SECONDS: usize = 10;

impl Triggers {
    pub fn new(spec: &RolloutSpec) -> Self {
        Self {
            service: spec.service.clone(),
            new: spec.to.digest.clone(),
            stable: spec.from.as_ref().map(|from| from.digest.clone()),
            watched: spec.triggers.rules.iter().cloned().map(Watched::new).collect(),
            seconds: Seconds::default(),
            compared: Seconds::default(),
            latencies: VecDeque::new(),
            open: Arms::default(),
            open_chosen: Counts::default(),
            open_latency: Histogram::default(),
            fired: None,
        }
    }

    /// Takes in what an edge counted. Every first attempt counts, under whichever split it was assigned.
    pub fn observe(&mut self, report: &EdgeReport) {
        for sample in &report.samples {
            if sample.service != self.service {
                continue;
            }
            let counts = Counts::new(sample.outcomes.judged(), sample.outcomes.failed());
            if sample.revision == self.new {
                self.open.canary = self.open.canary.plus(counts);
                if sample.chosen {
                    self.open_chosen = self.open_chosen.plus(counts);
                }
                self.observe_latency(sample);
            } else if self.stable.as_ref() == Some(&sample.revision) {
                self.open.stable = self.open.stable.plus(counts);
            }
        }
    }

    fn observe_latency(&mut self, sample: &Sample) {
        if !sample.warming && self.watched.iter().any(Watched::asks_latency) {
            self.open_latency.merge(&sample.latency);
        }
    }

    /// Looks at everything once; what fires now is returned, and a rollback among it stays in [`Self::fired`].
    pub fn look(&mut self, facts: &Facts, now: Timestamp) -> Vec<Firing> {
        let (counts, latency) = (std::mem::take(&mut self.open), std::mem::take(&mut self.open_latency));
        let chosen = std::mem::take(&mut self.open_chosen);
        self.seconds.add(counts, now);
        self.compared.add(Arms { canary: without(counts.canary, chosen), ..counts }, now);
        self.keep_latency(&latency, now);
        let recent = self.recent_latency();
        let (seconds, compared) = (&self.seconds, &self.compared);
        let shown = Shown { facts, counts, latency: &latency, recent: &recent, seconds, compared, now };
        let firings: Vec<_> = self.watched.iter_mut().flat_map(|watched| watched.look(&shown)).collect();
        if self.fired.is_none() {
            self.fired = firings.iter().find(|firing| firing.means == Means::Rollback).cloned();
        }
        firings
    }

    /// The rollback that is due.
    pub fn fired(&self) -> Option<&Firing> {
        self.fired.as_ref()
    }

    pub fn readings(&self) -> Vec<TriggerReading> {
        self.watched.iter().flat_map(Watched::readings).collect()
    }

    fn keep_latency(&mut self, latency: &Histogram, now: Timestamp) {
        let second = Timestamp(now.0 - now.0.rem_euclid(1_000));
        if self.latencies.back().is_none_or(|(last, _)| *last < second) {
            self.latencies.push_back((second, Histogram::default()));
        }
        if let Some((_, open)) = self.latencies.back_mut() {
            open.merge(latency);
        }
        while self.latencies.len() > SHOWN_SECONDS {
            self.latencies.pop_front();
        }
    }

    fn recent_latency(&self) -> Histogram {
        self.latencies.iter().fold(Histogram::default(), |mut sum, (_, latency)| {
            sum.merge(latency);
            sum
        })
    }
}

fn without(all: Counts, part: Counts) -> Counts {
    let failures = all.failures().saturating_sub(part.failures());
    Counts::new(all.attempts().saturating_sub(part.attempts()).max(failures), failures)
}
