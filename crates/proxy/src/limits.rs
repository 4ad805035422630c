//! Bounds that are the edge's own, with their reasons.

use std::cell::Cell;

/// Retries of requests that an instance may have seen: a fifth of the traffic, so that retries cannot double the load
/// on a revision in trouble, with a floor for services with little traffic and a cap on what calm times save up.
/// Requests that no instance saw, and the shield's answers from stable, need no budget: the first put no load on
/// anyone, and the share of the second is bounded by the canary's weight.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    tokens: Cell<f64>,
    filled_micros: Cell<u64>,
}

const PER_REQUEST: f64 = 0.2;
const PER_SECOND: f64 = 10.0;
const CAP: f64 = 100.0;

impl RetryBudget {
    pub(crate) fn new(now_micros: u64) -> Self {
        Self { tokens: Cell::new(PER_SECOND), filled_micros: Cell::new(now_micros) }
    }
    #[inline]
    pub(crate) fn earn(&self) {
        self.tokens.set((self.tokens.get() + PER_REQUEST).min(CAP));
    }
    pub(crate) fn spend(&self, now_micros: u64) -> bool {
        let since = now_micros.saturating_sub(self.filled_micros.replace(now_micros));
        let tokens = (self.tokens.get() + since as f64 / 1e6 * PER_SECOND).min(CAP);
        let allowed = tokens >= 1.0;
        self.tokens.set(if allowed { tokens - 1.0 } else { tokens });
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_stay_a_fifth_of_the_traffic() {
        let budget = RetryBudget::new(0);
        let allowed = (0..10_000).filter(|_| {
            budget.earn();
            budget.spend(0)
        });
        assert_eq!(allowed.count(), 2_009);
        assert!(!budget.spend(0));
        assert!(budget.spend(1_000_000));
    }
}
