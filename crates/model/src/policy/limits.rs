//! How much a single change may put at risk.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Weight, duration_ms};

/// One bound on the path of a new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// The largest share of the traffic before the promotion.
    MaxShare(Weight),
    /// The largest rise from one step to the next, the promotion included.
    MaxRise(Weight),
    /// The least number of steps before the promotion.
    MinSteps(u32),
    /// The least time at each step.
    #[serde(with = "duration_ms")]
    MinHold(Duration),
    /// The least time for which the old version is kept after the promotion.
    #[serde(with = "duration_ms")]
    MinBake(Duration),
    /// How many instances may run beyond the full number.
    MaxSurge(u32),
    /// How many instances of the full number may be missing on purpose.
    MaxUnavailable(u32),
}

impl Limit {
    /// The key in `[policy]`.
    pub fn key(self) -> &'static str {
        match self {
            Self::MaxShare(_) => "max-share",
            Self::MaxRise(_) => "max-rise",
            Self::MinSteps(_) => "min-steps",
            Self::MinHold(_) => "min-hold",
            Self::MinBake(_) => "min-bake",
            Self::MaxSurge(_) => "max-surge",
            Self::MaxUnavailable(_) => "max-unavailable",
        }
    }
}
