//! Jobs that mostly wait, a few at once.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::say;

/// They have two cores, and each has users who ask all the time.
const AT_ONCE: usize = 3;

pub(crate) struct Job {
    name: String,
    work: Box<dyn FnOnce() -> Result<(), String> + Send>,
}

impl Job {
    pub(crate) fn new(
        name: impl Into<String>,
        work: impl FnOnce() -> Result<(), String> + Send + 'static,
    ) -> Self {
        Self { name: name.into(), work: Box::new(work) }
    }

    fn run(self) -> Result<(), String> {
        let began = Instant::now();
        let outcome = (self.work)();
        let told = if outcome.is_ok() { "as told" } else { "not as told" };
        say(&format!("── {}: {told}, {} s", self.name, began.elapsed().as_secs()));
        outcome.map_err(|why| format!("{}: {why}", self.name))
    }
}

/// Begins them in this order and runs all to their end, whatever fails.
pub(crate) fn run(jobs: Vec<Job>) -> Result<(), String> {
    let left = Mutex::new(jobs.into_iter());
    let failed = Mutex::new(vec![]);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(job) = next(&left) {
                    if let Err(why) = job.run() {
                        failed.lock().unwrap_or_else(PoisonError::into_inner).push(why);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

fn next(left: &Mutex<std::vec::IntoIter<Job>>) -> Option<Job> {
    left.lock().unwrap_or_else(PoisonError::into_inner).next()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn every_job_is_run_and_every_failure_is_told() {
        let ran = Arc::new(AtomicUsize::new(0));
        let job = |name: &str, outcome: Result<(), String>| {
            let ran = ran.clone();
            Job::new(name, move || {
                ran.fetch_add(1, Ordering::Relaxed);
                outcome
            })
        };
        let jobs = |count| (0..count).map(|_| job("good", Ok(()))).collect::<Vec<_>>();
        assert_eq!(run(jobs(9)), Ok(()));
        let mut bad = vec![job("bad", Err("it broke".to_owned()))];
        bad.extend(jobs(9));
        assert_eq!(run(bad), Err("bad: it broke".to_owned()));
        assert_eq!(ran.load(Ordering::Relaxed), 19);
    }
}
