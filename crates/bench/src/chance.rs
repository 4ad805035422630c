//! Random numbers, seeded anew in each process: nothing here is to be repeated.

use std::cell::Cell;
use std::hash::{BuildHasher as _, RandomState};

pub(crate) struct Chance(Cell<u64>);

impl Chance {
    pub(crate) fn new() -> Self {
        Self(Cell::new(RandomState::new().hash_one(std::process::id())))
    }

    /// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
    pub(crate) fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// True with this probability.
    #[expect(clippy::cast_precision_loss)]
    pub(crate) fn hits(&self, probability: f64) -> bool {
        // 53 bits are what a float holds.
        ((self.next() >> 11) as f64) < probability * (1_u64 << 53) as f64
    }

    /// One of `0..below`, which must not be 0.
    pub(crate) fn below(&self, below: usize) -> usize {
        usize::try_from(self.next() % below as u64).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_hits_as_often_as_asked() {
        let chance = Chance::new();
        let hits = |probability| (0..100_000).filter(|_| chance.hits(probability)).count();
        assert_eq!((hits(0.0), hits(1.0)), (0, 100_000));
        // Ten standard deviations.
        assert!(hits(0.25).abs_diff(25_000) < 1_370);
    }
}
