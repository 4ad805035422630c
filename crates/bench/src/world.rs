//! How a version behaves beside being up: the share of its requests that fails, in bursts of one client, more when it
//! is fresh. The words are those of `staunch simulate --world`; what they mean is written here a second time, so that
//! what is measured and what is simulated can disagree.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::error::Error;
use std::time::{Duration, Instant};

use crate::chance::Chance;

/// Shares 0 to 1, spans in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shares {
    errors: f64,
    /// Failures of one client in a row, on average; 1 is none in a row but by chance.
    burst: f64,
    cold_errors: f64,
    cold_secs: f64,
}

pub(crate) struct World {
    shares: Shares,
    started: Instant,
    chance: Chance,
    /// Clients in the middle of a burst.
    failing: RefCell<BTreeSet<u64>>,
}

impl World {
    /// `errors=0.005,burst=5,…`
    pub(crate) fn read(text: &str) -> Result<Self, Box<dyn Error>> {
        let mut shares = Shares { errors: 0.0, burst: 1.0, cold_errors: 0.0, cold_secs: 1.0 };
        for pair in text.trim().split(',') {
            let (name, value) = pair.split_once('=').ok_or_else(|| format!("{pair}: no key=value"))?;
            let place = match name {
                "errors" => &mut shares.errors,
                "burst" => &mut shares.burst,
                "cold-errors" => &mut shares.cold_errors,
                "cold-secs" => &mut shares.cold_secs,
                _ => {
                    return Err(format!("{name}: a backend has errors, burst, cold-errors, cold-secs").into());
                }
            };
            *place = value.parse()?;
        }
        Ok(Self { shares, started: Instant::now(), chance: Chance::new(), failing: RefCell::default() })
    }

    /// Whether the next request of this client fails. A client without a name has no bursts.
    pub(crate) fn fails(&self, client: Option<u64>) -> bool {
        let share = self.shares.at(self.started.elapsed());
        match client.filter(|_| self.shares.burst > 1.0) {
            Some(client) => self.fails_in_bursts(client, share),
            None => self.chance.hits(share),
        }
    }

    fn fails_in_bursts(&self, client: u64, share: f64) -> bool {
        let burst = self.shares.burst;
        let mut failing = self.failing.borrow_mut();
        let fails = failing.contains(&client) || self.chance.hits(first_of_burst(share, burst));
        if fails && self.chance.hits(1.0 - 1.0 / burst) {
            failing.insert(client);
        } else {
            failing.remove(&client);
        }
        fails
    }
}

impl Shares {
    fn at(&self, age: Duration) -> f64 {
        self.errors + self.cold_errors * (-age.as_secs_f64() / self.cold_secs).exp()
    }
}

/// The chance with which a request outside of a burst begins one, so that the given share of all requests fails: bursts
/// of `burst` requests take turns with `1/q - 1` good ones on average.
fn first_of_burst(share: f64, burst: f64) -> f64 {
    share / (share + burst * (1.0 - share))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share_of(world: &World, client: impl Fn(u64) -> Option<u64>) -> f64 {
        const ASKED: u32 = 200_000;
        let failed = (0..ASKED).filter(|number| world.fails(client(u64::from(*number)))).count();
        f64::from(u32::try_from(failed).unwrap()) / f64::from(ASKED)
    }

    #[test]
    fn bursts_keep_the_share_and_come_in_a_row() {
        let world = World::read("errors=0.1,burst=5\n").unwrap();
        let (mut runs, mut failed, mut before) = (0_u32, 0_u32, false);
        for _ in 0..200_000 {
            let fails = world.fails(Some(7));
            failed += u32::from(fails);
            runs += u32::from(fails && !before);
            before = fails;
        }
        // Standard deviations are about 0.002 and 0.08; bursts that touch are one run, which adds a tenth.
        assert!((f64::from(failed) / 200_000.0 - 0.1).abs() < 0.012, "{failed}");
        let length = f64::from(failed) / f64::from(runs);
        assert!((4.6..5.6).contains(&length), "{length}");
    }

    #[test]
    fn without_a_name_there_are_no_bursts() {
        let world = World::read("errors=0.1,burst=5").unwrap();
        assert!((share_of(&world, |_| None) - 0.1).abs() < 0.005);
        assert!(world.failing.borrow().is_empty());
    }

    #[test]
    fn what_is_fresh_fails_more_and_gets_over_it() {
        let shares = World::read("errors=0.01,cold-errors=0.05,cold-secs=6").unwrap().shares;
        assert!((shares.at(Duration::ZERO) - 0.06).abs() < 1e-12);
        assert!((shares.at(Duration::from_secs(6)) - (0.01 + 0.05 / std::f64::consts::E)).abs() < 1e-12);
        assert!((shares.at(Duration::from_secs(600)) - 0.01).abs() < 1e-12);
    }

    #[test]
    fn a_word_that_a_backend_cannot_keep_is_refused() {
        assert!(World::read("drift-sd=1").is_err());
        assert!(World::read("errors").is_err());
        assert!(World::read("errors=much").is_err());
    }
}
