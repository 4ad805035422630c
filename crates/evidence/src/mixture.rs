//! Mixtures of e-processes over alternatives and over the moment at which a fault begins.

use crate::math::{ln, log_sum_exp};

/// A weighted sum of martingales, kept as logarithms.
///
/// With restarts, four fifths of the mass are bet from the beginning and the rest is held back and spent over the
/// restarts; unspent mass counts as 1. A fault that begins late then meets fresh mass instead of bets that lost for an hour.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Mixture {
    log_prior: Vec<f64>,
    log_mass: Vec<f64>,
    reserve: f64,
    restarts: u32,
    /// How many restarts share most of the reserve evenly.
    even: u32,
    /// Log of the whole, so that reading it is free: a look reads it several times.
    log_e: f64,
}

/// An hour of minutes.
pub(crate) const MINUTES: u32 = 60;
/// What is held back costs a fault that is there from the beginning 0.22 nats, a twentieth of the way to 1 %.
const EVEN_SHARE: f64 = 0.17;
const LATER_SHARE: f64 = 0.03;
/// What is held back at first.
pub(crate) const RESERVE: f64 = EVEN_SHARE + LATER_SHARE;

impl Mixture {
    /// `prior` need not add up to one; no components at all is the process that never bets.
    pub(crate) fn plain(prior: &[f64]) -> Self {
        let total: f64 = prior.iter().sum();
        let log_prior: Vec<f64> = prior.iter().map(|weight| ln(weight / total)).collect();
        Self { log_mass: log_prior.clone(), log_prior, reserve: 0.0, restarts: 0, even: MINUTES, log_e: 0.0 }
    }

    /// For restarts once a minute.
    pub(crate) fn with_restarts(prior: &[f64]) -> Self {
        Self::with_even_restarts(prior, MINUTES)
    }

    /// For so many restarts in the time that matters; later ones get less and less.
    pub(crate) fn with_even_restarts(prior: &[f64], even: u32) -> Self {
        let mut mixture = Self { even, ..Self::plain(prior) };
        mixture.reserve = RESERVE;
        let begun = ln(1.0 - mixture.reserve);
        mixture.log_mass.iter_mut().for_each(|mass| *mass += begun);
        mixture
    }

    /// Multiplies each component by its factor, given as a logarithm. What is not finite is not bet.
    pub(crate) fn step(&mut self, log_factor: impl Fn(usize) -> f64) {
        for (index, mass) in self.log_mass.iter_mut().enumerate() {
            let moved = *mass + log_factor(index);
            if moved.is_finite() {
                *mass = moved;
            }
        }
        self.log_e = self.sum();
    }

    /// Evidence begins anew; a reserve goes on with what is left of it.
    pub(crate) fn reset(&mut self) {
        let begun = ln(1.0 - self.reserve);
        self.log_mass = self.log_prior.iter().map(|prior| prior + begun).collect();
        self.log_e = self.sum();
    }

    /// Puts part of the reserve on every component anew.
    pub(crate) fn restart(&mut self) {
        self.restarts = self.restarts.saturating_add(1);
        let fresh = restart_mass(self.restarts, self.even).min(self.reserve);
        if fresh <= 0.0 {
            return;
        }
        self.reserve -= fresh;
        for (mass, prior) in self.log_mass.iter_mut().zip(&self.log_prior) {
            *mass = log_sum_exp([*mass, ln(fresh) + prior].into_iter());
        }
        self.log_e = self.sum();
    }

    pub(crate) fn log_e(&self) -> f64 {
        self.log_e
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.log_prior) + size_of_val(&*self.log_mass)
    }

    fn sum(&self) -> f64 {
        if self.log_mass.is_empty() {
            return 0.0;
        }
        let reserve = if self.reserve > 0.0 { ln(self.reserve) } else { f64::NEG_INFINITY };
        log_sum_exp(self.log_mass.iter().copied().chain([reserve]))
    }
}

/// Mass of the restart with this number, from 1 on. Sums to the whole reserve over all restarts, however many.
pub(crate) fn restart_mass(number: u32, even: u32) -> f64 {
    let number = f64::from(number);
    let even = f64::from(even.max(1));
    if number <= even { EVEN_SHARE / even } else { LATER_SHARE * (even + 1.0) / (number * (number + 1.0)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_never_spend_more_than_was_held_back() {
        for even in [MINUTES, 240] {
            let spent: f64 = (1..2_000_000).map(|number| restart_mass(number, even)).sum();
            assert!(spent < RESERVE && spent > RESERVE - 0.000_1, "{spent}");
        }
        let mut mixture = Mixture::with_restarts(&[1.0, 3.0]);
        for _ in 0..500 {
            mixture.restart();
            assert!(mixture.log_e().abs() < 1e-9, "a restart neither wins nor loses");
        }
    }

    #[test]
    fn fresh_mass_forgets_what_was_lost_before() {
        let mut mixture = Mixture::with_restarts(&[1.0]);
        mixture.step(|_| -1_000.0);
        let mut lost = mixture.clone();
        mixture.restart();
        mixture.step(|_| 10.0);
        lost.step(|_| 10.0);
        assert!(mixture.log_e() > lost.log_e() + 4.0);
    }
}
