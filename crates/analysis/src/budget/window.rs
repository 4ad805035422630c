//! How finely time is cut, and where a window begins.
//!
//! A window's edge is aligned to the resolution that its oldest buckets have by then. So when a bucket leaves does not
//! depend on whether it has been made coarser meanwhile, and a thaw that was announced stays where it was.

use std::time::Duration;

use staunch_model::Timestamp;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// Windows shorter than an hour are counted by the second: ten seconds would be a good part of them.
const SHORT: i64 = HOUR;
/// Up to these ages: fine, then medium, then by the hour.
const FINE_FOR: i64 = 6 * HOUR;
const MEDIUM_FOR: i64 = 72 * HOUR;
const MEDIUM: i64 = 5 * MINUTE;

/// How a ledger for one window cuts time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Milliseconds.
    pub(crate) window: i64,
    pub(crate) fine: i64,
}

impl Cut {
    pub(crate) fn of(window: Duration) -> Self {
        let window = millis(window);
        Self { window, fine: if window < SHORT { SECOND } else { 10 * SECOND } }
    }

    /// The resolution of what is so old, in milliseconds.
    pub(crate) fn at_age(self, age: i64) -> i64 {
        if age <= FINE_FOR {
            self.fine
        } else if age <= MEDIUM_FOR {
            MEDIUM
        } else {
            HOUR
        }
    }

    /// The start of the oldest bucket that belongs to a window of this length.
    pub(crate) fn edge(self, length: i64, now: Timestamp) -> i64 {
        floor(now.0.saturating_sub(length), self.at_age(length))
    }

    /// When a bucket that begins then has left the whole window.
    pub(crate) fn leaves(self, start: i64) -> Timestamp {
        let coarse = self.at_age(self.window);
        Timestamp(floor(start, coarse).saturating_add(coarse).saturating_add(self.window))
    }

    /// The start that a bucket has by now: that of the coarse one it belongs to, when all of that is old enough.
    pub(crate) fn start_by(self, start: i64, now: Timestamp) -> i64 {
        let coarse = [(HOUR, MEDIUM_FOR), (MEDIUM, FINE_FOR)];
        let due =
            coarse.into_iter().find(|(span, age)| floor(start, *span) + span <= now.0.saturating_sub(*age));
        due.map_or(start, |(span, _)| floor(start, span))
    }

    /// How often it is worth looking for buckets that became old.
    pub(crate) fn rhythm(self) -> i64 {
        if self.window <= FINE_FOR { self.fine } else { MEDIUM }
    }
}

/// The resolution at the far end of a window: by how much the window may be longer than it says.
pub fn resolution(window: Duration) -> Duration {
    let cut = Cut::of(window);
    Duration::from_millis(cut.at_age(cut.window).unsigned_abs())
}

pub(crate) fn floor(at: i64, span: i64) -> i64 {
    at.saturating_sub(at.rem_euclid(span))
}

pub(crate) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
