//! A recording as a series that fits on a screen: buckets that become longer as there are more of them.

use std::collections::BTreeMap;

use staunch_analysis::{ArmLook, Look, Record};
use staunch_model::{Histogram, Timestamp};

use crate::v1::{Sample, SampleArm, SplitAt, Time};

/// More than a chart has pixels for.
pub(crate) const MOST: usize = 600;
const SHORTEST_MS: i64 = 1_000;

pub(crate) struct Series {
    bucket_ms: i64,
    /// By number: when it began, in buckets since the epoch.
    buckets: BTreeMap<i64, Bucket>,
    splits: Vec<SplitAt>,
}

#[derive(Default)]
struct Bucket {
    canary: Side,
    stable: Side,
}

#[derive(Default)]
struct Side {
    requests: u64,
    errors: u64,
    latency: Histogram,
}

impl Default for Series {
    fn default() -> Self {
        Self { bucket_ms: SHORTEST_MS, buckets: BTreeMap::new(), splits: vec![] }
    }
}

impl Series {
    pub(crate) fn hear(&mut self, record: &Record) {
        match record {
            Record::Look(look) => self.look(look),
            Record::Split { at, weight, .. } => {
                let ratio = weight.ratio();
                let same = self.splits.last().is_some_and(|last| last.canary_weight_ratio == ratio);
                if !same && self.splits.len() < MOST {
                    self.splits.push(SplitAt { at: (*at).into(), canary_weight_ratio: ratio });
                }
            }
            Record::Asked(_) | Record::State(_) | Record::Compared { .. } | Record::Said(_) => {}
        }
    }

    fn look(&mut self, look: &Look) {
        let bucket = self.buckets.entry(look.at.0.div_euclid(self.bucket_ms)).or_default();
        for split in look.splits.values() {
            let warming = &split.warming;
            for (side, arms) in [
                (&mut bucket.canary, [&split.canary, &warming.canary]),
                (&mut bucket.stable, [&split.stable, &warming.stable]),
            ] {
                arms.into_iter().for_each(|arm| side.add(arm));
            }
        }
        while self.buckets.len() > MOST {
            self.double();
        }
    }

    fn double(&mut self) {
        self.bucket_ms *= 2;
        for (number, bucket) in std::mem::take(&mut self.buckets) {
            let merged = self.buckets.entry(number.div_euclid(2)).or_default();
            merged.canary.merge(&bucket.canary);
            merged.stable.merge(&bucket.stable);
        }
    }

    /// The buckets' length in milliseconds, those with requests, and the splits.
    pub(crate) fn end(self) -> (u64, Vec<Sample>, Vec<SplitAt>) {
        let Self { bucket_ms, buckets, splits } = self;
        let busy =
            buckets.into_iter().filter(|(_, bucket)| bucket.canary.requests + bucket.stable.requests > 0);
        let sample = |(number, bucket): (i64, Bucket)| Sample {
            at: Time(Timestamp(number * bucket_ms)),
            canary: bucket.canary.sample(),
            stable: bucket.stable.sample(),
        };
        (bucket_ms.unsigned_abs(), busy.map(sample).collect(), splits)
    }
}

impl Side {
    fn add(&mut self, arm: &ArmLook) {
        self.requests += arm.attempts;
        self.errors += arm.failed;
        self.latency.merge(&arm.latency);
    }
    fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.latency.merge(&other.latency);
    }
    fn sample(&self) -> SampleArm {
        let ms = |q| self.latency.answered_ms(q);
        SampleArm {
            requests: self.requests,
            errors: self.errors,
            p50_ms: ms(0.5),
            p95_ms: ms(0.95),
            p99_ms: ms(0.99),
        }
    }
}

#[cfg(test)]
mod tests {
    use staunch_analysis::SplitLook;
    use staunch_model::SplitGeneration;

    use super::*;

    fn look(at: i64) -> Record {
        let arm = |attempts| ArmLook { attempts, failed: 1, ..ArmLook::default() };
        let split = SplitLook { canary: arm(2), stable: arm(8), ..SplitLook::default() };
        let splits = [(SplitGeneration(1), split)].into();
        Record::Look(Look { at: Timestamp(at), splits, ..Look::default() })
    }

    #[test]
    fn a_long_recording_fits_and_nothing_of_it_is_lost() {
        let mut series = Series::default();
        let looks = 20_000;
        for at in 0..looks {
            series.hear(&look(at * 100));
        }
        let (bucket_ms, samples, _) = series.end();
        assert!(samples.len() <= MOST && samples.len() > MOST / 2, "{}", samples.len());
        assert_eq!(bucket_ms, 4_000);
        let sum = |count: fn(&Sample) -> u64| samples.iter().map(count).sum::<u64>();
        assert_eq!(sum(|sample| sample.canary.requests), 2 * looks as u64);
        assert_eq!(sum(|sample| sample.stable.requests), 8 * looks as u64);
        assert_eq!(sum(|sample| sample.stable.errors), looks as u64);
    }

    #[test]
    fn a_short_one_has_a_bucket_a_second() {
        let mut series = Series::default();
        (0..25).for_each(|at| series.hear(&look(at * 100)));
        let (bucket_ms, samples, _) = series.end();
        assert_eq!((bucket_ms, samples.len()), (1_000, 3));
        assert_eq!(samples[0].canary.requests, 20);
    }
}
