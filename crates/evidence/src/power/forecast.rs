//! How many canary requests a process still needs: a fresh one for a plan, a running one for the time that is left.

use super::range::{Traffic, VerdictRange, range};
use super::{divergence, information_per_request};
use crate::math::open_unit;
use crate::{Counts, NonInferiority, OneSample, RateRatio};

/// Looks per information bound where their size does not matter.
const LOOKS_PER_BOUND: f64 = 32.0;
/// A process that is nearly there is not given up sooner than one that lacks this many nats.
const LEAST_LACK: f64 = 1.0;

impl RateRatio {
    /// Until harm is shown at `level`, if the traffic is as said; `None` when the canary fails no more often than it
    /// may, or for more requests than can be said.
    pub fn forecast(&self, traffic: Traffic, level: f64) -> Option<VerdictRange> {
        if self.log_e() >= level {
            return Some(VerdictRange::NOW);
        }
        // Of what is above the tolerance: with a tolerance of none this is the information bound.
        let information =
            information_per_request(self.rho() * traffic.p_stable, traffic.p_canary, traffic.share);
        let harm = traffic.p_canary > self.rho() * traffic.p_stable;
        let bound = lack(self.log_e(), level) * traffic.share / harm.then_some(information)?;
        range(traffic, bound, bound / LOOKS_PER_BOUND, || {
            let mut process = self.clone();
            move |canary, stable| {
                process.observe(canary, stable);
                process.log_e() >= level
            }
        })
    }
}

impl NonInferiority {
    /// Until a pass is shown at `level`, if the traffic is as said; `None` when the canary is worse by the margin, or
    /// for more requests than can be said.
    pub fn forecast(&self, traffic: Traffic, level: f64) -> Option<VerdictRange> {
        if self.log_e() >= level {
            return Some(VerdictRange::NOW);
        }
        let null = traffic.p_stable + self.margin();
        let within = traffic.p_canary < null;
        let information = information_per_request(traffic.p_canary, null, traffic.share);
        let bound = lack(self.log_e(), level) * traffic.share / within.then_some(information)?;
        // It learns from the past: at first in small looks, as it will in truth.
        let first_look = (self.canary_attempts() / 16.0).min(bound / LOOKS_PER_BOUND);
        range(traffic, bound, first_look, || {
            let mut process = self.clone();
            move |canary, stable| {
                process.observe(canary, stable);
                process.log_e() >= level
            }
        })
    }
}

impl OneSample {
    /// Until harm (or a pass) is shown at `level` while the rate is `rate`; `None` when the rate is not on that side
    /// of the limit, or for more requests than can be said.
    pub fn forecast(&self, rate: f64, level: f64) -> Option<VerdictRange> {
        if self.log_e() >= level {
            return Some(VerdictRange::NOW);
        }
        let information = divergence(rate.clamp(0.0, 1.0), open_unit(self.limit()));
        let bound = lack(self.log_e(), level) / self.suspects(rate).then_some(information)?;
        let alone = Traffic { p_stable: 0.0, p_canary: rate, share: 0.5 };
        range(alone, bound, bound / LOOKS_PER_BOUND, || {
            let mut process = self.clone();
            move |canary: Counts, _| {
                process.observe(canary);
                process.log_e() >= level
            }
        })
    }
}

pub(super) fn lack(log_e: f64, level: f64) -> f64 {
    (level - log_e).max(LEAST_LACK)
}
