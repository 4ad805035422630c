//! When requests are due. A thread of its own keeps the beat: the runtime's timer knows only milliseconds.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Requests that are due and not yet taken by a connection.
#[derive(Default)]
pub(crate) struct Due {
    waiting: RefCell<VecDeque<(u64, Instant)>>,
    news: Notify,
}

impl Due {
    /// The next request: its number and when it was due. What waits for a connection counts as latency.
    pub(crate) async fn next(&self) -> (u64, Instant) {
        loop {
            let first = self.waiting.borrow_mut().pop_front();
            match first {
                Some(due) => return due,
                None => self.news.notified().await,
            }
        }
    }

    pub(crate) fn backlog(&self) -> usize {
        self.waiting.borrow().len()
    }

    /// Takes requests from the beat for as long as it lasts.
    pub(crate) async fn follow(&self, mut beats: UnboundedReceiver<(u64, Instant)>) {
        while let Some(due) = beats.recv().await {
            self.waiting.borrow_mut().push_back(due);
            self.news.notify_one();
        }
    }
}

/// Makes requests due at an even pace, whatever became of those before, until the receiver is dropped.
pub(crate) fn beat(rate: u32) -> UnboundedReceiver<(u64, Instant)> {
    let (sender, receiver) = unbounded_channel();
    std::thread::spawn(move || keep(&sender, rate.max(1)));
    receiver
}

fn keep(sender: &UnboundedSender<(u64, Instant)>, rate: u32) {
    let start = Instant::now();
    for number in 1.. {
        let due = start + Duration::from_nanos(number * 1_000_000_000 / u64::from(rate));
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if sender.send((number, due)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_are_due_in_order_and_evenly() {
        let due = Due::default();
        let beats = beat(1_000);
        let taken = async {
            let first = due.next().await;
            (first, due.next().await)
        };
        let ((one, at), (two, then)) = tokio::select! {
            both = taken => both,
            () = due.follow(beats) => unreachable!("the beat lasts as long as it is followed"),
        };
        assert_eq!((one, two), (1, 2));
        assert_eq!(then - at, Duration::from_millis(1));
    }
}
