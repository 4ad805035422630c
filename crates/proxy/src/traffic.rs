//! Attempts and in-flight counts per instance: what tells control that an instance may be stopped.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use staunch_model::{InstanceId, InstanceTraffic, Timestamp};

use crate::clock::{self, Clock};
use crate::warm_up::Warmth;

/// One thread's counts for one instance; written by that thread alone.
#[derive(Debug)]
pub(crate) struct Traffic {
    instance: InstanceId,
    attempts: AtomicU64,
    failed: AtomicU64,
    in_flight: AtomicU64,
    ejected: AtomicBool,
}

impl Traffic {
    #[inline]
    pub(crate) fn begin(&self) {
        self.attempts.store(self.attempts.load(Relaxed) + 1, Relaxed);
        self.in_flight.store(self.in_flight.load(Relaxed) + 1, Relaxed);
    }
    #[inline]
    pub(crate) fn end(&self) {
        self.in_flight.store(self.in_flight.load(Relaxed) - 1, Relaxed);
    }
    pub(crate) fn failed(&self) {
        self.failed.store(self.failed.load(Relaxed) + 1, Relaxed);
    }
    pub(crate) fn set_ejected(&self, ejected: bool) {
        self.ejected.store(ejected, Relaxed);
    }
    #[inline]
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Relaxed)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Totals {
    attempts: u64,
    failed: u64,
    in_flight: u64,
    ejected: bool,
}

#[derive(Debug, Default)]
struct Tracked {
    threads: Vec<Arc<Traffic>>,
    /// Counts of threads' entries that are gone.
    gone: Totals,
    handed_over: Totals,
    warmth: Option<Arc<Warmth>>,
}

impl Tracked {
    fn totals(&self) -> Totals {
        self.threads.iter().fold(self.gone, |sum, t| Totals {
            attempts: sum.attempts + t.attempts.load(Relaxed),
            failed: sum.failed + t.failed.load(Relaxed),
            in_flight: sum.in_flight + t.in_flight.load(Relaxed),
            ejected: sum.ejected || t.ejected.load(Relaxed),
        })
    }
    /// Folds entries that no thread holds any more into `gone`.
    fn retire(&mut self) {
        let gone = &mut self.gone;
        self.threads.retain(|traffic| {
            let held = Arc::strong_count(traffic) > 1;
            if !held {
                gone.attempts += traffic.attempts.load(Relaxed);
                gone.failed += traffic.failed.load(Relaxed);
            }
            held
        });
    }
}

/// All threads' counts by instance.
#[derive(Debug, Default)]
pub(crate) struct Instances(Mutex<BTreeMap<InstanceId, Tracked>>);

/// What a report took of the counts.
#[derive(Debug, Default)]
pub(crate) struct TakenTraffic(BTreeMap<InstanceId, Totals>);

impl Instances {
    /// A new entry for the calling thread to write.
    pub(crate) fn open(&self, instance: &InstanceId) -> Arc<Traffic> {
        let traffic = Arc::new(Traffic {
            instance: instance.clone(),
            attempts: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            ejected: AtomicBool::new(false),
        });
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(traffic.instance.clone()).or_default().threads.push(Arc::clone(&traffic));
        traffic
    }

    /// The warm-up of an instance that the table has serving since then. Only a later moment is another process, and
    /// begins a warm-up: an earlier one is the same, known less well.
    pub(crate) fn warmth(&self, instance: &InstanceId, since: Timestamp, clock: Clock) -> Arc<Warmth> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = &mut all.entry(instance.clone()).or_default().warmth;
        let same = known.take().filter(|known| since <= known.since);
        let begun = || Arc::new(Warmth::new(since, clock::wall(), clock.micros()));
        Arc::clone(known.insert(same.unwrap_or_else(begun)))
    }

    /// Every instance with something in flight or something new. One that left the table is forgotten once a report
    /// has said that nothing is in flight on it.
    pub(crate) fn take(&self) -> (Vec<InstanceTraffic>, TakenTraffic) {
        let mut report = Vec::new();
        let mut taken = TakenTraffic::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|instance, tracked| {
            tracked.retire();
            let now = tracked.totals();
            let changed = now != tracked.handed_over;
            if changed || now.in_flight > 0 {
                report.push(InstanceTraffic {
                    instance: instance.clone(),
                    attempts: now.attempts - tracked.handed_over.attempts,
                    failed: now.failed - tracked.handed_over.failed,
                    in_flight: now.in_flight,
                    ejected: now.ejected,
                });
                taken.0.insert(instance.clone(), now);
            }
            changed || !tracked.threads.is_empty()
        });
        (report, taken)
    }

    /// The report that carried `taken` has been written.
    pub(crate) fn commit(&self, taken: TakenTraffic) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (instance, totals) in taken.0 {
            if let Some(tracked) = all.get_mut(&instance) {
                tracked.handed_over = totals;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_reported_until_nothing_is_in_flight() {
        let instances = Instances::default();
        let id = InstanceId("a".to_owned());
        let traffic = instances.open(&id);
        traffic.begin();
        instances.commit(instances.take().1);
        let (quiet, taken) = instances.take();
        assert_eq!((quiet[0].attempts, quiet[0].in_flight), (0, 1));
        instances.commit(taken);
        traffic.end();
        drop(traffic);
        let (last, taken) = instances.take();
        assert_eq!(last[0].in_flight, 0);
        instances.commit(taken);
        assert!(instances.take().0.is_empty());
        assert!(instances.0.lock().unwrap().is_empty());
    }
}
