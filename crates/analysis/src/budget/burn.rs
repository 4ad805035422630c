//! How fast the budget is used up, over several windows at once: the table of Google's Site Reliability Workbook,
//! chapter 5, "multiwindow, multi-burn-rate alerts", for windows of any length.
//!
//! A burn rate of 1 uses up the budget in exactly one window.

use serde::{Deserialize, Serialize};
use staunch_model::Timestamp;

use super::ledger::Ledger;
use super::standing::ObjectiveKind;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Urgency {
    /// Somebody should look now.
    Page,
    /// Within the working day.
    Ticket,
}

/// Fires when both windows burn at least at this rate: the long one says that it matters, the short one that it goes
/// on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AlertRule {
    pub urgency: Urgency,
    pub factor: f64,
    /// Milliseconds.
    pub long_ms: i64,
    pub short_ms: i64,
}

/// Share of the budget that is used up when the alert fires, and which part of the window the long window is. Of 30
/// days: 2 % in 1 h, 5 % in 6 h, 10 % in a day, 10 % in three.
const TABLE: [(Urgency, f64, i64); 4] = [
    (Urgency::Page, 0.02, 720),
    (Urgency::Page, 0.05, 120),
    (Urgency::Ticket, 0.10, 30),
    (Urgency::Ticket, 0.10, 10),
];
/// The short window is so much shorter than the long one.
const SHORT: i64 = 12;

/// The rules for a window of so many milliseconds.
pub fn rules(window_ms: i64) -> [AlertRule; 4] {
    TABLE.map(|(urgency, share, part)| {
        let long_ms = (window_ms / part).max(1);
        AlertRule { urgency, factor: share * part as f64, long_ms, short_ms: (long_ms / SHORT).max(1) }
    })
}

/// One rule as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Burn {
    pub rule: AlertRule,
    /// Multiples of the rate that uses up the budget in one window; `None` without a request.
    pub long: Option<f64>,
    pub short: Option<f64>,
    pub fires: bool,
}

/// A rule that fires.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    pub objective: ObjectiveKind,
    pub burn: Burn,
}

/// `allowed` is the share of requests that may be bad, `least` how many of them are a measure.
pub(crate) fn burns(
    ledger: &Ledger,
    kind: ObjectiveKind,
    allowed: f64,
    least: u64,
    now: Timestamp,
) -> Vec<Burn> {
    let burn = |rule: AlertRule| {
        let of = |length| {
            let (total, bad) = kind.counts(&ledger.sum(length, now));
            (rate(total, bad, allowed), bad)
        };
        let ((long, bad), (short, _)) = (of(rule.long_ms), of(rule.short_ms));
        let at_least = |rate: Option<f64>| rate.is_some_and(|rate| rate >= rule.factor * (1.0 - ROUNDING));
        Burn { rule, long, short, fires: bad >= least && at_least(long) && at_least(short) }
    };
    rules(ledger.cut().window).into_iter().map(burn).collect()
}

/// 1.44 % of 0.1 % is 14.4 on paper, and a little less in binary.
const ROUNDING: f64 = 1e-9;

fn rate(total: u64, bad: u64, allowed: f64) -> Option<f64> {
    (total > 0).then(|| bad as f64 / total as f64 / allowed)
}
