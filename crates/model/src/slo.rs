//! What users are promised, and how much of it may be broken.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration_ms;

/// The objectives of a service over one rolling window, and what follows when their budget runs out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SloSpec {
    /// The share of requests that shall succeed, 0.999 = 99.9 %.
    pub target: f64,
    #[serde(with = "duration_ms")]
    pub window: Duration,
    pub latency: Option<LatencyObjective>,
    pub levels: BudgetLevels,
    /// With fewer failures in the window than this nothing is frozen and no alert fires: they are no measure.
    pub min_failures: u64,
    /// The share of the budget that one rollout may spend; `None` is unlimited.
    pub rollout_spend: Option<f64>,
}

impl SloSpec {
    /// An availability objective with every default.
    pub fn availability(target: f64, window: Duration) -> Self {
        Self {
            target,
            window,
            latency: None,
            levels: BudgetLevels::default(),
            min_failures: 10,
            rollout_spend: None,
        }
    }
}

/// At least this share of the answered requests is answered within `under`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LatencyObjective {
    #[serde(with = "duration_ms")]
    pub under: Duration,
    pub target: f64,
}

/// Shares of the budget that are left, 0.10 = 10 %: critical < freeze < reopen, freeze <= warn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BudgetLevels {
    /// Below it people are told.
    pub warn: f64,
    /// Below it nothing new is begun, and a rollout is held at its step.
    pub freeze: f64,
    /// Below it a running rollout is taken back too, unless it is a critical fix.
    pub critical: f64,
    /// A freeze ends when so much is left again.
    pub reopen: f64,
}

impl Default for BudgetLevels {
    fn default() -> Self {
        Self { warn: 0.25, freeze: 0.10, critical: 0.05, reopen: 0.15 }
    }
}
