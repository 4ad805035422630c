//! The machine of the simulation: instances that become ready in time, and a split that obeys at once.

use staunch_model::{RevisionDigest, Timestamp};
use staunch_rollout::{
    Action, InstanceState, InstanceStatus, Observed, ObservedSplit, SmokeState, SmokeStatus, SplitWish,
};

/// Carries out what the planner proposes.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) observed: Observed,
    canary: RevisionDigest,
    start_ms: i64,
}

impl Stage {
    pub(crate) fn new(wish: SplitWish, canary: RevisionDigest, start_ms: i64) -> Self {
        let split = ObservedSplit { wish, seen: true, lapsed: false, since: Timestamp(0) };
        let observed = Observed { at: Timestamp(0), split: Some(split), ..Observed::default() };
        Self { observed, canary, start_ms }
    }

    pub(crate) fn execute(&mut self, action: Action) {
        let now = self.observed.at;
        match action {
            Action::Start { revision, instance, .. } => {
                // Stable has been there long before.
                let ready = revision.digest != self.canary || self.start_ms == 0;
                self.observed.instances.push(InstanceStatus {
                    id: instance,
                    revision: revision.digest,
                    state: InstanceState::Running,
                    ready,
                    ready_changed: now,
                    started: now,
                    pid: None,
                    exits: Vec::new(),
                    memory_bytes: 0,
                    cpu_ratio: 0.0,
                    attempts: 0,
                    in_flight: 0,
                    probe: None,
                });
            }
            Action::Stop { instance } => self.observed.instances.retain(|known| known.id != instance),
            // A described world has no commands to run: they are satisfied.
            Action::Smoke { key, .. } => {
                let state = SmokeState::Passed { took_ms: 0 };
                self.observed.smoke.push(SmokeStatus { key, state });
            }
            Action::ForgetSmoke { key } => self.observed.smoke.retain(|status| status.key != key),
            Action::Shift { wish, .. } => {
                self.observed.split = Some(ObservedSplit { wish, seen: true, lapsed: false, since: now });
            }
        }
    }

    /// Time goes on, and instances become ready; whether any did.
    pub(crate) fn wait_until(&mut self, now: i64) -> bool {
        self.observed.at = Timestamp(now);
        let mut changed = false;
        for instance in self.observed.instances.iter_mut().filter(|instance| !instance.ready) {
            if now - instance.started.0 >= self.start_ms {
                (instance.ready, instance.ready_changed) = (true, Timestamp(now));
                changed = true;
            }
        }
        changed
    }

    /// When the next instance becomes ready.
    pub(crate) fn next_ready(&self) -> Option<i64> {
        let starting = self.observed.instances.iter().filter(|instance| !instance.ready);
        starting.map(|instance| instance.started.0 + self.start_ms).min()
    }

    /// The canary's instances that serve.
    pub(crate) fn serving(&self) -> impl Iterator<Item = &InstanceStatus> {
        self.observed.instances.iter().filter(|instance| instance.ready && instance.revision == self.canary)
    }

    /// The canary's share of the traffic, 0 to 1.
    pub(crate) fn share(&self) -> f64 {
        self.observed.split.as_ref().map_or(0.0, |split| split.wish.share_of(&self.canary).ratio())
    }

    /// The share of stable's twins; 0 when the canary is compared with stable as it runs.
    pub(crate) fn twins(&self) -> f64 {
        let wish = self.observed.split.as_ref().map(|split| &split.wish).filter(|wish| wish.twins);
        wish.map_or(0.0, |wish| wish.canary_weight().of_twins().ratio())
    }

    /// Requests are dealt out evenly to the canary's instances.
    pub(crate) fn answer(&mut self, requests: u64) {
        let serving = self.serving().count().max(1) as u64;
        let canary = &self.canary;
        let instances = self.observed.instances.iter_mut();
        for instance in instances.filter(|instance| instance.ready && instance.revision == *canary) {
            instance.attempts += requests / serving;
        }
    }
}
