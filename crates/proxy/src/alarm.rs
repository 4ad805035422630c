//! Deadlines of attempts, kept by the thread and looked at once a tick: nearly all of them are taken back unused, so
//! setting one must cost next to nothing, and none needs to be exact.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::thread::Thread;

#[derive(Debug, Default)]
pub(crate) struct Alarms {
    slots: RefCell<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    set: Vec<Option<(u64, Waker)>>,
    free: Vec<usize>,
}

impl Alarms {
    /// Wakes everyone whose time has come.
    pub(crate) fn ring(&self, now_micros: u64) {
        for (due, waker) in self.slots.borrow().set.iter().flatten() {
            if *due <= now_micros {
                waker.wake_by_ref();
            }
        }
    }

    fn set(&self, at: Option<usize>, alarm: (u64, Waker)) -> usize {
        let mut slots = self.slots.borrow_mut();
        let at = at.or_else(|| slots.free.pop()).unwrap_or_else(|| {
            slots.set.push(None);
            slots.set.len() - 1
        });
        slots.set[at] = Some(alarm);
        at
    }

    fn clear(&self, at: usize) {
        let mut slots = self.slots.borrow_mut();
        slots.set[at] = None;
        slots.free.push(at);
    }
}

/// Ends at the first tick at or after its moment.
pub(crate) struct Alarm<'a> {
    thread: &'a Thread,
    due_micros: u64,
    slot: Option<usize>,
}

impl<'a> Alarm<'a> {
    pub(crate) fn new(thread: &'a Thread, due_micros: u64) -> Self {
        Self { thread, due_micros, slot: None }
    }

    pub(crate) fn reset(&mut self, due_micros: u64) {
        self.due_micros = due_micros;
        self.take_back();
    }

    fn take_back(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.thread.alarms.clear(slot);
        }
    }
}

impl Future for Alarm<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.thread.coarse_micros() >= self.due_micros {
            return Poll::Ready(());
        }
        let alarm = (self.due_micros, cx.waker().clone());
        self.slot = Some(self.thread.alarms.set(self.slot, alarm));
        Poll::Pending
    }
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        self.take_back();
    }
}
