//! The triggers of a running rollout: shown to the world in every turn between its first user and the end of its bake.

use staunch_analysis::{Finding, Firing, Means, Triggers};
use staunch_model::{
    DependencyTarget, EdgeReport, RolloutId, RolloutKind, RolloutSpec, ServiceName, Signal, TriggerSpec,
};
use staunch_rollout::{Event, Observed, Rollout};

use crate::book::Book;
use crate::run::Loop;

/// Warnings recorded per rollout: one that comes back after every cooldown must not fill the journal.
const MOST_TOLD: usize = 100;

/// What a watch knows of its rollout's triggers.
#[derive(Default)]
pub(crate) struct Armed {
    pub(crate) triggers: Option<Triggers>,
    told: usize,
}

impl Armed {
    /// A person's way back is not argued with, and a first revision has nothing to go back to.
    pub(crate) fn for_rollout(spec: &RolloutSpec) -> Self {
        let canary = spec.kind == RolloutKind::Canary;
        Self { triggers: canary.then(|| Triggers::new(spec)), told: 0 }
    }

    /// After a restart they go on as they were last saved; what was suspected begins anew unless it was short.
    pub(crate) fn resume(rollout: &Rollout, book: &Book) -> Self {
        let saved = book.checkpoint(&key(&rollout.spec.service));
        let saved: Option<(RolloutId, Triggers)> =
            saved.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let fresh = Self::for_rollout(&rollout.spec);
        match saved.filter(|(id, _)| *id == rollout.spec.id) {
            Some((_, triggers)) => Self { triggers: fresh.triggers.map(|_| triggers), ..fresh },
            None => fresh,
        }
    }

    pub(crate) fn fired(&self) -> Option<&Firing> {
        self.triggers.as_ref()?.fired()
    }

    /// Warnings for the journal; a rollback is told by the decision that it leads to.
    fn tell(&mut self, firings: Vec<Firing>) -> Vec<Event> {
        let findings = firings.into_iter().filter_map(finding);
        let events: Vec<_> = findings
            .take(MOST_TOLD.saturating_sub(self.told))
            .map(|finding| Event::FindingRaised { finding })
            .collect();
        self.told += events.len();
        events
    }
}

fn finding(Firing { trigger, means, because, .. }: Firing) -> Option<Finding> {
    match means {
        Means::Warning => Some(Finding::TriggerWarning { trigger, because }),
        Means::SharedDependency => Some(Finding::SharedDependency { trigger, because }),
        Means::Rollback => None,
    }
}

fn key(name: &ServiceName) -> String {
    format!("triggers/{name}")
}

impl Loop {
    pub(crate) fn look_at_triggers(
        &mut self,
        name: &ServiceName,
        reports: &[EdgeReport],
        observed: &Observed,
    ) {
        let exposed = self.book.services.get(name).and_then(|service| service.active());
        let exposed = exposed.filter(|rollout| rollout.phase.is_exposed());
        let Some(watch) = self.watches.get_mut(name) else { return };
        let Some((rollout, triggers)) = exposed.zip(watch.armed.triggers.as_mut()) else {
            return self.platform.watch_dependencies(name, vec![]);
        };
        self.platform.watch_dependencies(name, rollout.spec.triggers.dependencies().cloned().collect());
        reports.iter().for_each(|report| triggers.observe(report));
        let facts = staunch_rollout::facts(rollout, observed, self.platform.dependencies(name));
        let firings = triggers.look(&facts, self.clock.now());
        let events = watch.armed.tell(firings);
        self.note(name, &events);
    }

    /// Beside the evidence, and as often.
    pub(crate) fn checkpoint_triggers(&self, name: &ServiceName) -> Option<(String, Vec<u8>)> {
        let rollout = self.book.services.get(name)?.active()?;
        let triggers = self.watches.get(name)?.armed.triggers.as_ref()?;
        let bytes = serde_json::to_vec(&(rollout.spec.id, triggers)).ok()?;
        Some((key(name), bytes))
    }
}

/// Stable needs what it was deployed with, unless the file says whose it is.
pub(crate) fn attribute(triggers: &mut TriggerSpec, of_stable: &[DependencyTarget]) {
    for rule in &mut triggers.rules {
        if let Signal::Dependency(spec) = &mut rule.signal {
            spec.of_stable.get_or_insert_with(|| of_stable.contains(&spec.target));
        }
    }
}
