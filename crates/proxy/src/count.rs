//! Counters with one writer each. A thread adds with a relaxed load and store; the reporter reads all threads'
//! blocks and subtracts what it has already handed over. No locks, no resets, nothing shared on the hot path.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use staunch_model::{
    Histogram, LATENCY_BUCKETS, Outcomes, RevisionDigest, Sample, ServiceName, SplitGeneration, Weight,
};

/// How a first attempt ended; the number is its cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Cell {
    Assigned,
    Ok,
    ClientError,
    ServerError,
    ConnectError,
    Timeout,
    Reset,
    ClientGone,
    Shielded,
    Retried,
    Surplus,
}

const CELLS: usize = Cell::Surplus as usize + 1;

/// What a block counts.
#[derive(Debug)]
pub(crate) struct BlockKey {
    pub(crate) service: ServiceName,
    pub(crate) revision: RevisionDigest,
    pub(crate) generation: SplitGeneration,
    pub(crate) weight: Weight,
    pub(crate) route: Arc<str>,
    /// The attempts are given to instances that warm up.
    pub(crate) warming: bool,
    /// See [`Sample::twin`].
    pub(crate) twin: Option<bool>,
    /// Sent to the canary by name.
    pub(crate) chosen: bool,
}

/// One thread's counts for one route of one revision under one split, in or after the warm-up.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Block {
    cells: [AtomicU64; CELLS],
    latency: [AtomicU32; LATENCY_BUCKETS],
    pub(crate) key: BlockKey,
}

impl Block {
    fn new(key: BlockKey) -> Self {
        Self {
            cells: [const { AtomicU64::new(0) }; CELLS],
            latency: [const { AtomicU32::new(0) }; LATENCY_BUCKETS],
            key,
        }
    }
    #[inline]
    pub(crate) fn count(&self, cell: Cell) {
        let counter = &self.cells[cell as usize];
        counter.store(counter.load(Relaxed) + 1, Relaxed);
    }
    #[inline]
    pub(crate) fn latency(&self, bucket: u16) {
        let counter = &self.latency[usize::from(bucket)];
        counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
    }
    fn read(&self) -> Snapshot {
        let cells = std::array::from_fn(|i| self.cells[i].load(Relaxed));
        Snapshot { cells, latency: self.latency.iter().map(|c| c.load(Relaxed)).collect() }
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Snapshot {
    cells: [u64; CELLS],
    latency: Vec<u32>,
}

impl Snapshot {
    fn zero() -> Self {
        Self { cells: [0; CELLS], latency: vec![0; LATENCY_BUCKETS] }
    }
}

#[derive(Debug)]
struct Tracked {
    block: Arc<Block>,
    handed_over: Snapshot,
}

/// All blocks of all threads, and what of them control has already got.
#[derive(Debug, Default)]
pub(crate) struct Counts(Mutex<Vec<Tracked>>);

/// What a report took; it becomes "handed over" when the report is written.
#[derive(Debug, Default)]
pub(crate) struct Taken(Vec<(Arc<Block>, Snapshot)>);

impl Counts {
    /// A new block, for the calling thread to write.
    pub(crate) fn open(&self, key: BlockKey) -> Arc<Block> {
        let block = Arc::new(Block::new(key));
        let tracked = Tracked { block: Arc::clone(&block), handed_over: Snapshot::zero() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(tracked);
        block
    }

    /// All that was counted since the last committed take. Blocks that no thread can write any more and that are
    /// fully handed over are forgotten.
    pub(crate) fn take(&self) -> (Vec<Sample>, Taken) {
        let mut samples = Vec::new();
        let mut taken = Taken::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|tracked| {
            // Read before the counts: once the writers are gone the counts are final.
            let final_counts = Arc::strong_count(&tracked.block) == 1;
            std::sync::atomic::fence(std::sync::atomic::Ordering::Acquire);
            let now = tracked.block.read();
            let changed = now != tracked.handed_over;
            if changed {
                samples.push(sample(&tracked.block.key, &tracked.handed_over, &now));
                taken.0.push((Arc::clone(&tracked.block), now));
            }
            changed || !final_counts
        });
        (merged(samples), taken)
    }

    /// The report that carried `taken` has been written.
    pub(crate) fn commit(&self, taken: Taken) {
        let mut blocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (block, snapshot) in taken.0 {
            if let Some(tracked) = blocks.iter_mut().find(|t| Arc::ptr_eq(&t.block, &block)) {
                tracked.handed_over = snapshot;
            }
        }
    }
}

fn sample(key: &BlockKey, before: &Snapshot, now: &Snapshot) -> Sample {
    let cell = |cell: Cell| now.cells[cell as usize] - before.cells[cell as usize];
    let grown = now.latency.iter().zip(&before.latency).map(|(n, b)| u64::from(n.wrapping_sub(*b)));
    let buckets = grown.enumerate().filter(|(_, n)| *n > 0).map(|(bucket, n)| (bucket as u16, n));
    Sample {
        service: key.service.clone(),
        revision: key.revision.clone(),
        generation: key.generation,
        weight: key.weight,
        route: key.route.to_string(),
        warming: key.warming,
        twin: key.twin,
        chosen: key.chosen,
        outcomes: Outcomes {
            assigned: cell(Cell::Assigned),
            ok: cell(Cell::Ok),
            client_error: cell(Cell::ClientError),
            server_error: cell(Cell::ServerError),
            connect_error: cell(Cell::ConnectError),
            timeout: cell(Cell::Timeout),
            reset: cell(Cell::Reset),
            client_gone: cell(Cell::ClientGone),
            shielded: cell(Cell::Shielded),
            retried: cell(Cell::Retried),
            surplus: cell(Cell::Surplus),
        },
        latency: Histogram(buckets.collect()),
    }
}

/// One sample per key: the threads' blocks added up.
fn merged(mut samples: Vec<Sample>) -> Vec<Sample> {
    type Key<'a> =
        (&'a ServiceName, &'a RevisionDigest, SplitGeneration, Weight, &'a str, (bool, Option<bool>, bool));
    fn key(s: &Sample) -> Key<'_> {
        (&s.service, &s.revision, s.generation, s.weight, &s.route, (s.warming, s.twin, s.chosen))
    }
    samples.sort_by(|a, b| key(a).cmp(&key(b)));
    samples.dedup_by(|from, into| {
        let same = key(from) == key(into);
        if same {
            into.outcomes.add(&from.outcomes);
            into.latency.merge(&from.latency);
        }
        same
    });
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(route: &str) -> BlockKey {
        BlockKey {
            service: ServiceName::try_from("shop".to_owned()).unwrap(),
            revision: RevisionDigest::from_sha256([1; 32]),
            generation: SplitGeneration(1),
            weight: Weight::ZERO,
            route: route.into(),
            warming: false,
            twin: None,
            chosen: false,
        }
    }

    #[test]
    fn threads_add_up_and_nothing_is_handed_over_twice() {
        let counts = Counts::default();
        let (a, b) = (counts.open(key("GET /")), counts.open(key("GET /")));
        a.count(Cell::Ok);
        b.count(Cell::Ok);
        b.latency(3);
        let (samples, taken) = counts.take();
        assert_eq!(samples.len(), 1);
        assert_eq!(samples[0].outcomes.ok, 2);
        assert_eq!(samples[0].latency, Histogram(vec![(3, 1)]));
        counts.commit(taken);
        assert!(counts.take().0.is_empty());
    }

    #[test]
    fn what_warming_instances_were_given_stays_apart() {
        let counts = Counts::default();
        let (cold, warm) =
            (counts.open(BlockKey { warming: true, ..key("GET /") }), counts.open(key("GET /")));
        cold.count(Cell::Reset);
        warm.count(Cell::Ok);
        let samples: Vec<(bool, u64, u64)> =
            counts.take().0.iter().map(|s| (s.warming, s.outcomes.ok, s.outcomes.reset)).collect();
        assert_eq!(samples, [(false, 1, 0), (true, 0, 1)]);
    }

    #[test]
    fn what_twins_were_given_stays_apart() {
        let counts = Counts::default();
        let blocks =
            [None, Some(false), Some(true)].map(|twin| counts.open(BlockKey { twin, ..key("GET /") }));
        blocks.iter().for_each(|block| block.count(Cell::Ok));
        let samples: Vec<_> = counts.take().0.iter().map(|s| (s.twin, s.outcomes.ok)).collect();
        assert_eq!(samples, [(None, 1), (Some(false), 1), (Some(true), 1)]);
    }

    #[test]
    fn what_was_sent_by_name_stays_apart() {
        let counts = Counts::default();
        let (by_chance, by_name) =
            (counts.open(key("GET /")), counts.open(BlockKey { chosen: true, ..key("GET /") }));
        by_chance.count(Cell::Surplus);
        by_name.count(Cell::Ok);
        let samples: Vec<_> =
            counts.take().0.iter().map(|s| (s.chosen, s.outcomes.ok, s.outcomes.surplus)).collect();
        assert_eq!(samples, [(false, 0, 1), (true, 1, 0)]);
    }

    #[test]
    fn a_report_that_was_not_written_is_taken_again() {
        let counts = Counts::default();
        let block = counts.open(key("GET /"));
        block.count(Cell::Reset);
        drop(counts.take());
        block.count(Cell::Reset);
        assert_eq!(counts.take().0[0].outcomes.reset, 2);
    }

    #[test]
    fn a_block_lives_until_its_last_count_is_handed_over() {
        let counts = Counts::default();
        let block = counts.open(key("GET /"));
        block.count(Cell::Ok);
        drop(block);
        counts.commit(counts.take().1);
        drop(counts.take());
        assert!(counts.0.lock().unwrap().is_empty());
    }
}
