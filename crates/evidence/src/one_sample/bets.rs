//! What is bet against a limit: alternatives relative to it, so that every limit has the same bets.

use crate::math::ln;

/// Which way the rate is suspected to lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Side {
    /// Above the limit.
    Harm,
    /// Below it.
    Pass,
}

/// Harm alternatives as multiples of the limit …
const WORSE: [f64; 6] = [1.5, 2.0, 3.0, 5.0, 10.0, 30.0];
/// … and parts of the way from the limit to 1: the gross ones, which must be found at once whatever the limit is.
const GROSS: [f64; 2] = [0.5, 0.95];
/// For tiny limits the way from the largest multiple to gross failure is long: a rung per decade, all of them
/// together weighing as much as one multiple.
const DECADES: i32 = 9;
/// Pass alternatives as multiples of the limit.
const BETTER: [f64; 5] = [0.75, 0.5, 0.25, 0.1, 0.02];

/// One alternative: its weight, and the log factors of a failure and of a success.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Bet {
    pub(super) weight: f64,
    pub(super) failure: f64,
    pub(super) success: f64,
}

/// The bets against a limit strictly between 0 and 1. A multiple never goes beyond the least gross rate: those that
/// would add their weight to it.
///
/// Log factors only fall as the limit rises (harm; those of a pass only rise). A multiple `r`: the failure's is
/// constant, the success's `ln((1 − r·limit)/(1 − limit))` falls for `r > 1` and rises for `r < 1`. Part of the way to 1: the
/// failure's `ln(rate/limit)` falls, the success's is constant. Where one becomes the other both have the same
/// rate. So the evidence at any time, a weighted sum of products of them, is monotone in the limit.
pub(super) fn bets(side: Side, limit: f64) -> Vec<Bet> {
    match side {
        Side::Harm => worse(limit),
        Side::Pass => BETTER.iter().map(|&ratio| times(1.0, ratio, limit)).collect(),
    }
}

fn worse(limit: f64) -> Vec<Bet> {
    let decade = |power| (1.0 / f64::from(DECADES), WORSE[5] * 10_f64.powi(power));
    let multiples = WORSE.iter().map(|&ratio| (1.0, ratio)).chain((1..=DECADES).map(decade));
    let mut gross = 1.0;
    let mut bets = Vec::new();
    for (weight, ratio) in multiples {
        if ratio * limit < rate(limit, GROSS[0]) {
            bets.push(times(weight, ratio, limit));
        } else {
            gross += weight;
        }
    }
    bets.extend([towards(gross, GROSS[0], limit), towards(1.0, GROSS[1], limit)]);
    bets
}

fn times(weight: f64, ratio: f64, limit: f64) -> Bet {
    Bet { weight, failure: ln(ratio), success: ln((1.0 - ratio * limit) / (1.0 - limit)) }
}

fn towards(weight: f64, part: f64, limit: f64) -> Bet {
    Bet { weight, failure: ln(rate(limit, part) / limit), success: ln(1.0 - part) }
}

/// This part of the way from the limit to 1.
fn rate(limit: f64, part: f64) -> f64 {
    limit + part * (1.0 - limit)
}
