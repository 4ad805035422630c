//! Patience with wrong tokens and links: ten in a minute from one address, then none is looked at for the rest of it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(60);
const TRIES: u32 = 10;
/// Addresses that are remembered; an attacker with more of them forgets its own oldest failures.
const MOST: usize = 1_024;

#[derive(Debug, Default)]
pub(super) struct Throttle(BTreeMap<IpAddr, Failures>);

#[derive(Debug)]
struct Failures {
    since: Instant,
    count: u32,
}

impl Throttle {
    pub(super) fn note(&mut self, source: IpAddr, now: Instant) {
        self.0.retain(|_, failures| now.duration_since(failures.since) < WINDOW);
        if self.0.len() >= MOST && !self.0.contains_key(&source) {
            let oldest = self.0.iter().min_by_key(|(_, failures)| failures.since).map(|(ip, _)| *ip);
            oldest.map(|ip| self.0.remove(&ip));
        }
        self.0.entry(source).or_insert(Failures { since: now, count: 0 }).count += 1;
    }

    /// Whole seconds until the window ends.
    pub(super) fn shut_out(&self, source: IpAddr, now: Instant) -> Option<u64> {
        let failures = self.0.get(&source).filter(|failures| failures.count >= TRIES)?;
        let left = WINDOW.checked_sub(now.duration_since(failures.since))?;
        Some(left.as_secs() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_failures_shut_one_address_out_for_the_rest_of_a_minute() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let (bad, good) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        for _ in 0..TRIES - 1 {
            throttle.note(bad, now);
        }
        assert_eq!(throttle.shut_out(bad, now), None);
        throttle.note(bad, now);
        assert!(throttle.shut_out(bad, now).is_some_and(|seconds| (60..=61).contains(&seconds)));
        assert_eq!(throttle.shut_out(good, now), None);
        assert_eq!(throttle.shut_out(bad, now + WINDOW + Duration::from_secs(1)), None);
    }

    #[test]
    fn memory_is_bounded_whoever_tries() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for number in 0..5_000_u32 {
            throttle.note(IpAddr::from(number.to_be_bytes()), now);
        }
        assert_eq!(throttle.0.len(), MOST);
    }
}
