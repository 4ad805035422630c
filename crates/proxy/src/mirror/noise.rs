//! What changes from one answer of stable to the next: ids, times, the order of things. It is found by asking stable
//! twice, and says nothing about a new version.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::compare::{Difference, Kind};

/// Routes and places that are remembered; beyond it each is found anew each time.
const ROUTES: usize = 256;
const PLACES: usize = 128;

/// Of so many first requests of a route each is sent to stable once more, and one in so many of all.
const FIRST: u64 = 3;
const ONE_IN: u64 = 5;

#[derive(Default)]
pub(crate) struct Noise(BTreeMap<Arc<str>, Known>);

#[derive(Default)]
struct Known {
    asked: u64,
    places: BTreeSet<(String, Kind)>,
}

impl Noise {
    /// Whether a request of this route is to be sent to stable once more. `chance` is any number.
    pub(crate) fn is_due(&mut self, route: &Arc<str>, chance: u64) -> bool {
        let Some(known) = self.known(route) else { return chance.is_multiple_of(ONE_IN) };
        known.asked += 1;
        known.asked <= FIRST || chance.is_multiple_of(ONE_IN)
    }

    pub(crate) fn has(&self, route: &Arc<str>, difference: &Difference) -> bool {
        let (place, kind) = difference.spot();
        self.0.get(route).is_some_and(|known| known.places.contains(&(place.to_owned(), kind)))
    }

    /// Two answers of stable differ here. True when that is news. That stable answers with one status now and with
    /// another then is a state of things, not of the answer: it is not learned.
    pub(crate) fn learn(&mut self, route: &Arc<str>, difference: &Difference) -> bool {
        let (place, kind) = difference.spot();
        if kind == Kind::Ended {
            return false;
        }
        self.known(route)
            .filter(|known| known.places.len() < PLACES)
            .is_some_and(|known| known.places.insert((place.to_owned(), kind)))
    }

    fn known(&mut self, route: &Arc<str>) -> Option<&mut Known> {
        if self.0.len() >= ROUTES && !self.0.contains_key(route) {
            return None;
        }
        Some(self.0.entry(Arc::clone(route)).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(place: &str, kind: Kind) -> Difference {
        Difference { place: place.to_owned(), kind, stable: String::new(), shadow: String::new() }
    }

    #[test]
    fn a_changing_value_excuses_no_other_type() {
        let (mut noise, route) = (Noise::default(), Arc::from("GET /"));
        assert!(noise.learn(&route, &difference("/id", Kind::Value)));
        assert!(noise.has(&route, &difference("/id", Kind::Value)));
        assert!(!noise.has(&route, &difference("/id", Kind::Type)));
        assert!(!noise.has(&Arc::from("GET /other"), &difference("/id", Kind::Value)));
    }

    #[test]
    fn keys_that_are_new_each_time_are_one_place() {
        let (mut noise, route) = (Noise::default(), Arc::from("GET /"));
        noise.learn(&route, &difference("/map/a1", Kind::Presence));
        assert!(noise.has(&route, &difference("/map/b2", Kind::Presence)));
        assert!(!noise.has(&route, &difference("/b2", Kind::Presence)));
    }

    #[test]
    fn a_status_is_never_noise_and_memory_is_bounded() {
        let (mut noise, route) = (Noise::default(), Arc::from("GET /"));
        assert!(!noise.learn(&route, &difference("status", Kind::Ended)));
        for number in 0..1_000 {
            noise.learn(&route, &difference(&format!("/k{number}"), Kind::Value));
            noise.is_due(&Arc::from(format!("GET /{number}")), 1);
        }
        assert!(noise.0.len() <= ROUTES && noise.0[&route].places.len() <= PLACES);
    }
}
