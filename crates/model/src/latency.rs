//! One log-linear scale for every latency in the house: 32 buckets per doubling, so a bucket's middle is within
//! 1.6 % of any value in it. Buckets cover 0 µs to 134 s; slower values land in the last.

use serde::{Deserialize, Serialize};

const SUB_BITS: u32 = 5;
const MAX_BITS: u32 = 27;
/// How many buckets the scale has.
pub const LATENCY_BUCKETS: usize = ((MAX_BITS - SUB_BITS + 1) << SUB_BITS) as usize;

/// From here on a number of the scale is no time that was measured: requests that failed are counted in its last bucket,
/// as slower than any.
pub const UNTIMED_MICROS: f64 = ((1u64 << MAX_BITS) - (1 << (MAX_BITS - SUB_BITS - 1))) as f64;

/// The bucket of a latency in microseconds.
#[inline]
pub fn bucket_of_micros(micros: u64) -> u16 {
    let value = if micros >= 1 << MAX_BITS { (1 << MAX_BITS) - 1 } else { micros };
    if value < 1 << SUB_BITS {
        return value as u16;
    }
    let exponent = 63 - value.leading_zeros();
    let shift = exponent - SUB_BITS;
    let sub = (value >> shift) - (1 << SUB_BITS);
    (((shift + 1) << SUB_BITS) as u64 + sub) as u16
}

/// The half-open range of microseconds `[low, high)` that a bucket holds.
pub fn bucket_bounds_micros(bucket: u16) -> (u64, u64) {
    let index = u64::from(bucket);
    if index < 1 << SUB_BITS {
        return (index, index + 1);
    }
    let shift = (index >> SUB_BITS) - 1;
    let low = ((index & ((1 << SUB_BITS) - 1)) + (1 << SUB_BITS)) << shift;
    (low, low + (1 << shift))
}

/// A sparse latency histogram: `(bucket, count)`, ascending by bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Histogram(pub Vec<(u16, u64)>);

impl Histogram {
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }
    pub fn merge(&mut self, other: &Self) {
        let mut at = 0;
        for &(bucket, count) in &other.0 {
            // Both ascend: what comes next is a few steps from here.
            at += self.0[at..].iter().take_while(|entry| entry.0 < bucket).count();
            match self.0.get_mut(at).filter(|entry| entry.0 == bucket) {
                Some(entry) => entry.1 += count,
                None => self.0.insert(at, (bucket, count)),
            }
        }
    }
    /// The latency below which a share `q` (0 to 1) lies, in microseconds; `None` when empty.
    pub fn quantile_micros(&self, q: f64) -> Option<f64> {
        let total = self.count();
        let rank = (q.clamp(0.0, 1.0) * total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        self.0.iter().find_map(|&(bucket, count)| {
            seen += count;
            let (low, high) = bucket_bounds_micros(bucket);
            (seen >= rank).then(|| (low + high) as f64 / 2.0)
        })
    }
    /// As [`Self::quantile_micros`] for people, in milliseconds: `None` also when it is a request that failed.
    pub fn answered_ms(&self, q: f64) -> Option<f64> {
        self.quantile_micros(q).filter(|micros| *micros < UNTIMED_MICROS).map(|micros| micros / 1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_value_lies_in_its_bucket(micros in 0u64..(1 << MAX_BITS)) {
            let (low, high) = bucket_bounds_micros(bucket_of_micros(micros));
            prop_assert!((low..high).contains(&micros));
            prop_assert!(micros < 32 || (high - low) as f64 <= micros as f64 / 31.0);
        }
    }

    #[test]
    fn the_scale_is_bounded_whatever_comes() {
        assert_eq!(usize::from(bucket_of_micros(u64::MAX)), LATENCY_BUCKETS - 1);
        assert_eq!(bucket_of_micros(0), 0);
    }

    #[test]
    fn quantiles_follow_the_ranks() {
        let histogram = Histogram(vec![(10, 90), (20, 9), (30, 1)]);
        assert_eq!(histogram.quantile_micros(0.5), Some(10.5));
        assert_eq!(histogram.quantile_micros(0.95), Some(20.5));
        assert_eq!(histogram.quantile_micros(1.0), Some(30.5));
        assert_eq!(Histogram::default().quantile_micros(0.5), None);
    }

    #[test]
    fn a_failure_has_no_time_to_tell() {
        let last = (LATENCY_BUCKETS - 1) as u16;
        assert_eq!(bucket_bounds_micros(last).0 as f64, UNTIMED_MICROS);
        let histogram = Histogram(vec![(10, 94), (last, 6)]);
        assert_eq!((histogram.answered_ms(0.5), histogram.answered_ms(0.95)), (Some(0.0105), None));
    }
}
