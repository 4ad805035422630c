//! Rates of events per time: throughput that collapses, jobs done, restarts; without a known number of attempts.

use crate::math::ln;
use crate::mixture::Mixture;
use crate::sample_ratio::dirichlet_log_e;

/// Events of one arm since the last look, and how long it could have had them: seconds times instances.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Exposure {
    pub events: u64,
    pub instance_secs: f64,
}

impl Exposure {
    fn is_usable(self) -> bool {
        self.instance_secs.is_finite() && self.instance_secs > 0.0
    }
}

/// Which way the canary's rate is suspected to differ from stable's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum RateSide {
    /// Null: the canary has at most `tolerance` times as many events per second as stable.
    Higher,
    /// Null: the canary has at least `1 / tolerance` times as many events per second as stable.
    Lower,
}

/// How many times further apart than tolerated the rates are, to bet on: from drift to collapse.
const RATIOS: [f64; 8] = [1.05, 1.1, 1.25, 1.5, 2.0, 4.0, 10.0, 100.0];

/// Has the canary more (or fewer) events per second and instance than stable? See [`RateSide`] for the null, which may
/// drift: only the ratio counts.
///
/// Given a bucket's events, each is the suspect's with probability at most `t E_s / (t E_s + E_o)`, `E` the exposures
/// and `t` the tolerance: the conditional test of two Poisson rates (Przyborowski and Wilenski, 1940) as an e-process.
/// Assumes that events are independent given their rates; bursts within one arm break it ([`Dispersion`] finds them),
/// bursts of both do not. Arrivals are set by the traffic split and say nothing: count what was completed.
///
/// [`Dispersion`]: crate::Dispersion
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Throughput {
    side: RateSide,
    tolerance: f64,
    mixture: Mixture,
}

impl Throughput {
    /// `tolerance` as a ratio of rates, 1.1 = a tenth apart is fine; what is not a number of at least 1 counts as 1.
    pub fn new(side: RateSide, tolerance: f64) -> Self {
        let tolerance = if tolerance.is_finite() { tolerance.max(1.0) } else { 1.0 };
        Self { side, tolerance, mixture: Mixture::with_restarts(&[1.0; RATIOS.len()]) }
    }

    /// One bucket, closed by time alone. Without exposure of both arms it says nothing.
    pub fn observe(&mut self, canary: Exposure, stable: Exposure) {
        if !canary.is_usable() || !stable.is_usable() {
            return;
        }
        let (suspect, other) = match self.side {
            RateSide::Higher => (canary, stable),
            RateSide::Lower => (stable, canary),
        };
        let (allowed, own) = (self.tolerance * suspect.instance_secs, other.instance_secs);
        let (more, fewer) = (suspect.events as f64, other.events as f64);
        self.mixture.step(|index| {
            let shrink = ln((allowed + own) / (RATIOS[index] * allowed + own));
            more * (ln(RATIOS[index]) + shrink) + fewer * shrink
        });
    }

    pub fn restart(&mut self) {
        self.mixture.restart();
    }

    pub fn log_e(&self) -> f64 {
        self.mixture.log_e()
    }
}

/// Do events come to every arm in proportion to its exposure? Null: equal intensity, which may vary over time; any
/// difference counts, in either direction (Lindon and Malek, 2022).
///
/// Given that an event happened, it is an arm's with its share of the exposure. Assumes independent events and shares
/// that stay: begin anew when they change.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EqualIntensity {
    shares: Vec<f64>,
    events: Vec<u64>,
}

/// One pseudo-event per arm on average: a flat prior for two arms that are alike.
const PSEUDO_EVENTS_PER_ARM: f64 = 1.0;

impl EqualIntensity {
    /// Exposures of the arms, in any unit. An arm without one is left out.
    pub fn new(exposures: &[f64]) -> Self {
        let usable = |exposure: f64| if exposure.is_finite() { exposure.max(0.0) } else { 0.0 };
        let total: f64 = exposures.iter().map(|&exposure| usable(exposure)).sum();
        // Halves of the largest double add up to infinity: then no arm has a share, and nothing is bet.
        let shares =
            exposures.iter().map(|&exposure| if total > 0.0 { usable(exposure) / total } else { 0.0 });
        Self { shares: shares.collect(), events: vec![0; exposures.len()] }
    }

    /// Events per arm since the last look; those of arms beyond the last are ignored.
    pub fn observe(&mut self, events: &[u64]) {
        for (sum, more) in self.events.iter_mut().zip(events) {
            *sum = sum.saturating_add(*more);
        }
    }

    pub fn log_e(&self) -> f64 {
        dirichlet_log_e(&self.shares, PSEUDO_EVENTS_PER_ARM * self.shares.len() as f64, &self.events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::exp;

    fn arm(events: u64, instance_secs: f64) -> Exposure {
        Exposure { events, instance_secs }
    }

    /// `P(k)` of a Poisson count, by the recurrence `P(k) = P(k−1) mean / k`.
    fn poisson(mean: f64) -> Vec<f64> {
        let mut chances = vec![exp(-mean)];
        (1..=60).for_each(|k| chances.push(chances[k - 1] * mean / k as f64));
        chances
    }

    fn expectation(side: RateSide, tolerance: f64, rates: (f64, f64), secs: (f64, f64)) -> f64 {
        let (canary, stable) = (poisson(rates.0 * secs.0), poisson(rates.1 * secs.1));
        let mut mean = 0.0;
        for (k_c, chance_c) in (0..).zip(&canary) {
            for (k_b, chance_b) in (0..).zip(&stable) {
                let mut process = Throughput::new(side, tolerance);
                process.observe(arm(k_c, secs.0), arm(k_b, secs.1));
                mean += chance_c * chance_b * exp(process.log_e());
            }
        }
        mean
    }

    #[test]
    fn no_null_gains() {
        for secs in [(1.0, 1.0), (1.0, 9.0), (3.0, 0.5)] {
            for rate in [0.01, 0.3, 1.0] {
                let higher = expectation(RateSide::Higher, 1.2, (1.2 * rate, rate), secs);
                let lower = expectation(RateSide::Lower, 1.2, (rate, 1.2 * rate), secs);
                assert!(higher <= 1.0 + 1e-9 && lower <= 1.0 + 1e-9, "{higher} {lower}");
                assert!(higher > 0.999 && lower > 0.999, "exact at the boundary: {higher} {lower}");
            }
        }
        assert!(expectation(RateSide::Lower, 1.0, (1.0, 0.5), (1.0, 1.0)) < 1.0);
    }

    #[test]
    fn a_collapse_is_found_in_a_second() {
        let mut collapse = Throughput::new(RateSide::Lower, 1.1);
        collapse.observe(arm(0, 2.0), arm(200, 40.0));
        assert!(collapse.log_e() > 100_f64.ln());
        let mut higher = Throughput::new(RateSide::Higher, 1.1);
        higher.observe(arm(0, 2.0), arm(200, 40.0));
        assert!(higher.log_e() < 0.0);
    }

    #[test]
    fn no_exposure_is_no_evidence() {
        let mut process = Throughput::new(RateSide::Higher, f64::NAN);
        for secs in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            process.observe(arm(1_000_000_000_000, secs), arm(0, 1.0));
            process.observe(arm(1_000_000_000_000, 1.0), arm(0, secs));
        }
        assert!(process.log_e().abs() < 1e-12);
        process.observe(arm(1_000_000_000_000, 1e-300), arm(u64::MAX, 1e300));
        assert!(process.log_e().is_finite());
    }

    #[test]
    fn arms_without_exposure_are_left_out() {
        let mut arms = EqualIntensity::new(&[1.0, 0.0, f64::NAN, 1.0]);
        arms.observe(&[10, 99, 99, 10, 5]);
        assert!(arms.log_e() < 0.0);
        arms.observe(&[100]);
        assert!(arms.log_e() > 100_f64.ln());
        assert_eq!(EqualIntensity::new(&[]).log_e(), 0.0);
        assert_eq!(EqualIntensity::new(&[f64::MAX, f64::MAX]).log_e(), 0.0);
    }
}
