//! Which requests fail: each by itself, or in bursts of one client.

use crate::chance::Chance;
use crate::draw::{binomial, burst_lengths, poisson};

/// Failed requests of one side, and the clients they belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) requests: u64,
    pub(crate) clients: u64,
}

/// Remembers bursts that go on.
#[derive(Debug, Clone)]
pub(crate) struct Failing {
    /// Failures of one client in a row, on average.
    burst: f64,
    /// Clients stay on their side.
    sticky: bool,
    /// Failures of begun bursts that have found no attempt yet: the canary's and stable's.
    pending: [u64; 2],
}

const CANARY: usize = 0;
const STABLE: usize = 1;

impl Failing {
    pub(crate) fn new(burst: f64, sticky: bool) -> Self {
        Self { burst, sticky, pending: [0; 2] }
    }

    /// Among so many attempts of the canary and of stable, a share `base` fails on both, and a share `own` beside it on
    /// the canary (less, when negative).
    pub(crate) fn fail(
        &mut self,
        chance: &mut Chance,
        attempts: [u64; 2],
        base: f64,
        own: f64,
    ) -> [Failed; 2] {
        let [canary, stable] = attempts;
        if self.burst <= 1.0 {
            return [each(chance, canary, base + own), each(chance, stable, base)];
        }
        if self.sticky {
            let begun = [self.begin(chance, canary, base + own), self.begin(chance, stable, base)];
            return [self.go_on(CANARY, canary, begun[CANARY]), self.go_on(STABLE, stable, begun[STABLE])];
        }
        // A client's requests are split one by one: a burst hits both sides, and each failure counts.
        let shared = self.begin(chance, canary + stable, base + own.min(0.0)).requests;
        let hit = binomial(chance, shared, canary as f64 / (canary + stable).max(1) as f64);
        let more = self.begin(chance, canary, own).requests;
        let alone = |requests: u64| Failed { requests, clients: u64::MAX };
        [self.go_on(CANARY, canary, alone(hit + more)), self.go_on(STABLE, stable, alone(shared - hit))]
    }

    /// Bursts that begin among so many attempts.
    fn begin(&self, chance: &mut Chance, attempts: u64, rate: f64) -> Failed {
        let clients = poisson(chance, attempts as f64 * rate.clamp(0.0, 1.0) / self.burst);
        Failed { requests: burst_lengths(chance, clients, self.burst), clients }
    }

    /// A burst that finds no more attempts goes on in the next look. Its client has been counted when it began: one
    /// that goes on into another minute is counted once where the product would count it twice.
    fn go_on(&mut self, side: usize, attempts: u64, begun: Failed) -> Failed {
        let due = self.pending[side].saturating_add(begun.requests);
        let requests = due.min(attempts);
        self.pending[side] = due - requests;
        Failed { requests, clients: begun.clients.min(requests) }
    }
}

/// Every failure is another client's.
fn each(chance: &mut Chance, attempts: u64, rate: f64) -> Failed {
    let requests = binomial(chance, attempts, rate);
    Failed { requests, clients: requests }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_failure_of_a_burst_is_lost() {
        let mut failing = Failing::new(50.0, true);
        let begun = Failed { requests: 12, clients: 1 };
        assert_eq!(failing.go_on(CANARY, 5, begun), Failed { requests: 5, clients: 1 });
        let nothing = Failed { requests: 0, clients: 0 };
        assert_eq!(failing.go_on(CANARY, 5, nothing), Failed { requests: 5, clients: 0 });
        assert_eq!(failing.go_on(CANARY, 5, nothing), Failed { requests: 2, clients: 0 });
        assert_eq!(failing.go_on(STABLE, 5, nothing), nothing);
    }

    #[test]
    fn hostile_shares_are_cut_to_what_can_be() {
        let mut chance = Chance::new(1, 1);
        for (base, own) in [(1.0, 1.0), (0.0, -1.0), (1.0, -2.0), (f64::NAN, 0.0)] {
            for (burst, sticky) in [(1.0, false), (30.0, false), (30.0, true)] {
                let failed = Failing::new(burst, sticky).fail(&mut chance, [10, 100], base, own);
                assert!(failed[0].requests <= 10 && failed[1].requests <= 100, "{base} {own} {failed:?}");
                assert!(failed.iter().all(|side| side.clients <= side.requests), "{failed:?}");
            }
        }
    }
}
