//! Many seeds on many workers: the same results whatever their number.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How far a simulation has come, and a way to end it early: shared with whoever shows it.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    stopped: AtomicBool,
}

impl Progress {
    /// Runs that have ended.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }
    /// Each worker ends after the run that it is in.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

/// It was asked to end before all seeds had run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped before the simulation was complete")]
pub struct Stopped;

/// `one` for each seed from 0, on so many workers (at least one), in the order of the seeds.
pub(crate) fn run_all<T: Send>(
    seeds: u64,
    workers: usize,
    progress: &Progress,
    one: impl Fn(u64) -> T + Sync,
) -> Result<Vec<T>, Stopped> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut results = Vec::new();
        while !progress.is_stopped() {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                break;
            }
            results.push((seed, one(seed)));
            progress.done.fetch_add(1, Ordering::Relaxed);
        }
        results
    };
    let mut results: Vec<(u64, T)> = std::thread::scope(|scope| {
        let hands: Vec<_> = (0..workers.clamp(1, 1_024)).map(|_| scope.spawn(work)).collect();
        hands.into_iter().filter_map(|hand| hand.join().ok()).flatten().collect()
    });
    if progress.is_stopped() {
        return Err(Stopped);
    }
    results.sort_by_key(|(seed, _)| *seed);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_do_not_depend_on_the_workers() {
        let run = |workers| run_all(1_000, workers, &Progress::default(), |seed| seed * seed);
        assert_eq!(run(1), run(7));
        assert_eq!(run(0).map(|results| results[999]), Ok(998_001));
    }

    #[test]
    fn it_can_be_stopped() {
        let progress = Progress::default();
        let one = |seed| {
            if seed == 10 {
                progress.stop();
            }
        };
        assert_eq!(run_all(1_000_000_000, 2, &progress, one), Err(Stopped));
        assert!(progress.done() < 1_000);
    }
}
