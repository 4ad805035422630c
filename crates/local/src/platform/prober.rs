//! Watches the health of one process until it is another's turn.

use std::sync::Arc;
use std::time::Duration;

use staunch_model::{ProbeSpec, Timestamp, human_duration};
use tokio::time::sleep;

use super::keeper_thread::Order;
use super::kept::Kept;
use super::probe::{Healthy, probe};
use super::shared::Shared;
use super::world::Tracked;
use crate::protocol::{Identity, InstanceSpec};
use crate::time::now;

/// While an instance is not ready, the next look comes this soon: users wait for it.
const EAGER: Duration = Duration::from_millis(50);

pub(super) struct Prober {
    pub(super) shared: Arc<Shared>,
    pub(super) instance: InstanceSpec,
    pub(super) process: Identity,
    pub(super) started: Timestamp,
}

/// Looks in a row with the same result.
#[derive(Debug, Default)]
struct Row {
    good: u32,
    bad: u32,
}

impl Row {
    fn add<T, E>(&mut self, result: &Result<T, E>) {
        match result {
            Ok(_) => (self.good, self.bad) = (self.good.saturating_add(1), 0),
            Err(_) => (self.good, self.bad) = (0, self.bad.saturating_add(1)),
        }
    }

    /// Readiness rises and falls only after as many looks as it is asked to.
    fn ready(&self, before: bool, spec: &ProbeSpec) -> bool {
        if before { self.bad < spec.fall.max(1) } else { self.good >= spec.rise.max(1) }
    }

    fn decided(&self, spec: &ProbeSpec) -> bool {
        self.good >= spec.rise.max(1) || self.bad >= spec.fall.max(1)
    }
}

impl Prober {
    pub(super) async fn run(self) {
        tokio::join!(self.watch_readiness(), self.watch_life());
    }

    async fn watch_readiness(&self) {
        let spec = &self.instance.health.ready;
        let mut row = Row::default();
        let mut was_ready = false;
        loop {
            let kept = self.with_tracked(|tracked| tracked.kept.take()).flatten();
            let mut result = probe(spec, &self.instance, self.started, kept).await;
            row.add(&result);
            let kept = result.as_mut().ok().and_then(|healthy| healthy.kept.take());
            let Some(ready) = self.note(&result, &row, kept) else { return };
            was_ready |= ready;
            if !was_ready && now().since(self.started) > self.instance.health.start_timeout {
                return self.give_up(&result);
            }
            sleep(if ready { spec.interval } else { spec.interval.min(EAGER) }).await;
        }
    }

    /// `None` when the process is no longer the instance's.
    fn note(&self, result: &Result<Healthy, String>, row: &Row, kept: Option<Kept>) -> Option<bool> {
        let (ready, changed) = self.with_tracked(|tracked| {
            let before = (tracked.ready, tracked.judged, tracked.address);
            let ready = row.ready(tracked.ready, &self.instance.health.ready);
            tracked.set_ready(ready, now());
            tracked.judged |= row.decided(&self.instance.health.ready);
            tracked.probe = Some(words(result));
            if let Ok(Healthy { address: Some(address), .. }) = result {
                tracked.address = Some(*address);
            }
            tracked.kept = kept.filter(|_| ready && tracked.pending.is_none());
            (ready, before != (tracked.ready, tracked.judged, tracked.address))
        })?;
        if changed {
            self.shared.publish();
            self.shared.wake();
        }
        Some(ready)
    }

    fn give_up(&self, result: &Result<Healthy, String>) {
        let limit = human_duration(self.instance.health.start_timeout);
        self.restart(format!("not ready within {limit}: {}", words(result)));
    }

    async fn watch_life(&self) {
        let Some(spec) = &self.instance.health.live else { return };
        let mut row = Row::default();
        // Before it was ready once, the start timeout judges it.
        while self.with_tracked(|tracked| !tracked.ready) == Some(true) {
            sleep(spec.interval.min(EAGER)).await;
        }
        while self.with_tracked(|_| ()).is_some() {
            let result = probe(spec, &self.instance, self.started, None).await;
            row.add(&result);
            if row.bad >= spec.fall.max(1) {
                return self.restart(format!("liveness: {}", words(&result)));
            }
            sleep(spec.interval).await;
        }
    }

    fn restart(&self, why: String) {
        self.shared.order(Order::Restart { id: self.instance.id.clone(), process: self.process, why });
    }

    fn with_tracked<T>(&self, change: impl FnOnce(&mut Tracked) -> T) -> Option<T> {
        self.shared.with_process(&self.instance.id, self.process, change)
    }
}

fn words(result: &Result<Healthy, String>) -> String {
    match result {
        Ok(healthy) => healthy.words.clone(),
        Err(error) => error.clone(),
    }
}

#[cfg(test)]
mod tests {
    use staunch_model::ProbeTarget;

    use super::*;

    fn readiness(results: &str) -> String {
        let spec = ProbeSpec {
            target: ProbeTarget::Tcp,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            fall: 3,
            rise: 2,
        };
        let mut row = Row::default();
        let mut ready = false;
        let mut seen = |result: char| {
            row.add(&if result == '+' { Ok(()) } else { Err(()) });
            ready = row.ready(ready, &spec);
            if ready { 'R' } else { '.' }
        };
        results.chars().map(&mut seen).collect()
    }

    #[test]
    fn readiness_rises_after_two_and_falls_after_three() {
        assert_eq!(readiness("+-++--+---+-++"), "...RRRRRR....R");
    }
}
