//! The thread that writes the journal: the loop hands it work, and waits no longer than it chooses to.
//!
//! A disk that stalls for seconds must not keep users on a bad version, so the loop never waits for one.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use staunch_ports::{Journal, JournalError};

type Work = Box<dyn FnOnce(&mut dyn Journal) + Send>;

/// Works in the order in which it was asked. Dropped, it finishes what it was given.
pub(crate) struct Scribe {
    /// `None` only while it is dropped.
    work: Option<Sender<Work>>,
    thread: Option<JoinHandle<()>>,
}

impl Scribe {
    pub(crate) fn start(mut journal: Box<dyn Journal>) -> Result<Self, JournalError> {
        let (work, inbox) = mpsc::channel::<Work>();
        let write = move || inbox.iter().for_each(|work| work(journal.as_mut()));
        let thread = std::thread::Builder::new()
            .name("staunch-journal".to_owned())
            .spawn(write)
            .map_err(|error| JournalError::Broken(error.to_string()))?;
        Ok(Self { work: Some(work), thread: Some(thread) })
    }

    /// The answer comes when the work is done; never, if the thread has ended.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Journal) -> T + Send + 'static,
    ) -> Receiver<T> {
        let (reply, answer) = mpsc::channel();
        // Whoever no longer waits for the answer does not need it.
        let work: Work = Box::new(move |journal| drop(reply.send(work(journal))));
        if let Some(inbox) = &self.work {
            // A thread that has ended is seen by whoever waits for the answer.
            drop(inbox.send(work));
        }
        answer
    }
}

impl Drop for Scribe {
    fn drop(&mut self) {
        drop(self.work.take());
        if let Some(thread) = self.thread.take() {
            // A panic in it has been reported already.
            drop(thread.join());
        }
    }
}
