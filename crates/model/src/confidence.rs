//! How sure one wants to be of a version before its first user.

use serde::{Deserialize, Serialize};

/// Scores are whole points from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ConfidenceSpec {
    /// From this score on a version goes its way by itself.
    pub proceed: u8,
    /// From this score on it stops at its first step until a person promotes it; below it is refused.
    pub ask: u8,
    pub weights: ConfidenceWeights,
}

/// What each factor counts; only their ratios matter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ConfidenceWeights {
    pub safety_checks: u8,
    pub canary_health: u8,
    pub blast_radius: u8,
    pub history: u8,
    pub change_complexity: u8,
    pub test_coverage: u8,
}

impl Default for ConfidenceWeights {
    fn default() -> Self {
        Self {
            safety_checks: 30,
            canary_health: 20,
            blast_radius: 15,
            history: 15,
            change_complexity: 10,
            test_coverage: 10,
        }
    }
}

impl Default for ConfidenceSpec {
    fn default() -> Self {
        Self { proceed: 80, ask: 60, weights: ConfidenceWeights::default() }
    }
}
