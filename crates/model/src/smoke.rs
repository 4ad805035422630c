//! What is run against a new revision's instances before they may serve.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{InstanceId, RolloutId, duration_ms};

/// A command of the configuration; exit status 0 is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmokeSpec {
    pub words: Vec<String>,
    #[serde(with = "duration_ms")]
    pub timeout: Duration,
    pub scope: SmokeScope,
}

impl SmokeSpec {
    pub fn line(&self) -> String {
        self.words.join(" ")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SmokeScope {
    /// Once, against one instance, when all of the revision's instances are ready.
    One,
    /// Against each instance as it becomes ready.
    Each,
}

/// One run of a check: never mistaken for that of another rollout or instance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SmokeKey {
    pub rollout: RolloutId,
    /// Index into the strategy's checks.
    pub check: usize,
    pub instance: InstanceId,
}
