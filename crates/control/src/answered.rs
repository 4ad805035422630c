//! Requests that were answered well under the present split, for the gate on throughput.

use staunch_model::{EdgeReport, SplitGeneration};
use staunch_rollout::Rollout;

/// With fewer to be expected on the canary, a rate says more of chance than of the version.
const ENOUGH: f64 = 100.0;

/// What was counted since the last reading.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    under: SplitGeneration,
    seconds: f64,
    canary: u64,
    stable: u64,
}

/// Requests per second of both sides, as if all traffic had come to each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rates {
    pub(crate) canary: f64,
    pub(crate) stable: f64,
    /// Seconds times share.
    pub(crate) exposed: (f64, f64),
}

impl Answered {
    /// A report in which the split changed belongs to neither.
    pub(crate) fn note(&mut self, rollout: &Rollout, report: &EdgeReport) {
        let generation = rollout.wish.generation;
        if self.under != generation {
            *self = Self { under: generation, ..Self::default() };
        }
        let own = || report.samples.iter().filter(|sample| sample.service == rollout.spec.service);
        if own().any(|sample| sample.generation != generation) {
            return;
        }
        self.seconds += report.covers.as_secs_f64();
        // Who is chosen by name comes beside the split.
        for sample in own().filter(|sample| !sample.chosen) {
            let is_canary = sample.revision == rollout.spec.to.digest;
            let side = if is_canary { &mut self.canary } else { &mut self.stable };
            *side += sample.outcomes.ok;
        }
    }

    /// What was counted, once that is enough; counting begins anew.
    pub(crate) fn read(&mut self, rollout: &Rollout) -> Option<Rates> {
        let share = rollout.wish.canary_weight();
        let exposed = (self.seconds * share.ratio(), self.seconds * share.complement().ratio());
        let expected = (self.canary + self.stable) as f64 * share.ratio();
        if expected < ENOUGH || exposed.0 <= 0.0 || exposed.1 <= 0.0 {
            return None;
        }
        let rates =
            Rates { canary: self.canary as f64 / exposed.0, stable: self.stable as f64 / exposed.1, exposed };
        *self = Self { under: self.under, ..Self::default() };
        Some(rates)
    }
}
