//! Waiting for a condition instead of for a time.

use std::time::{Duration, Instant};

/// A look is often a run of the binary: more of them would be the load of the machine.
const LOOK: Duration = Duration::from_millis(30);
/// Generous: a busy machine is no failure.
const PATIENCE: Duration = Duration::from_secs(40);

/// The first `Some`, or a panic that names what did not come.
pub(crate) fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, look)
}

pub(crate) fn until_within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {patience:?} in vain for {what}");
        std::thread::sleep(LOOK);
    }
}
