//! A journal that lives as long as its handles: every clone reads and writes the same history.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use staunch_model::{RolloutId, ServiceName};

use crate::{ChainFault, CountChanges, Entry, Journal, JournalError, KeptCounts, NewEntry, RolloutRow};

#[derive(Debug, Clone, Default)]
pub struct MemoryJournal {
    book: Arc<Mutex<Book>>,
    moved: Arc<Condvar>,
}

#[derive(Debug, Default)]
struct Book {
    entries: Vec<Entry>,
    rows: BTreeMap<RolloutId, RolloutRow>,
    checkpoints: BTreeMap<String, Vec<u8>>,
    counts: BTreeMap<ServiceName, KeptCounts>,
    counts_broken: bool,
    rollouts_given: u64,
    full: bool,
    stalled: bool,
    delay: Duration,
}

impl MemoryJournal {
    /// While full, nothing can be recorded.
    pub fn set_full(&self, full: bool) {
        self.lock().full = full;
    }

    /// While stalled, whoever writes waits; readers do not.
    pub fn set_stalled(&self, stalled: bool) {
        self.lock().stalled = stalled;
        self.moved.notify_all();
    }

    /// Whoever writes waits so long each time.
    pub fn set_delay(&self, delay: Duration) {
        self.lock().delay = delay;
    }

    /// While broken, counts cannot be read.
    pub fn set_counts_broken(&self, broken: bool) {
        self.lock().counts_broken = broken;
    }

    fn lock_to_write(&self) -> MutexGuard<'_, Book> {
        let delay = self.lock().delay;
        std::thread::sleep(delay);
        let moved = self.moved.wait_while(self.lock(), |book| book.stalled);
        moved.unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes a recorded entry behind the journal's back.
    pub fn tamper(&self, sequence: u64, change: impl FnOnce(&mut Entry)) {
        let mut book = self.lock();
        if let Some(entry) = book.entries.iter_mut().find(|entry| entry.sequence == sequence) {
            change(entry);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for MemoryJournal {
    fn head(&self) -> u64 {
        self.lock().entries.len() as u64
    }

    fn append(
        &mut self,
        expected: u64,
        entries: Vec<NewEntry>,
        rows: &[RolloutRow],
    ) -> Result<Vec<Entry>, JournalError> {
        let mut book = self.lock_to_write();
        let found = book.entries.len() as u64;
        if book.full {
            return Err(JournalError::Full { place: "memory".to_owned() });
        }
        if found != expected {
            return Err(JournalError::Conflict { expected, found });
        }
        let written: Vec<_> = entries.into_iter().map(|entry| book.chain(entry)).collect();
        book.rows.extend(rows.iter().map(|row| (row.id, row.clone())));
        Ok(written)
    }

    fn read(&self, after: u64, limit: usize) -> Result<Vec<Entry>, JournalError> {
        let skip = usize::try_from(after).unwrap_or(usize::MAX);
        Ok(self.lock().entries.iter().skip(skip).take(limit).cloned().collect())
    }

    fn of_rollout(&self, rollout: RolloutId) -> Result<Vec<Entry>, JournalError> {
        let ours = |entry: &&Entry| entry.rollout == Some(rollout);
        Ok(self.lock().entries.iter().filter(ours).cloned().collect())
    }

    fn rollouts(&self, service: Option<&ServiceName>, limit: usize) -> Result<Vec<RolloutRow>, JournalError> {
        let ours = |row: &&RolloutRow| service.is_none_or(|service| &row.service == service);
        Ok(self.lock().rows.values().rev().filter(ours).take(limit).cloned().collect())
    }

    fn next_rollout(&mut self) -> Result<RolloutId, JournalError> {
        let mut book = self.lock_to_write();
        book.rollouts_given += 1;
        Ok(RolloutId(book.rollouts_given))
    }

    fn verify(&self) -> Result<u64, JournalError> {
        let book = self.lock();
        let mut previous = first();
        for entry in &book.entries {
            if entry.previous != previous || entry.hash != hash(entry) {
                let what = "its hash does not fit its content".to_owned();
                return Err(JournalError::Damaged(ChainFault { sequence: entry.sequence, what }));
            }
            previous.clone_from(&entry.hash);
        }
        Ok(book.entries.len() as u64)
    }

    fn save_checkpoint(&mut self, key: &str, value: &[u8]) -> Result<(), JournalError> {
        self.lock_to_write().checkpoints.insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    fn checkpoint(&self, key: &str) -> Result<Option<Vec<u8>>, JournalError> {
        Ok(self.lock().checkpoints.get(key).cloned())
    }

    fn save_counts(&mut self, changes: &[CountChanges]) -> Result<(), JournalError> {
        let mut book = self.lock_to_write();
        if book.full {
            return Err(JournalError::Full { place: "memory".to_owned() });
        }
        changes.iter().for_each(|change| book.count(change));
        Ok(())
    }

    fn counts(&self, service: &ServiceName) -> Result<KeptCounts, JournalError> {
        let book = self.lock();
        if book.counts_broken {
            return Err(JournalError::Broken("the counts cannot be read".to_owned()));
        }
        Ok(book.counts.get(service).cloned().unwrap_or_default())
    }
}

impl Book {
    fn count(&mut self, change: &CountChanges) {
        let kept = self.counts.entry(change.service.clone()).or_default();
        kept.since = Some(change.since);
        let stale = |start| change.gone.contains(&start) || change.rows.iter().any(|row| row.start == start);
        kept.rows.retain(|row| !stale(row.start));
        kept.rows.extend(&change.rows);
        kept.rows.sort_by_key(|row| row.start);
    }

    fn chain(&mut self, new: NewEntry) -> Entry {
        let previous = self.entries.last().map_or_else(first, |last| last.hash.clone());
        let NewEntry { at, actor, service, rollout, kind, body } = new;
        let sequence = self.entries.len() as u64 + 1;
        let mut entry =
            Entry { sequence, at, actor, service, rollout, kind, body, previous, hash: String::new() };
        entry.hash = hash(&entry);
        self.entries.push(entry.clone());
        entry
    }
}

fn first() -> String {
    "0".repeat(64)
}

/// As long as a SHA-256 and sensitive to every field, which is all that a fake has to be.
fn hash(entry: &Entry) -> String {
    let content = Entry { hash: String::new(), ..entry.clone() };
    let content = serde_json::to_string(&content).unwrap_or_default();
    (0..4u8)
        .map(|part| {
            let mut hasher = DefaultHasher::new();
            (part, &content).hash(&mut hasher);
            format!("{:016x}", hasher.finish())
        })
        .collect()
}
