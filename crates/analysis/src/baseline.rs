//! The fresh baseline: whose counts are compared, and by which share, when twins of stable run beside the canary.

use std::collections::BTreeMap;

use staunch_model::{Sample, SplitGeneration};

use crate::intake::Side;

/// Beside twins, stable's others are no part of the comparison: they have long been warm.
pub(crate) fn is_compared(side: Side, twin: Option<bool>) -> bool {
    match side {
        Side::Canary => true,
        Side::Stable => twin != Some(false),
    }
}

/// The canary's part of the requests that are compared, 0 to 1.
pub(crate) fn share(sample: &Sample) -> f64 {
    let weight = sample.weight.ratio();
    match sample.twin {
        None => weight,
        Some(_) => weight / (weight + sample.weight.of_twins().ratio()).max(f64::MIN_POSITIVE),
    }
}

/// A twin is as young as the canary: both warm up alike, and nothing is left out.
pub(crate) fn is_set_aside(warming: bool, twin: Option<bool>) -> bool {
    warming && twin.is_none()
}

/// Whether the samples of each split were counted beside twins.
#[derive(Debug, Default)]
pub(crate) struct Baselines {
    twins: BTreeMap<SplitGeneration, bool>,
    mixed: bool,
}

impl Baselines {
    pub(crate) fn note(&mut self, sample: &Sample) {
        let twins = sample.twin.is_some();
        self.mixed |= *self.twins.entry(sample.generation).or_insert(twins) != twins;
    }

    /// Some split was counted in both ways: its requests were not assigned by one share.
    pub(crate) fn mixed(&self) -> bool {
        self.mixed
    }
}
