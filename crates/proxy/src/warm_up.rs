//! The warm-up of an instance, told from its age and from how much it was given: never from how anything ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use staunch_model::{Timestamp, WarmUp};

use crate::clock::as_micros;

/// What all threads of an edge know of one instance's warm-up.
#[derive(Debug)]
pub(crate) struct Warmth {
    pub(crate) since: Timestamp,
    age: Duration,
    known_micros: u64,
    /// First attempts that fell into the warm-up, by this edge alone. Where another has given it more, the age is what
    /// ends the warm-up.
    given: AtomicU64,
}

impl Warmth {
    /// The wall clock is read once: setting it later changes no age. An instance of the future has just begun.
    pub(crate) fn new(since: Timestamp, wall: Timestamp, now_micros: u64) -> Self {
        Self { since, age: wall.since(since), known_micros: now_micros, given: AtomicU64::new(0) }
    }

    /// When it is over on the edge's clock, whatever was given.
    fn ends_micros(&self, lasts: Duration) -> u64 {
        self.known_micros.saturating_add(as_micros(lasts.saturating_sub(self.age)))
    }
}

/// One thread's view of it.
#[derive(Debug)]
pub(crate) struct WarmingUp {
    warmth: Arc<Warmth>,
    ends_micros: u64,
    requests: u64,
}

impl WarmingUp {
    pub(crate) fn new(warmth: Arc<Warmth>, warm_up: WarmUp) -> Self {
        Self { ends_micros: warmth.ends_micros(warm_up.lasts), warmth, requests: warm_up.requests }
    }

    #[inline]
    pub(crate) fn is_on(&self, now_micros: u64) -> bool {
        now_micros < self.ends_micros && self.warmth.given.load(Relaxed) < self.requests
    }

    /// A first attempt is given to the instance. Whether it falls into the warm-up.
    #[inline]
    pub(crate) fn takes(&self, now_micros: u64) -> bool {
        // The common counter is written during the warm-up only: afterwards threads share nothing.
        self.is_on(now_micros) && self.warmth.given.fetch_add(1, Relaxed) < self.requests
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    /// An instance that serves since the second 100 of the wall clock, for an edge whose second 7 is this one.
    fn known_at(wall_secs: i64, requests: u64) -> WarmingUp {
        let warmth = Warmth::new(Timestamp(100_000), Timestamp(wall_secs * 1_000), 7 * SECOND);
        WarmingUp::new(Arc::new(warmth), WarmUp { lasts: Duration::from_secs(30), requests })
    }

    #[test]
    fn it_ends_by_age_from_the_moment_at_which_the_instance_began_to_serve() {
        let young = known_at(110, u64::MAX);
        assert!(young.takes(7 * SECOND) && young.takes(27 * SECOND - 1));
        assert!(!young.takes(27 * SECOND));
    }

    #[test]
    fn an_edge_that_has_just_started_makes_no_old_instance_young() {
        assert!(!known_at(130, 300).takes(7 * SECOND));
        assert!(!known_at(i64::MAX / 1_000, 300).takes(7 * SECOND));
    }

    #[test]
    fn a_clock_that_was_set_back_makes_a_warm_up_of_full_length_and_no_longer() {
        let future = known_at(-5, u64::MAX);
        assert!(future.takes(37 * SECOND - 1) && !future.takes(37 * SECOND));
    }

    #[test]
    fn it_ends_by_attempts_and_all_threads_count_together() {
        let one = known_at(100, 3);
        let other = WarmingUp { warmth: Arc::clone(&one.warmth), ..known_at(100, 3) };
        assert_eq!([one.takes(0), other.takes(0), one.takes(0), other.takes(0)], [true, true, true, false]);
        assert!(!one.is_on(0) && !other.is_on(0));
    }

    #[test]
    fn without_a_time_or_without_requests_there_is_none() {
        assert!(!known_at(100, 0).takes(0));
        let warmth = Warmth::new(Timestamp(0), Timestamp(0), 0);
        assert!(!WarmingUp::new(Arc::new(warmth), WarmUp { lasts: Duration::ZERO, requests: 9 }).takes(0));
    }
}
