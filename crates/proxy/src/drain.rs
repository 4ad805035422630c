//! Ending without losing a request: stop accepting, answer further requests with `Connection: close`, linger, close
//! what is idle, wait for the rest.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::shared::Shared;
use crate::worker::Command;

/// Tunnels and endless streams may go on this long after the drain began.
const GRACE: Duration = Duration::from_secs(3_600);
const LOOK: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    #[default]
    Serving,
    /// HTTP/2 clients have been told; HTTP/1 clients are told with their next response.
    Draining,
    /// Idle connections are closed, others after their response.
    Closing,
}

/// A thread's view of the drain.
#[derive(Debug, Default)]
pub(crate) struct DrainState {
    phase: Cell<Phase>,
    changed: Notify,
}

impl DrainState {
    #[inline]
    pub(crate) fn phase(&self) -> Phase {
        self.phase.get()
    }
    pub(crate) fn enter(&self, phase: Phase) {
        if phase > self.phase.get() {
            self.phase.set(phase);
            self.changed.notify_waiters();
        }
    }
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }
}

/// Drains the edge; returns when nothing is open any more, or after the grace.
pub(crate) async fn drain(shared: Arc<Shared>, linger: Duration) {
    shared.draining.store(true, Ordering::Relaxed);
    shared.listeners.close_all();
    shared.listeners.tell_workers(|| Command::Drain);
    let nothing_open = async || {
        while shared.open.load(Ordering::Relaxed) > 0 || shared.accepting.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(LOOK).await;
        }
    };
    if tokio::time::timeout(linger, nothing_open()).await.is_ok() {
        return;
    }
    shared.listeners.tell_workers(|| Command::CloseIdle);
    // Running into the grace is an end like any other.
    let _ = tokio::time::timeout(GRACE, nothing_open()).await;
}
