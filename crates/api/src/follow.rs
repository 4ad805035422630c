//! Reading the journal as it grows, exactly: no entry twice, none left out.

use std::sync::Arc;

use staunch_ports::Entry;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::app::{PAGE, Shared};
use crate::problem::Answer;

pub(crate) struct Follow {
    app: Shared,
    live: Receiver<Arc<Entry>>,
    last: u64,
    /// What comes next must be read from the journal: at the start, and after falling behind.
    behind: bool,
}

impl Follow {
    /// Follows from behind `after`. The live stream is joined first, then the journal is read: what is recorded
    /// in between is seen by both, and taken once.
    pub(crate) fn from(app: &Shared, after: u64) -> Self {
        Self { app: app.clone(), live: app.handle.subscribe(), last: after, behind: true }
    }

    /// The next entries, ascending, at least one; `None` when the loop has ended. Cancelling it loses nothing.
    pub(crate) async fn next(&mut self) -> Answer<Option<Vec<Arc<Entry>>>> {
        loop {
            let batch = if self.behind { self.read().await? } else { self.listen().await };
            let Some(batch) = batch else { return Ok(None) };
            if let Some(end) = batch.last() {
                self.last = end.sequence;
                return Ok(Some(batch));
            }
        }
    }

    async fn read(&mut self) -> Answer<Option<Vec<Arc<Entry>>>> {
        let after = self.last;
        let page = self.app.journal(move |handle| handle.entries_after(after, PAGE)).await?;
        self.behind = page.len() == PAGE;
        Ok(Some(page.into_iter().map(Arc::new).collect()))
    }

    async fn listen(&mut self) -> Option<Vec<Arc<Entry>>> {
        match self.live.recv().await {
            Ok(entry) if entry.sequence <= self.last => Some(vec![]),
            Ok(entry) if entry.sequence == self.last + 1 => Some(vec![entry]),
            Ok(_) | Err(RecvError::Lagged(_)) => {
                self.behind = true;
                Some(vec![])
            }
            Err(RecvError::Closed) => None,
        }
    }
}
