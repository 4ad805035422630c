//! Stable's distribution so far, and the copy of it that the bets are built on.

/// Bets are not placed before stable has shown its distribution by this many requests.
const ENOUGH: u64 = 100;
/// Beyond this many requests the past is halved, so that the bets follow a drift of the day.
const MEMORY: u64 = 1_000_000;

/// Counts per bin. The copy is made by a rule that sees stable alone, so that the bets are predictable.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Baseline {
    counts: Vec<u32>,
    /// Empty until there is enough.
    frozen: Vec<u32>,
}

impl Baseline {
    pub(super) fn new(bins: usize) -> Self {
        Self { counts: vec![0; bins], frozen: Vec::new() }
    }

    pub(super) fn add(&mut self, stable: &[(u16, u64)]) {
        let Some(last) = self.counts.len().checked_sub(1) else { return };
        for &(bin, count) in stable {
            let known = &mut self.counts[usize::from(bin).min(last)];
            *known = known.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        }
    }

    /// Copies the counts when they have grown by a quarter since the last copy, and says so.
    pub(super) fn refresh(&mut self) -> bool {
        let (known, used) = (total(&self.counts), total(&self.frozen));
        if known < ENOUGH || known < used + used / 4 {
            return false;
        }
        while total(&self.counts) > MEMORY {
            self.counts.iter_mut().for_each(|count| *count /= 2);
        }
        self.frozen.clone_from(&self.counts);
        true
    }

    pub(super) fn frozen(&self) -> Option<&[u32]> {
        (!self.frozen.is_empty()).then_some(&self.frozen)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.counts) + size_of_val(&*self.frozen)
    }
}

fn total(counts: &[u32]) -> u64 {
    counts.iter().map(|&count| u64::from(count)).sum()
}
