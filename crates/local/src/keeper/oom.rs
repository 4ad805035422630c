//! Whether the kernel has killed somebody for want of memory lately: it says so in a counter, not in the signal.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// From a kill until its process is seen to have ended: large ones take their time.
const LATELY: Duration = Duration::from_secs(5);

/// The machine's counter of such kills, those within a container's own limit included.
pub(super) struct OutOfMemory {
    seen: Cell<Option<u64>>,
    rose: Cell<Option<Instant>>,
}

impl OutOfMemory {
    pub(super) fn new() -> Self {
        Self { seen: Cell::new(count()), rose: Cell::new(None) }
    }

    /// Looks now and then, so that an old kill of somebody else is not taken for this one's.
    pub(super) fn look(&self) {
        let now = count();
        if self.seen.replace(now).zip(now).is_some_and(|(before, now)| now > before) {
            self.rose.set(Some(Instant::now()));
        }
    }

    pub(super) fn killed_lately(&self) -> bool {
        self.look();
        self.rose.get().is_some_and(|rose| rose.elapsed() <= LATELY)
    }
}

/// `None` where the kernel does not count.
fn count() -> Option<u64> {
    parse(&std::fs::read_to_string("/proc/vmstat").ok()?)
}

fn parse(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_found_among_the_others() {
        assert_eq!(parse("oom_kill_other 9\npgfault 3\noom_kill 7\n"), Some(7));
        assert_eq!(parse("pgfault 3\n"), None);
        assert!(!OutOfMemory::new().killed_lately());
    }
}
