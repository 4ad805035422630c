//! Where the numbers of a rollout are kept, so that its decisions can be looked at again.

use staunch_model::RolloutId;

/// Takes lines of a recording. It must never make the loop wait: what it cannot take is left out and marked.
pub trait Recorder: Send {
    /// Appends lines (without line ends) to the rollout's recording, beginning it when there is none.
    fn append(&mut self, rollout: RolloutId, lines: Vec<String>);
}

/// Keeps nothing.
#[derive(Debug, Default)]
pub struct Forgetful;

impl Recorder for Forgetful {
    fn append(&mut self, _: RolloutId, _: Vec<String>) {}
}
