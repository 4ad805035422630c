//! What was sent to the new version by name.

use serde::{Deserialize, Serialize};
use staunch_analysis::CohortReading;
use utoipa::ToSchema;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Cohort {
    /// Judged since the rollout began, and how many of them failed.
    pub requests: u64,
    pub failed: u64,
    /// The share of all requests that the rules fit; absent without requests.
    pub share_ratio: Option<f64>,
    pub max_share_ratio: f64,
    /// Requests that the rules fit and that were split by weight: more came than may be sent by name.
    pub surplus_requests: u64,
    /// One sentence with the numbers.
    pub sentence: String,
    /// Why so many came, in one sentence; absent while they are within their bound.
    pub too_many: Option<String>,
}

impl From<CohortReading> for Cohort {
    fn from(reading: CohortReading) -> Self {
        Self {
            requests: reading.requests,
            failed: reading.failed,
            share_ratio: reading.share(),
            max_share_ratio: reading.most.ratio(),
            surplus_requests: reading.surplus,
            sentence: reading.sentence(),
            too_many: reading.too_many().map(|finding| finding.sentence()),
        }
    }
}
