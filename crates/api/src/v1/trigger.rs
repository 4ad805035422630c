//! How the triggers stand.

use serde::{Deserialize, Serialize};
use staunch_analysis::{TriggerReading, TriggerState};
use utoipa::ToSchema;

use super::{Time, wire_name};

/// One limit of one trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trigger {
    /// As in the file: `error-rate`, `dependency db`.
    pub trigger: String,
    /// What happens when it fires: `warn` or `rollback`.
    pub grade: String,
    /// In words: `above 5 % for 30 s`.
    pub limit: String,
    /// `armed`, `suspected`, `fired` or `cooling`.
    pub state: String,
    /// Beyond the limit without a break since then.
    pub suspected_since: Option<Time>,
    pub fired_at: Option<Time>,
    /// It has told people and says nothing more until then.
    pub cooling_until: Option<Time>,
    /// What was seen last, in words.
    pub figure: String,
}

impl From<&TriggerReading> for Trigger {
    fn from(reading: &TriggerReading) -> Self {
        let (state, suspected_since, fired_at, cooling_until) = match reading.state {
            TriggerState::Armed => ("armed", None, None, None),
            TriggerState::Suspected { since } => ("suspected", Some(Time(since)), None, None),
            TriggerState::Fired { at } => ("fired", None, Some(Time(at)), None),
            TriggerState::Cooling { until } => ("cooling", None, None, Some(Time(until))),
        };
        Self {
            trigger: reading.trigger.clone(),
            grade: wire_name(reading.grade),
            limit: reading.limit.clone(),
            state: state.to_owned(),
            suspected_since,
            fired_at,
            cooling_until,
            figure: reading.figure.clone(),
        }
    }
}
