//! The loop's part in error budgets: weigh, record freezes and thaws, refuse, and have the counts written down.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use staunch_analysis::budget::Level;
use staunch_model::{RolloutKind, ServiceName, Timestamp};
use staunch_ports::{CountChanges, JournalError};
use staunch_rollout::{BudgetEvent, BudgetFacts, Command, Event, FreezePass, Rollout, share};

use crate::handle::Refused;
use crate::run::Loop;

/// What a crash may cost of the counts.
const WRITE_EVERY: Duration = Duration::from_secs(2);

/// How a deploy asks to pass a freeze.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassRequest {
    /// Passes below the critical level too.
    pub critical_fix: bool,
    /// The second person.
    pub approved_by: Option<String>,
}

impl PassRequest {
    pub(crate) fn is_asked(&self) -> bool {
        self.critical_fix || self.approved_by.is_some()
    }

    /// A pass needs a reason and a second person.
    fn granted(&self, by: &str, reason: Option<&str>) -> Result<FreezePass, String> {
        let text =
            |given: Option<&str>| given.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let reason = text(reason).ok_or("passing a freeze needs --reason: why it cannot wait")?;
        let approved_by = text(self.approved_by.as_deref())
            .ok_or("passing a freeze needs --approved-by: a second person")?;
        if approved_by.to_lowercase() == by.trim().to_lowercase() {
            return Err(format!(
                "{by} cannot approve what {by} asks for: --approved-by names a second person"
            ));
        }
        Ok(FreezePass { critical: self.critical_fix, by: by.to_owned(), approved_by, reason })
    }
}

/// A deploy or a promotion that the budget refuses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frozen {
    pub service: String,
    pub level: Level,
    /// Share of the budget that is left, and what ends the freeze.
    pub left: f64,
    pub reopen: f64,
    /// When it ends at the latest if nothing more fails.
    pub thaw_at: Option<Timestamp>,
}

impl std::fmt::Display for Frozen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (service, left, reopen) = (&self.service, share(self.left), share(self.reopen));
        write!(f, "{service}: its error budget is frozen, {left} is left; ")?;
        match self.thaw_at {
            Some(at) => write!(f, "it thaws at {reopen}, at {at} at the latest if nothing more fails")?,
            None => write!(f, "it thaws at {reopen}")?,
        }
        let passes = match self.level {
            Level::Open | Level::Warn | Level::Frozen => "two people may pass",
            Level::Critical => "only a critical fix passes",
        };
        write!(f, "; until then {passes}")
    }
}

/// Counts on their way to the disk.
pub(crate) type Writing = (Receiver<Result<(), JournalError>>, Vec<CountChanges>);

impl Loop {
    /// How the budget stands, and what of it is news. `anew`: as of now, for whoever is about to decide by it.
    pub(crate) fn weigh_budget(&mut self, name: &ServiceName, anew: bool) {
        let now = self.clock.now();
        let recorded = self.book.services.get(name).and_then(|service| service.frozen);
        let Some(watch) = self.watches.get_mut(name) else { return };
        let news = match watch.budget.as_mut() {
            None => recorded.map(|_| {
                let because = "the service has no objective any more".to_owned();
                BudgetEvent::Thawed { left: None, because }
            }),
            Some(budget) => {
                if budget.wants_reading(now) {
                    budget.read(self.book.counts(name));
                }
                budget.weigh(recorded.is_some(), anew, now);
                budget.news(recorded, now)
            }
        };
        let events: Vec<_> = news.into_iter().map(|entry| Event::Budget { entry }).collect();
        self.note(name, &events);
    }

    pub(crate) fn budget_facts(&self, name: &ServiceName) -> Option<BudgetFacts> {
        let watch = self.watches.get(name)?;
        let service = self.book.services.get(name)?;
        let hearing = service.active().and(watch.case.as_ref()).map(|case| &case.hearing);
        Some(watch.budget.as_ref()?.facts(service.frozen, hearing, self.clock.now()))
    }

    pub(crate) fn frozen(&self, name: &ServiceName) -> Option<Frozen> {
        let facts = self.budget_facts(name).filter(|facts| facts.level.is_frozen())?;
        let BudgetFacts { slo, level, left, thaw_at, .. } = facts;
        Some(Frozen { service: name.to_string(), level, left, reopen: slo.levels.reopen, thaw_at })
    }

    /// Whether a deploy may begin. A pass that was asked for is recorded even when no freeze holds, since it lets the
    /// rollout go on should one begin.
    pub(crate) fn admitted_by_budget(
        &mut self,
        name: &ServiceName,
        asked: &PassRequest,
        by: &str,
        reason: Option<&str>,
    ) -> Result<Option<Event>, Refused> {
        // What thawed a moment ago is thawed: the answer is as of now, not of the last turn.
        self.weigh_budget(name, true);
        let frozen = self.frozen(name);
        if !asked.is_asked() {
            return frozen.map_or(Ok(None), |frozen| Err(Refused::Frozen(frozen)));
        }
        let pass = asked
            .granted(by, reason)
            .map_err(|message| Refused::NotAPass { service: name.to_string(), message })?;
        match frozen.filter(|frozen| !pass.opens(frozen.level)) {
            Some(frozen) => Err(Refused::Frozen(frozen)),
            None => Ok(Some(Event::Budget { entry: BudgetEvent::Passed { pass } })),
        }
    }

    /// Whether a change without a pass may begin. With nothing that serves there is nothing to protect.
    pub(crate) fn budget_opens(&mut self, name: &ServiceName) -> Result<(), Refused> {
        if self.book.services.get(name).is_none_or(|service| service.stable.is_none()) {
            return Ok(());
        }
        self.weigh_budget(name, true);
        self.frozen(name).map_or(Ok(()), |frozen| Err(Refused::Frozen(frozen)))
    }

    /// A person cannot promote through a freeze either, or it would be none.
    pub(crate) fn promotable(&mut self, name: &ServiceName, command: Command) -> Result<(), Refused> {
        match command {
            Command::Promote | Command::PromoteFull => {}
            Command::Pause | Command::Resume | Command::Abort => return Ok(()),
        }
        self.weigh_budget(name, true);
        let active = self.book.services.get(name).and_then(|service| service.active());
        let Some(active) = active.filter(|rollout| rollout.spec.kind == RolloutKind::Canary) else {
            return Ok(());
        };
        let passes = |rollout: &Rollout, level| rollout.pass.as_ref().is_some_and(|pass| pass.opens(level));
        match self.frozen(name).filter(|frozen| !passes(active, frozen.level)) {
            Some(frozen) => Err(Refused::Frozen(frozen)),
            None => Ok(()),
        }
    }

    /// What a rollout that ends took of the budget.
    pub(crate) fn charged(&self, name: &ServiceName) -> Option<Event> {
        let watch = self.watches.get(name)?;
        let cost = watch.budget.as_ref()?.cost(&watch.case.as_ref()?.hearing);
        Some(Event::Budget { entry: BudgetEvent::Charged { cost } })
    }

    /// Hands what was counted to the journal's thread, one hand at a time: a slow disk gets no queue.
    pub(crate) fn write_counts(&mut self, last: bool) {
        self.take_written();
        let now = self.clock.now();
        let due = last || now.since(self.counts_written) >= WRITE_EVERY;
        if self.writing.is_some() || !due {
            return;
        }
        self.counts_written = now;
        let changes: Vec<_> = self
            .watches
            .iter_mut()
            .filter_map(|(name, watch)| watch.budget.as_mut()?.changes(name))
            .collect();
        if !changes.is_empty() {
            self.writing = Some((self.book.save_counts(changes.clone()), changes));
        }
    }

    fn take_written(&mut self) {
        let Some((answer, changes)) = self.writing.take() else { return };
        match answer.try_recv() {
            Ok(Ok(())) => {}
            Err(TryRecvError::Empty) => self.writing = Some((answer, changes)),
            Ok(Err(error)) => {
                self.book.trouble = Some(error.to_string());
                self.put_back(&changes);
            }
            Err(TryRecvError::Disconnected) => self.put_back(&changes),
        }
    }

    fn put_back(&mut self, changes: &[CountChanges]) {
        for change in changes {
            let budget = self.watches.get_mut(&change.service).and_then(|watch| watch.budget.as_mut());
            if let Some(budget) = budget {
                budget.put_back(change);
            }
        }
    }
}
