//! A bounded selection of failed attempts, kept until a report carries them away.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use staunch_model::Failure;

/// Examples kept between two reports: enough to see distinct clients fail, small enough to send ten times a second.
const MAX_FAILURES: usize = 256;

#[derive(Debug, Default)]
struct Kept {
    failures: VecDeque<Failure>,
    dropped: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<Kept>);

impl Failures {
    /// Keeps the failure if there is room; `build` runs only then.
    pub(crate) fn add(&self, build: impl FnOnce() -> Failure) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.failures.len() < MAX_FAILURES {
            kept.failures.push_back(build());
        } else {
            kept.dropped += 1;
        }
    }

    pub(crate) fn take(&self) -> (Vec<Failure>, u64) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (kept.failures.drain(..).collect(), std::mem::take(&mut kept.dropped))
    }

    /// A report was not written: its failures go back to the front.
    pub(crate) fn put_back(&self, failures: Vec<Failure>, dropped: u64) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.dropped += dropped;
        for failure in failures.into_iter().rev() {
            kept.failures.push_front(failure);
        }
        while kept.failures.len() > MAX_FAILURES {
            kept.failures.pop_back();
            kept.dropped += 1;
        }
    }
}
