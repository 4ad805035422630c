//! Latencies in microseconds, kept whole: a benchmark's quantiles are read, not estimated.

use std::time::Duration;

#[derive(Default)]
pub(crate) struct Latencies(Vec<u32>);

impl Latencies {
    pub(crate) fn add(&mut self, took: Duration) {
        self.0.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    pub(crate) fn sort(&mut self) {
        self.0.sort_unstable();
    }

    /// Of sorted latencies, the least that is not below the share `q` of all; 0 without any.
    pub(crate) fn quantile(&self, q: f64) -> u32 {
        quantile(&self.0, q).copied().unwrap_or_default()
    }
}

/// The nearest-rank quantile of sorted values.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
pub(crate) fn quantile<T>(sorted: &[T], q: f64) -> Option<&T> {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_the_nearest_rank() {
        let values: Vec<u32> = (1..=100).collect();
        assert_eq!(quantile(&values, 0.5), Some(&50));
        assert_eq!(quantile(&values, 0.99), Some(&99));
        assert_eq!(quantile(&values, 1.0), Some(&100));
        assert_eq!(quantile(&values, 0.0), Some(&1));
        assert_eq!(quantile::<u32>(&[], 0.5), None);
    }
}
