//! Where the numbers of a rollout are kept, so that its decisions can be looked at again.

use std::sync::Arc;

use staunch_model::RolloutId;

/// Takes lines of a recording. It must never make the loop wait: what it cannot take is left out and marked.
pub trait Recorder: Send {
    /// Appends lines (without line ends) to the rollout's recording, beginning it when there is none.
    fn append(&mut self, rollout: RolloutId, lines: Vec<String>);
    /// Where what was written can be read again, by others and at the same time.
    fn recordings(&self) -> Arc<dyn Recordings> {
        Arc::new(Forgetful)
    }
}

/// Reads recordings. They are not history: one that is gone is no error.
pub trait Recordings: Send + Sync {
    /// The lines that can be read, oldest first; none without a recording. Each may wait for a disk: a long recording is
    /// never held whole.
    fn lines(&self, rollout: RolloutId) -> Box<dyn Iterator<Item = String>>;
}

/// Keeps nothing.
#[derive(Debug, Default)]
pub struct Forgetful;

impl Recorder for Forgetful {
    fn append(&mut self, _: RolloutId, _: Vec<String>) {}
}

impl Recordings for Forgetful {
    fn lines(&self, _: RolloutId) -> Box<dyn Iterator<Item = String>> {
        Box::new(std::iter::empty())
    }
}
