//! What users saw, summed over all of them.

use std::collections::BTreeMap;

/// Counts of one load.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) gets: u64,
    pub(crate) posts: u64,
    pub(crate) failed_gets: u64,
    pub(crate) failed_posts: u64,
    /// Keep-alive connections that ended without being announced.
    pub(crate) dropped: u64,
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// The first failures in words.
    pub(crate) words: Vec<String>,
}

const WORDS: usize = 8;

impl Tally {
    pub(crate) fn requests(&self) -> u64 {
        self.gets + self.posts
    }

    pub(crate) fn asked(&mut self, method: &str) {
        *(if method == "GET" { &mut self.gets } else { &mut self.posts }) += 1;
    }

    pub(crate) fn failed(&mut self, method: &str, words: String) {
        *(if method == "GET" { &mut self.failed_gets } else { &mut self.failed_posts }) += 1;
        if self.words.len() < WORDS {
            self.words.push(words);
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.gets += other.gets;
        self.posts += other.posts;
        self.failed_gets += other.failed_gets;
        self.failed_posts += other.failed_posts;
        self.dropped += other.dropped;
        other.statuses.iter().for_each(|(status, count)| *self.statuses.entry(*status).or_default() += count);
        self.words.extend(other.words.iter().cloned());
        self.words.truncate(WORDS);
    }

    /// Nobody noticed anything.
    #[track_caller]
    pub(crate) fn unharmed(&self) {
        assert!(self.requests() > 0, "nobody asked anything");
        assert!(self.failed_gets + self.failed_posts + self.dropped == 0, "{self:?}");
    }

    /// Nobody who only reads noticed anything.
    #[track_caller]
    pub(crate) fn readers_unharmed(&self) {
        assert!(self.gets > 0, "nobody asked anything");
        assert!(self.failed_gets == 0, "{self:?}");
    }
}
