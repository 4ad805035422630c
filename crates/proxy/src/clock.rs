//! The edge's own time: microseconds since the process began to serve, monotonic.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use staunch_model::Timestamp;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    base: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { base: Instant::now() }
    }
    pub(crate) fn micros(self) -> u64 {
        self.micros_at(Instant::now())
    }
    pub(crate) fn micros_at(self, instant: Instant) -> u64 {
        as_micros(instant.saturating_duration_since(self.base))
    }
    pub(crate) fn instant_at(self, micros: u64) -> Instant {
        self.base + Duration::from_micros(micros)
    }
}

pub(crate) fn as_micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// Wall-clock time for records that people read.
pub(crate) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
