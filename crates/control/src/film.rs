//! What is known of a rollout beside its phases: how its numbers went, and all that was recorded of it.

use staunch_analysis::{Film, Record, film};
use staunch_model::RolloutId;
use staunch_ports::{Entry, JournalError};

use crate::Handle;

impl Handle {
    /// The rollout's numbers over time, from its recording; `None` when there is none (any more). May take a while:
    /// an hour of recording is read and judged again.
    pub fn film(&self, rollout: RolloutId) -> Option<Film> {
        // A torn end is the second that is being written.
        let records = self.recordings.lines(rollout);
        film(records.map_while(|line| serde_json::from_str::<Record>(&line).ok()))
    }

    /// Every entry of one rollout, ascending.
    pub fn recorded_of(&self, rollout: RolloutId) -> Result<Vec<Entry>, JournalError> {
        self.reader().of_rollout(rollout)
    }
}
