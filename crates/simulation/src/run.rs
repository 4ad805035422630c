//! One seed: what is tried, and how it ended.

use serde::{Deserialize, Serialize};
use staunch_analysis::Question;
use staunch_model::RolloutSpec;
use staunch_rollout::IllegalEvent;

use crate::course::Course;
use crate::looks::Looks;
use crate::path::Path;
use crate::policy::Policy;
use crate::traffic::Scene;

/// A policy and a world made ready for any number of seeds.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    pub(crate) scene: Scene,
    pub(crate) policy: Policy,
    pub(crate) looks: Looks,
    pub(crate) spec: RolloutSpec,
    pub(crate) question: Question,
}

/// How a rollout ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    Promoted,
    /// By evidence: a gate, or harm found by all evidence together.
    Blamed,
    /// Taken back for another reason: a deadline, or silence where the file asks to abort.
    GaveUp,
    /// Still under way at the horizon.
    Unfinished,
}

/// One seed's rollout. Seconds count from the canary's first user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Run {
    pub end: End,
    /// Why it was taken back: the gate, `harm` for all evidence together, or the code of another cause.
    pub cause: Option<String>,
    pub at_secs: f64,
    /// When the promotion was routed.
    pub full_secs: Option<f64>,
    /// The canary's failures less what stable's error share lets expect of its requests.
    pub excess: f64,
    pub canary_requests: u64,
    pub looks: u64,
}

impl Trial {
    pub(crate) fn new(policy: &Policy, scene: Scene, looks: Looks) -> Self {
        let spec = policy.rollout();
        let question = Question::of(&spec, policy.sticky);
        Self { scene, looks: looks.sane(), policy: policy.clone(), spec, question }
    }

    pub(crate) fn run(&self, seed: u64) -> Result<Run, IllegalEvent> {
        Course::new(self, seed, None).run()
    }

    /// The same, with each look's judgement kept.
    pub(crate) fn watched(&self, seed: u64, path: &mut Path) -> Result<Run, IllegalEvent> {
        Course::new(self, seed, Some(path)).run()
    }
}
