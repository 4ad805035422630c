mod bets;

use crate::Counts;
use crate::math::{geometric_bisect, ln, log_sum_exp, open_unit};
use crate::mixture::{MINUTES, Mixture, RESERVE, restart_mass};
use bets::{Bet, Side, bets};

/// Is a failure rate above a limit (harm), or below it (pass)?
///
/// A grid mixture of Bernoulli likelihood ratios; valid for rates that change, as long as each stays on the null's
/// side of the limit. The evidence of harm only falls as the limit rises and that of a pass only rises, whatever was
/// counted, so that the limits which are refuted make an interval: see [`lower_bound`](Self::lower_bound).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OneSample {
    side: Side,
    /// As given, 0 to 1.
    limit: f64,
    bets: Vec<Bet>,
    mixture: Mixture,
    seen: Counts,
    /// What had been seen at each restart.
    starts: Vec<Counts>,
    /// Calls of [`restart`](Self::restart), and the one that is heeded next.
    calls: u32,
    heeded: u32,
}

/// So many restarts are remembered, and no others are made: enough for ten hours of minutes.
const MAX_RESTARTS: usize = 64;

impl OneSample {
    /// Null: the rate is at most `limit`. Holds mass back for faults that begin late, see [`restart`](Self::restart).
    /// No rate lies above a limit of 1: nothing is bet.
    pub fn harm(limit: f64) -> Self {
        Self::new(Side::Harm, limit)
    }

    /// Null: the rate is at least `limit`. No rate lies below a limit of 0: nothing is bet.
    pub fn pass(limit: f64) -> Self {
        Self::new(Side::Pass, limit)
    }

    fn new(side: Side, limit: f64) -> Self {
        let decidable = match side {
            Side::Harm => limit < 1.0,
            Side::Pass => limit > 0.0,
        };
        let bets = if decidable { bets(side, open_unit(limit)) } else { Vec::new() };
        let prior: Vec<f64> = bets.iter().map(|bet: &Bet| bet.weight).collect();
        let mixture = match side {
            Side::Harm => Mixture::with_restarts(&prior),
            Side::Pass => Mixture::plain(&prior),
        };
        Self { side, limit, bets, mixture, seen: Counts::default(), starts: Vec::new(), calls: 0, heeded: 1 }
    }

    pub fn observe(&mut self, counts: Counts) {
        if counts.is_empty() {
            return;
        }
        self.mixture.step(|index| gain(&self.bets[index], counts));
        self.seen = self.seen.plus(counts);
    }

    /// Puts fresh mass on harm; call it once a minute. After the first 24 calls one is heeded whenever the time has
    /// grown by a twelfth, so that what must be remembered is bounded.
    pub fn restart(&mut self) {
        self.calls = self.calls.saturating_add(1);
        if self.side == Side::Pass || self.calls < self.heeded || self.starts.len() >= MAX_RESTARTS {
            return;
        }
        self.heeded = self.calls.saturating_add((self.calls / 12).max(1));
        self.mixture.restart();
        self.starts.push(self.seen);
    }

    pub fn log_e(&self) -> f64 {
        self.mixture.log_e()
    }

    /// Harm: the largest limit, to a millionth of itself, whose process has reached `level` on what was seen; `None`
    /// when no limit's has. It is at least the limit exactly when [`log_e`](Self::log_e) has reached the level.
    pub fn lower_bound(&self, level: f64) -> Option<f64> {
        if self.side == Side::Harm { self.bound(level) } else { None }
    }

    /// Pass: the smallest limit whose process has reached `level`; `None` when no limit's has. It is at most the limit
    /// exactly when [`log_e`](Self::log_e) has reached the level.
    pub fn upper_bound(&self, level: f64) -> Option<f64> {
        if self.side == Side::Pass { self.bound(level) } else { None }
    }

    /// A share, 0 to 1.
    pub fn limit(&self) -> f64 {
        self.limit
    }

    /// Whether a rate lies on the side of the limit that is suspected.
    pub(crate) fn suspects(&self, rate: f64) -> bool {
        match self.side {
            Side::Harm => rate > self.limit,
            Side::Pass => rate < self.limit,
        }
    }

    /// By how much the logarithm grows per attempt while the failure rate is `rate`; at most zero when it shrinks.
    pub fn growth(&self, rate: f64) -> f64 {
        let rate = if rate.is_nan() { open_unit(self.limit) } else { rate.clamp(0.0, 1.0) };
        let gain = |bet: &Bet| rate * bet.failure + (1.0 - rate) * bet.success;
        self.bets.iter().map(gain).fold(f64::NEG_INFINITY, f64::max)
    }
}

impl OneSample {
    /// Searches on that side of the limit to which its own process points, so that bound and verdict cannot disagree.
    fn bound(&self, level: f64) -> Option<f64> {
        let (lowest, limit, highest) = (open_unit(0.0), open_unit(self.limit), open_unit(1.0));
        let (surest, vaguest) = match self.side {
            Side::Harm => (lowest, highest),
            Side::Pass => (highest, lowest),
        };
        let refuted = |limit: f64| self.log_e_at(limit) >= level;
        if self.log_e() >= level {
            Some(geometric_bisect(limit, vaguest, refuted))
        } else {
            (surest != limit && refuted(surest)).then(|| geometric_bisect(surest, limit, refuted))
        }
    }

    /// What [`log_e`](Self::log_e) would be, had the limit been another one: of every restart in closed form.
    fn log_e_at(&self, limit: f64) -> f64 {
        let bets = bets(self.side, limit);
        let total: f64 = bets.iter().map(|bet| bet.weight).sum();
        let log_weights: Vec<f64> = bets.iter().map(|bet| ln(bet.weight / total)).collect();
        let since = |start: Counts| {
            let counts = self.seen.minus(start);
            log_sum_exp(bets.iter().zip(&log_weights).map(|(bet, weight)| weight + gain(bet, counts)))
        };
        let whole = since(Counts::default());
        if self.side == Side::Pass {
            return whole;
        }
        let mut reserve = RESERVE;
        let mut parts = vec![ln(1.0 - reserve) + whole];
        for (number, start) in (1..).zip(&self.starts) {
            let mass = restart_mass(number, MINUTES);
            reserve -= mass;
            parts.push(ln(mass) + since(*start));
        }
        parts.push(ln(reserve));
        log_sum_exp(parts.iter().copied())
    }
}

/// Log of the likelihood ratio of the alternative to the limit.
fn gain(bet: &Bet, counts: Counts) -> f64 {
    counts.k() * bet.failure + (counts.n() - counts.k()) * bet.success
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_canary_passes_one_percent_after_380_requests() {
        let mut pass = OneSample::pass(0.01);
        let needed = (1..1_000).find(|_| {
            pass.observe(Counts::new(1, 0));
            pass.log_e() >= 20_f64.ln()
        });
        assert!(needed.is_some_and(|n| (378..=384).contains(&n)), "{needed:?}");
    }

    #[test]
    fn total_failure_breaks_a_twenty_percent_guard_within_six() {
        let mut guard = OneSample::harm(0.2);
        let needed = (1..50).find(|_| {
            guard.observe(Counts::new(1, 1));
            guard.log_e() >= 100_f64.ln()
        });
        assert!(needed.is_some_and(|n| n <= 6), "{needed:?}");
    }

    #[test]
    fn a_day_of_restarts_is_bounded_and_costs_nothing() {
        let mut process = OneSample::harm(0.01);
        for _ in 0..1_440 {
            process.observe(Counts::new(1_000, 12));
            let before = process.log_e();
            process.restart();
            assert!((process.log_e() - before).abs() < 1e-9, "a restart neither wins nor loses");
        }
        assert_eq!(process.starts.len(), MAX_RESTARTS);
        assert!(
            (process.log_e_at(0.01) - process.log_e()).abs() < 1e-6,
            "the closed form follows every restart"
        );
    }

    #[test]
    fn limits_of_zero_and_one_mean_what_they_say() {
        let mut none_allowed = OneSample::harm(0.0);
        none_allowed.observe(Counts::new(1_000, 0));
        assert!(none_allowed.log_e() < 1.0);
        none_allowed.observe(Counts::new(1, 1));
        assert!(none_allowed.log_e() > 100_f64.ln(), "one failure is one too many");
        let mut all_allowed = OneSample::harm(1.0);
        all_allowed.observe(Counts::new(1_000, 1_000));
        assert_eq!(all_allowed.log_e(), 0.0);
        let mut below_zero = OneSample::pass(0.0);
        below_zero.observe(Counts::new(1_000_000, 0));
        assert_eq!(below_zero.log_e(), 0.0, "no rate is below zero");
        let mut below_one = OneSample::pass(1.0);
        below_one.observe(Counts::new(2, 1));
        assert!(below_one.log_e() > 10.0, "one success is below 100 %");
    }
}
