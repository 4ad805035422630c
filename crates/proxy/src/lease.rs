//! A canary's weight holds only while control renews it. Once lapsed, a generation stays lapsed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::clock::as_micros;

/// Read by every thread on each request, written by the control thread alone.
#[derive(Debug)]
pub(crate) struct Lease {
    deadline_micros: AtomicU64,
    lapsed: AtomicBool,
}

impl Lease {
    pub(crate) fn fresh(now_micros: u64, span: Duration) -> Self {
        let deadline = now_micros.saturating_add(as_micros(span));
        Self { deadline_micros: AtomicU64::new(deadline), lapsed: AtomicBool::new(false) }
    }
    /// For a table that nobody vouches for: read from disk, no control yet.
    pub(crate) fn already_lapsed() -> Self {
        Self { deadline_micros: AtomicU64::new(0), lapsed: AtomicBool::new(true) }
    }
    #[inline]
    pub(crate) fn holds(&self, now_micros: u64) -> bool {
        now_micros <= self.deadline_micros.load(Relaxed) && !self.lapsed.load(Relaxed)
    }
    /// Makes a passed deadline final. A thread may have gone back to stable on its own already: from then on no
    /// renewal may bring the canary back.
    pub(crate) fn settle(&self, now_micros: u64) {
        if now_micros > self.deadline_micros.load(Relaxed) {
            self.lapsed.store(true, Relaxed);
        }
    }
    pub(crate) fn renew(&self, now_micros: u64, span: Duration) {
        self.settle(now_micros);
        if !self.has_lapsed() {
            self.deadline_micros.store(now_micros.saturating_add(as_micros(span)), Relaxed);
        }
    }
    pub(crate) fn has_lapsed(&self) -> bool {
        self.lapsed.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_micros(100);

    #[test]
    fn an_expired_lease_is_stable() {
        let lease = Lease::fresh(0, SPAN);
        assert!(lease.holds(100));
        assert!(!lease.holds(101));
    }

    #[test]
    fn renewal_extends_but_never_revives() {
        let lease = Lease::fresh(0, SPAN);
        lease.renew(80, SPAN);
        assert!(lease.holds(180));
        lease.renew(181, SPAN);
        assert!(lease.has_lapsed());
        assert!(!lease.holds(182));
    }

    #[test]
    fn a_table_from_disk_has_no_lease() {
        let lease = Lease::already_lapsed();
        lease.renew(0, SPAN);
        assert!(!lease.holds(0));
    }
}
