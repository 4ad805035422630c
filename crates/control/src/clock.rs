use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use staunch_model::Timestamp;
use staunch_ports::Clock;

/// Wall time at the start, monotonic time from there on: setting the machine's clock back or forth moves no
/// deadline. It starts no earlier than the journal's last entry, so history keeps its order.
pub struct SteadyClock {
    base: i64,
    started: Instant,
    last: AtomicI64,
}

impl SteadyClock {
    pub fn starting_after(journal_end: Timestamp) -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64);
        let base = wall.max(journal_end.0);
        Self { base, started: Instant::now(), last: AtomicI64::new(base) }
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        let now = self.base + self.started.elapsed().as_millis() as i64;
        Timestamp(self.last.fetch_max(now, Ordering::Relaxed).max(now))
    }
}
