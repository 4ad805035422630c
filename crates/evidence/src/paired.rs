//! Shadow traffic: each request is answered by the live version, and a copy of it by the shadow.

use crate::math::ln;
use crate::mixture::Mixture;
use crate::sign::Sign;

/// Chances, to bet on, that a pair which differs is one in which the shadow is the worse.
const CHANCES: [f64; 4] = [0.6, 0.75, 0.9, 0.99];

/// Does the shadow fail where live does not? Null: of the pairs in which exactly one fails, each is the shadow's with
/// probability at most one half (McNemar's null), given the past.
///
/// Pairs in which both fail or both succeed say nothing, so outages that hit both versions change nothing. Nine
/// failures of the shadow alone decide at 1 %. Broken by: a shadow that fails because it is a copy (a write made
/// twice, a limit of a dependency used up by the double load); copies of one client that fail in bursts.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PairedFailures {
    sign: Sign,
}

impl Default for PairedFailures {
    fn default() -> Self {
        Self { sign: Sign::plain(CHANCES) }
    }
}

impl PairedFailures {
    /// Pairs since the last look in which only the shadow, and only live, failed.
    pub fn observe(&mut self, shadow_only: u64, live_only: u64) {
        self.sign.observe(shadow_only, live_only);
    }

    pub fn log_e(&self) -> f64 {
        self.sign.log_e()
    }
}

/// Is the shadow slower than live by more than a margin? Null: a copy takes longer than `(1 + margin)` times its
/// original with probability at most one half, given the past.
///
/// Broken by what [`PairedFailures`] is broken by, and by a shadow that always answers on a colder cache or second.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PairedLatency {
    stretch: f64,
    sign: Sign,
    missing: u64,
}

impl PairedLatency {
    /// `margin` in relative terms, 0.1 = 10 %; what is not a number above −1 counts as 0.
    pub fn new(margin: f64) -> Self {
        let stretch = if margin.is_finite() && margin > -1.0 { 1.0 + margin } else { 1.0 };
        Self { stretch, sign: Sign::plain(CHANCES), missing: 0 }
    }

    /// One pair, in any unit. A failure or a time-out of one side is infinitely slow; a pair that has a negative time
    /// or one that is not a number, or no finite time, is missing.
    pub fn observe(&mut self, shadow: f64, live: f64) {
        let usable = shadow >= 0.0 && live >= 0.0 && (shadow.is_finite() || live.is_finite());
        if !usable {
            self.missing = self.missing.saturating_add(1);
            return;
        }
        let slower = shadow > self.stretch * live;
        self.sign.observe(u64::from(slower), u64::from(!slower));
    }

    pub fn log_e(&self) -> f64 {
        self.sign.log_e()
    }

    /// Pairs left out.
    pub fn missing(&self) -> u64 {
        self.missing
    }
}

/// Bets as parts of the largest one that cannot ruin.
const PARTS: [f64; 6] = [0.05, 0.1, 0.25, 0.5, 0.75, 0.95];

/// Does the shadow fail more often than live by less than a margin (pass)? Null: among all pairs, the share that only
/// the shadow fails exceeds the share that only live fails by `margin` or more, given the past.
///
/// Betting on a bounded mean (Waudby-Smith and Ramdas, 2023): a pair counts `D` = 1, 0 or −1 and multiplies the bet
/// `λ < 1 / (1 − margin)` by `1 + λ (margin − D)`, of expectation at most 1 under the null.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PairedPass {
    margin: f64,
    mixture: Mixture,
}

impl PairedPass {
    /// `margin` in absolute share, between 0 and 1; what is outside can be neither met nor missed: nothing is bet.
    pub fn new(margin: f64) -> Self {
        let bets: &[f64] = if margin > 0.0 && margin < 1.0 { &[1.0; PARTS.len()] } else { &[] };
        Self { margin, mixture: Mixture::plain(bets) }
    }

    /// All pairs since the last look, and those of them in which only the shadow, and only live, failed. More of
    /// those than pairs are not counts, and are left out.
    pub fn observe(&mut self, pairs: u64, shadow_only: u64, live_only: u64) {
        let Some(alike) = pairs.checked_sub(shadow_only).and_then(|rest| rest.checked_sub(live_only)) else {
            return;
        };
        let margin = self.margin;
        self.mixture.step(|index| {
            let bet = PARTS[index] / (1.0 - margin);
            let of = |count: u64, difference: f64| count as f64 * ln(1.0 + bet * (margin - difference));
            of(shadow_only, 1.0) + of(live_only, -1.0) + of(alike, 0.0)
        });
    }

    pub fn log_e(&self) -> f64 {
        self.mixture.log_e()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::exp;

    #[test]
    fn nine_failures_of_the_shadow_alone_decide() {
        let mut process = PairedFailures::default();
        process.observe(8, 0);
        assert!(process.log_e() < 100_f64.ln());
        process.observe(1, 0);
        assert!(process.log_e() >= 100_f64.ln());
    }

    #[test]
    fn a_fair_coin_gains_nothing() {
        for tosses in [1_u64, 2, 5] {
            let outcomes = 0..1_u64 << tosses;
            let mean: f64 = outcomes
                .map(|bits| {
                    let heads = u64::from(bits.count_ones());
                    let mut process = PairedFailures::default();
                    process.observe(heads, tosses - heads);
                    exp(process.log_e()) / (1_u64 << tosses) as f64
                })
                .sum();
            assert!((mean - 1.0).abs() < 1e-12, "{mean}");
        }
    }

    #[test]
    fn no_margin_passes_at_its_own_boundary() {
        for margin in [0.005, 0.1, 0.6] {
            for live_only in [0.0, 0.05, 0.2] {
                let shadow_only = live_only + margin;
                let after = |pairs, shadow, live| {
                    let mut process = PairedPass::new(margin);
                    process.observe(pairs, shadow, live);
                    exp(process.log_e())
                };
                let mean = shadow_only * after(1, 1, 0)
                    + live_only * after(1, 0, 1)
                    + (1.0 - shadow_only - live_only) * after(1, 0, 0);
                assert!((mean - 1.0).abs() < 1e-12, "{mean}");
            }
        }
    }

    #[test]
    fn a_clean_shadow_passes_half_a_point_after_about_a_thousand_pairs() {
        let mut pass = PairedPass::new(0.005);
        let needed = (1..5_000).find(|_| {
            pass.observe(1, 0, 0);
            pass.log_e() >= 20_f64.ln()
        });
        // ln 20 / 0.005 = 600 is the floor of any test.
        assert!(needed.is_some_and(|n| (600..1_000).contains(&n)), "{needed:?}");
    }

    #[test]
    fn a_slower_shadow_is_found_and_one_within_the_margin_is_not() {
        let (mut slower, mut within) = (PairedLatency::new(0.1), PairedLatency::new(0.1));
        for live in 1..=9 {
            slower.observe(1.2 * f64::from(live), f64::from(live));
            within.observe(1.05 * f64::from(live), f64::from(live));
        }
        assert!(slower.log_e() >= 100_f64.ln() && within.log_e() < 0.0);
    }

    #[test]
    fn what_was_not_measured_is_missing_and_a_time_out_is_slow() {
        let mut process = PairedLatency::new(f64::NAN);
        for (shadow, live) in [(f64::NAN, 1.0), (1.0, -1.0), (f64::INFINITY, f64::INFINITY)] {
            process.observe(shadow, live);
        }
        assert_eq!((process.missing(), process.log_e().abs() < 1e-12), (3, true));
        process.observe(f64::INFINITY, 1.0);
        assert!(process.log_e() > 0.0);
        let mut never = PairedPass::new(f64::INFINITY);
        never.observe(1, 5, 0);
        never.observe(u64::MAX, 0, 0);
        assert_eq!(never.log_e(), 0.0);
    }
}
