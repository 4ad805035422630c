//! What has been compared since the last report. Written by the mirror's thread.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};

use staunch_model::{ServiceName, ShadowCounts, ShadowExample, ShadowSample, SplitGeneration};

use super::Mirror;

/// Kept between two reports.
const TIMED: usize = 1_024;
const EXAMPLES: usize = 4;
const VOLATILE: usize = 32;

type Key = (ServiceName, SplitGeneration);

#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<BTreeMap<Key, ShadowSample>>);

/// What came of one copy.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    pub(crate) counts: ShadowCounts,
    pub(crate) timed: Option<(Option<u32>, Option<u32>)>,
    pub(crate) volatile: Vec<String>,
    pub(crate) example: Option<ShadowExample>,
}

impl Tally {
    pub(crate) fn add(&self, mirror: &Mirror, entry: Entry) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        merge(samples.entry(key(mirror)).or_insert_with(|| empty(mirror)), entry);
    }

    /// What `mirrors` did not copy is added to what was compared.
    pub(crate) fn take<'a>(&self, mirrors: impl Iterator<Item = &'a Mirror>) -> Vec<ShadowSample> {
        for mirror in mirrors {
            let (dropped, too_large) =
                (mirror.state.dropped.swap(0, Relaxed), mirror.state.too_large.swap(0, Relaxed));
            if dropped + too_large > 0 {
                let counts = ShadowCounts { dropped, too_large, ..ShadowCounts::default() };
                self.add(mirror, Entry { counts, ..Entry::default() });
            }
        }
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *samples).into_values().collect()
    }

    /// A report was not written: what it carried goes into the next.
    pub(crate) fn put_back(&self, samples: Vec<ShadowSample>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for mut sample in samples {
            let key = (sample.service.clone(), sample.generation);
            if let Some(later) = kept.remove(&key) {
                sample.counts.add(&later.counts);
                sample.timed.extend(later.timed);
                sample.volatile.extend(later.volatile);
                sample.examples.extend(later.examples);
                bound(&mut sample);
            }
            kept.insert(key, sample);
        }
    }
}

fn key(mirror: &Mirror) -> Key {
    (mirror.table.service.clone(), mirror.generation())
}

fn empty(mirror: &Mirror) -> ShadowSample {
    ShadowSample {
        service: mirror.table.service.clone(),
        revision: mirror.revision().clone(),
        generation: mirror.generation(),
        counts: ShadowCounts::default(),
        timed: vec![],
        volatile: vec![],
        examples: vec![],
    }
}

fn merge(sample: &mut ShadowSample, entry: Entry) {
    sample.counts.add(&entry.counts);
    sample.timed.extend(entry.timed);
    sample.volatile.extend(entry.volatile);
    sample.examples.extend(entry.example);
    bound(sample);
}

/// The first are kept: which come first depends on nothing that is judged.
fn bound(sample: &mut ShadowSample) {
    sample.timed.truncate(TIMED);
    sample.volatile.truncate(VOLATILE);
    sample.examples.truncate(EXAMPLES);
}
