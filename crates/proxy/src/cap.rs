//! How many requests may be sent by name: rules that catch everybody must not make a canary of everybody.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use staunch_model::Weight;

/// Requests a minute that may be sent by name whatever their share: a person who tries the canary on an idle service
/// shall get it.
const FREE: u64 = 100;
const WINDOW_MICROS: u64 = 60_000_000;

/// What was sent by name, of all that was seen, in the present minute. Shared by all threads: a few requests more or
/// less at a turn of the minute are no matter.
#[derive(Debug)]
pub(crate) struct Cap {
    most_basis_points: u64,
    since: AtomicU64,
    seen: AtomicU64,
    sent: AtomicU64,
}

impl Cap {
    pub(crate) fn new(most: Weight) -> Self {
        let zero = || AtomicU64::new(0);
        Self { most_basis_points: u64::from(most.basis_points()), since: zero(), seen: zero(), sent: zero() }
    }

    /// One request more, whoever it is of.
    pub(crate) fn see(&self, now_micros: u64) {
        let since = self.since.load(Relaxed);
        let over = now_micros.saturating_sub(since) >= WINDOW_MICROS;
        if over && self.since.compare_exchange(since, now_micros, Relaxed, Relaxed).is_ok() {
            self.seen.store(0, Relaxed);
            self.sent.store(0, Relaxed);
        }
        self.seen.fetch_add(1, Relaxed);
    }

    /// Whether it may be sent by name; then it counts as sent.
    pub(crate) fn admits(&self) -> bool {
        let (sent, seen) = (self.sent.load(Relaxed), self.seen.load(Relaxed));
        let room = sent < FREE || sent * 10_000 < self.most_basis_points * seen;
        if room {
            self.sent.fetch_add(1, Relaxed);
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(cap: &Cap, requests: u64, now: u64) -> usize {
        let admitted = |_: &u64| {
            cap.see(now);
            cap.admits()
        };
        (0..requests).filter(admitted).count()
    }

    #[test]
    fn at_most_the_share_of_a_minute_and_always_the_first_hundred() {
        let cap = Cap::new(Weight::percent(20.0).unwrap());
        assert_eq!(sent(&cap, 10_000, WINDOW_MICROS), 2_000);
        assert_eq!(sent(&cap, 10_000, 2 * WINDOW_MICROS), 2_000, "a new minute begins anew");
        assert_eq!(sent(&cap, 100, 3 * WINDOW_MICROS), 100, "a person who tries it");
        assert_eq!(sent(&Cap::new(Weight::FULL), 10_000, 1), 10_000);
    }

    #[test]
    fn a_few_among_many_are_all_sent() {
        let cap = Cap::new(Weight::percent(20.0).unwrap());
        for round in 0..1_000 {
            (0..9).for_each(|_| cap.see(1));
            assert_eq!(sent(&cap, 1, 1), 1, "round {round}");
        }
    }
}
