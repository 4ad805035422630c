//! One service: what it runs, what ran before, and the rollout that changes it.

use serde::{Deserialize, Serialize};
use staunch_analysis::Track;
use staunch_analysis::budget::Level;
use staunch_model::{
    DependencyTarget, Revision, RevisionDigest, RollingSpec, RolloutKind, ServiceName, SplitGeneration,
    Timestamp,
};

use crate::vetting::lesson;
use crate::{BudgetEvent, Event, IllegalEvent, Phase, Rollout, SplitWish, Standing};

/// Enough to go back to; older ones are in the journal.
const HISTORY: usize = 10;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    pub name: ServiceName,
    pub stable: Option<Revision>,
    /// Full number of instances of the stable revision.
    pub replicas: u32,
    /// Revisions that were stable before, the latest last.
    pub previous: Vec<Revision>,
    /// How many revisions this service has seen: the source of `v1`, `v2`, …
    pub revisions_seen: u64,
    /// The present rollout, or the last one.
    pub rollout: Option<Rollout>,
    /// What the traffic shall be.
    pub wish: SplitWish,
    /// How its releases went.
    #[serde(default)]
    pub track: Track,
    /// How far its error budget is frozen, by the last that was recorded.
    #[serde(default)]
    pub frozen: Option<Level>,
    /// What stable needs, as it was told when it was deployed.
    #[serde(default)]
    pub dependencies: Vec<DependencyTarget>,
    /// What people decided beside the rollouts.
    #[serde(default)]
    pub standing: Standing,
}

impl Service {
    pub fn new(name: ServiceName) -> Self {
        let wish = SplitWish {
            generation: SplitGeneration::default(),
            salt: 0,
            stable: None,
            canary: None,
            mirror: None,
            twins: false,
            who: None,
        };
        let track = Track::default();
        let standing = Standing::default();
        Self {
            name,
            stable: None,
            replicas: 1,
            previous: vec![],
            revisions_seen: 0,
            rollout: None,
            wish,
            track,
            frozen: None,
            dependencies: vec![],
            standing,
        }
    }

    /// Set for a service without requests: how its instances are replaced.
    pub fn rolling(&self) -> Option<RollingSpec> {
        self.rollout.as_ref()?.spec.strategy.rolling
    }

    pub fn active(&self) -> Option<&Rollout> {
        self.rollout.as_ref().filter(|rollout| rollout.is_active())
    }

    /// Finds a revision by label, digest or the beginning of its digest.
    pub fn find(&self, name: &str) -> Option<&Revision> {
        let known = self.previous.iter().rev().chain(&self.stable);
        let digest = name.strip_prefix("sha256:").unwrap_or(name);
        known.into_iter().find(|revision| {
            revision.label == name || (digest.len() >= 6 && revision.digest.as_str()[7..].starts_with(digest))
        })
    }

    /// The label a revision of this content already has, else the next `vN`.
    pub fn label_for(&self, digest: &RevisionDigest) -> String {
        let known = self.known().find(|revision| &revision.digest == digest);
        known.map_or_else(|| self.next_label(), |revision| revision.label.clone())
    }

    /// Every revision that is remembered, the last rollout's included even if it never served everyone.
    fn known(&self) -> impl Iterator<Item = &Revision> {
        let last = self.rollout.iter().map(|rollout| &rollout.spec.to);
        self.previous.iter().chain(&self.stable).chain(last)
    }

    pub fn next_label(&self) -> String {
        format!("v{}", self.revisions_seen + 1)
    }

    /// The only way history becomes state.
    pub fn apply(&mut self, at: Timestamp, event: &Event) -> Result<(), IllegalEvent> {
        if let Event::Admitted { spec, by, .. } = event {
            return self.admit(spec, by, at);
        }
        if let Event::Scaled { replicas, .. } = event {
            return self.scale(*replicas);
        }
        if let Event::Budget { entry } = event
            && entry.is_of_service()
        {
            self.freeze(entry);
            return Ok(());
        }
        if let Event::Policy { fact } = event {
            self.standing.apply(at, fact);
            return Ok(());
        }
        let orphan = IllegalEvent { event: event.kind(), phase: "no rollout" };
        let rollout = self.rollout.as_mut().ok_or(orphan)?;
        let was_active = rollout.is_active();
        rollout.apply(at, event)?;
        let ended = was_active && !rollout.is_active();
        if let Some(good) = lesson(rollout.spec.kind, &rollout.phase).filter(|_| ended) {
            self.track.note(good);
        }
        self.wish = rollout.wish.clone();
        if rollout.phase == Phase::Succeeded && matches!(event, Event::Succeeded { .. }) {
            self.settle();
        }
        Ok(())
    }

    fn admit(
        &mut self,
        spec: &staunch_model::RolloutSpec,
        by: &str,
        at: Timestamp,
    ) -> Result<(), IllegalEvent> {
        if let Some(active) = self.active() {
            return Err(IllegalEvent { event: "admitted", phase: active.phase.name() });
        }
        if !self.known().any(|known| known.digest == spec.to.digest) {
            self.revisions_seen += 1;
        }
        self.standing.begin(&spec.to.label, &spec.to.digest, at);
        self.rollout = Some(Rollout::admit(spec.clone(), self.wish.generation, by.to_owned(), at));
        Ok(())
    }

    fn scale(&mut self, replicas: u32) -> Result<(), IllegalEvent> {
        if let Some(active) = self.active() {
            return Err(IllegalEvent { event: "scaled", phase: active.phase.name() });
        }
        self.replicas = replicas.max(1);
        Ok(())
    }

    fn freeze(&mut self, entry: &BudgetEvent) {
        match entry {
            BudgetEvent::Frozen { level, .. } => self.frozen = Some(*level),
            BudgetEvent::Thawed { .. } => self.frozen = None,
            BudgetEvent::Passed { .. } | BudgetEvent::Charged { .. } => {}
        }
    }

    fn settle(&mut self) {
        let Some(rollout) = &self.rollout else { return };
        let new = rollout.spec.to.clone();
        self.standing.settle(&new.label);
        self.replicas = rollout.spec.replicas;
        // A person's way back is to an older revision: what that one needs was told with it, and is not known here.
        if rollout.spec.kind != RolloutKind::Rollback {
            self.dependencies =
                rollout.spec.triggers.dependencies().map(|spec| spec.target.clone()).collect();
        }
        self.previous.retain(|revision| revision.digest != new.digest);
        let old = self.stable.replace(new);
        self.previous
            .extend(old.filter(|old| self.stable.as_ref().is_some_and(|new| new.digest != old.digest)));
        if self.previous.len() > HISTORY {
            self.previous.remove(0);
        }
    }
}
