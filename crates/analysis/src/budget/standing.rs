//! How a service stands with its budget at one time.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use staunch_model::{SloSpec, Timestamp, duration_ms};

use super::burn::{Alert, Burn, burns};
use super::ledger::Ledger;
use super::tap::Served;
use super::thaw;
use super::window::millis;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectiveKind {
    Availability,
    Latency,
}

impl ObjectiveKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Availability => "availability",
            Self::Latency => "latency",
        }
    }
    /// How many count, and how many of them are bad.
    pub(crate) fn counts(self, served: &Served) -> (u64, u64) {
        match self {
            Self::Availability => (served.total, served.failed),
            Self::Latency => (served.timed, served.slow),
        }
    }
}

/// What the gate acts by, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    Open,
    Warn,
    Frozen,
    /// Only a critical fix may be in front of users.
    Critical,
}

impl Level {
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Warn => "warn",
            Self::Frozen => "frozen",
            Self::Critical => "critical",
        }
    }
    pub fn is_frozen(self) -> bool {
        match self {
            Self::Open | Self::Warn => false,
            Self::Frozen | Self::Critical => true,
        }
    }
}

/// One objective's budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectiveStanding {
    pub kind: ObjectiveKind,
    pub target: f64,
    /// Requests of the window that count, and those of them that broke the objective.
    pub total: u64,
    pub bad: u64,
    /// How many may be bad: the budget, in requests.
    pub budget: f64,
    /// Share of the budget that is left; below 0 when more is spent than there was, 1 without a request.
    pub left: f64,
    pub burns: Vec<Burn>,
    /// At the rate of the shortest long window; `None` at a rate that the budget bears for ever.
    pub exhausted_in_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    #[serde(with = "duration_ms")]
    pub window: Duration,
    /// When counting began; of what was before nothing is known.
    pub since: Timestamp,
    /// All of the window has been counted.
    pub whole: bool,
    pub objectives: Vec<ObjectiveStanding>,
    pub level: Level,
    /// When a freeze ends at the latest if nothing more fails, even if no request comes at all.
    pub thaw_at: Option<Timestamp>,
}

impl Standing {
    /// `frozen`: a freeze holds already, which ends only at the level of reopening.
    pub fn of(ledger: &Ledger, slo: &SloSpec, frozen: bool, now: Timestamp) -> Self {
        let whole = ledger.sum(ledger.cut().window, now);
        let objectives: Vec<_> = objectives(slo).map(|one| stand(ledger, slo, one, &whole, now)).collect();
        let level = level(slo, &whole, frozen);
        Self {
            window: slo.window,
            since: ledger.since(),
            whole: now.since(ledger.since()) >= slo.window,
            objectives,
            level,
            thaw_at: level.is_frozen().then(|| thaw::thaw_at(ledger, slo, now)),
        }
    }

    /// Share left of the objective that is worst off.
    pub fn left(&self) -> f64 {
        self.objectives.iter().map(|objective| objective.left).fold(1.0, f64::min)
    }

    /// The objective that is worst off.
    pub fn worst(&self) -> Option<&ObjectiveStanding> {
        self.objectives.iter().min_by(|a, b| a.left.total_cmp(&b.left))
    }

    /// Every rule that fires.
    pub fn alerts(&self) -> Vec<Alert> {
        let of = |objective: &ObjectiveStanding| {
            let kind = objective.kind;
            let firing = objective.burns.iter().filter(|burn| burn.fires);
            firing.map(|burn| Alert { objective: kind, burn: *burn }).collect::<Vec<_>>()
        };
        self.objectives.iter().flat_map(of).collect()
    }
}

pub(crate) fn objectives(slo: &SloSpec) -> impl Iterator<Item = (ObjectiveKind, f64)> {
    let latency = slo.latency.map(|latency| (ObjectiveKind::Latency, latency.target));
    [(ObjectiveKind::Availability, slo.target)].into_iter().chain(latency)
}

/// Share of a budget that is left; without a request nothing is spent.
pub(crate) fn left(total: u64, bad: u64, target: f64) -> f64 {
    if total == 0 { 1.0 } else { 1.0 - bad as f64 / (total as f64 * (1.0 - target)) }
}

/// What the gate goes by: as [`left`], but a handful of failures is no measure.
fn weighed(slo: &SloSpec, whole: &Served) -> f64 {
    let one = |(kind, target): (ObjectiveKind, f64)| {
        let (total, bad) = kind.counts(whole);
        if bad < slo.min_failures { 1.0 } else { left(total, bad, target) }
    };
    objectives(slo).map(one).fold(1.0, f64::min)
}

pub(crate) fn level(slo: &SloSpec, whole: &Served, frozen: bool) -> Level {
    let (left, levels) = (weighed(slo, whole), slo.levels);
    let freeze = if frozen { levels.reopen } else { levels.freeze };
    if left < levels.critical {
        Level::Critical
    } else if left < freeze {
        Level::Frozen
    } else if left < levels.warn {
        Level::Warn
    } else {
        Level::Open
    }
}

fn stand(
    ledger: &Ledger,
    slo: &SloSpec,
    (kind, target): (ObjectiveKind, f64),
    whole: &Served,
    now: Timestamp,
) -> ObjectiveStanding {
    let (total, bad) = kind.counts(whole);
    let burns = burns(ledger, kind, 1.0 - target, slo.min_failures, now);
    let left = left(total, bad, target);
    ObjectiveStanding {
        kind,
        target,
        total,
        bad,
        budget: total as f64 * (1.0 - target),
        left,
        exhausted_in_ms: exhausted_in(left, burns.first().and_then(|burn| burn.long), slo.window),
        burns,
    }
}

/// A burn of at most 1 is given back by the window as fast as it is spent.
fn exhausted_in(left: f64, burn: Option<f64>, window: Duration) -> Option<u64> {
    let burn = burn.filter(|burn| *burn > 1.0)?;
    Some((left.max(0.0) * millis(window) as f64 / burn) as u64)
}
