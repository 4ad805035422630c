//! What both sides did, second by second, for comparisons over a window.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use staunch_evidence::Counts;
use staunch_model::Timestamp;

use crate::intake::Arms;

/// The longest window that can be asked for.
pub(crate) const KEPT: usize = 600;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seconds(VecDeque<(Timestamp, Arms<Counts>)>);

impl Seconds {
    pub(crate) fn add(&mut self, counts: Arms<Counts>, now: Timestamp) {
        let second = Timestamp(now.0 - now.0.rem_euclid(1_000));
        if self.0.back().is_none_or(|(last, _)| *last < second) {
            self.0.push_back((second, Arms::default()));
        }
        if let Some((_, open)) = self.0.back_mut() {
            open.canary = open.canary.plus(counts.canary);
            open.stable = open.stable.plus(counts.stable);
        }
        while self.0.len() > KEPT {
            self.0.pop_front();
        }
    }

    /// The last `window`, whole seconds.
    pub(crate) fn within(&self, window: Duration, now: Timestamp) -> Arms<Counts> {
        self.sum(|at| now.since(at) <= window)
    }

    /// Before and since a moment.
    pub(crate) fn around(&self, moment: Timestamp) -> (Arms<Counts>, Arms<Counts>) {
        (self.sum(|at| at < moment), self.sum(|at| at >= moment))
    }

    /// How long it has been counted.
    pub(crate) fn span(&self, now: Timestamp) -> Option<Duration> {
        self.0.front().map(|(first, _)| now.since(*first))
    }

    fn sum(&self, counts: impl Fn(Timestamp) -> bool) -> Arms<Counts> {
        self.0.iter().filter(|(at, _)| counts(*at)).fold(Arms::default(), |sum, (_, second)| Arms {
            canary: sum.canary.plus(second.canary),
            stable: sum.stable.plus(second.stable),
        })
    }
}
