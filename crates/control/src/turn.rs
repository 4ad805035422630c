//! One turn of one service: observe, judge, decide, record, plan, execute, show.

use std::time::Duration;

use staunch_analysis::Finding;
use staunch_model::{Actor, EdgeReport, RevisionDigest, RolloutKind, ServiceName, Timestamp, Weight};
use staunch_ports::PlatformError;
use staunch_rollout::{Action, Event, Observed, ObservedSplit, Phase, Rollout, Service, Snapshot};

use crate::handle::Refused;
use crate::run::Loop;
use crate::watch::{Watch, checkpoint_key, past_key};
use crate::{ServiceView, capture, gauges, view};

/// A decision may open the next at once (prepared → step 1): this many in one turn are plenty.
const DECISIONS: usize = 4;
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
impl Loop {
    /// Takes the counts in without a turn.
    pub(crate) fn note_reports(&mut self, name: &ServiceName, reports: &[EdgeReport]) {
        let canary = self.canary_of(name);
        let now = self.clock.now();
        let Some(watch) = self.watches.get_mut(name) else { return };
        if let Some(budget) = watch.budget.as_mut() {
            budget.observe(reports, name, now);
        }
        for report in reports.iter().filter(|report| !report.samples.is_empty()) {
            watch.live.observe(report, name, canary.as_ref(), now);
        }
        if let Some(serving) = self.book.services.get(name).and_then(serving) {
            watch.pulse.observe(reports, name, serving, now);
            if watch.spec.edge.sticky.is_some() {
                watch.calibration.observe(reports, name, serving, now);
            }
        }
    }

    /// Failures that rise outside of the comparison of two versions are told; they take a new version back when they
    /// began with it and nobody is left on the old one to compare it with.
    fn feel_pulse(&mut self, name: &ServiceName) {
        let now = self.clock.now();
        let Some(watch) = self.watches.get_mut(name) else { return };
        let Some(alarm) = watch.pulse.new_alarm(watch.promoted, now) else { return };
        let active = self.book.services.get(name).and_then(|service| service.active());
        let alone = active.is_some_and(|rollout| rollout.wish.canary_weight() == Weight::FULL);
        if let Some(judgement) = watch.judgement.as_mut().filter(|_| alone && alarm.after_switch) {
            judgement.harm.get_or_insert_with(|| format!("failures have risen: {}", alarm.because));
            return;
        }
        self.note(name, &[Event::FindingRaised { finding: Finding::ErrorSpike { because: alarm.because } }]);
    }

    fn canary_of(&self, name: &ServiceName) -> Option<RevisionDigest> {
        let service = self.book.services.get(name)?;
        service
            .active()
            .filter(|rollout| rollout.spec.from.is_some())
            .map(|rollout| rollout.spec.to.digest.clone())
    }

    pub(crate) fn turn(&mut self, name: &ServiceName, reports: &[EdgeReport]) -> ServiceView {
        let observed = self.platform.observe(name);
        self.note_time(name);
        self.note_reports(name, reports);
        self.judge(name, reports, &observed);
        self.feel_pulse(name);
        self.weigh_budget(name, false);
        self.look_at_triggers(name, reports, &observed);
        self.note_world(name, &observed);
        self.drive_infra(name, &observed);
        self.decide(name, &observed);
        let acted = self.act(name, &observed);
        let observed = if acted { self.platform.observe(name) } else { observed };
        self.note_gates(name);
        self.renew(name, &observed);
        self.write_down(name);
        self.checkpoint(name);
        self.show(name, &observed)
    }

    /// Seconds without a request are shown too.
    fn note_time(&mut self, name: &ServiceName) {
        let now = self.clock.now();
        if let Some(watch) = self.watches.get_mut(name) {
            watch.live.open(now);
        }
    }

    fn judge(&mut self, name: &ServiceName, reports: &[EdgeReport], observed: &Observed) {
        let Some(rollout) = self.book.services.get(name).and_then(|service| service.active()).cloned() else {
            return;
        };
        let now = self.clock.now();
        let Some(watch) = self.watches.get_mut(name) else { return };
        let Some(case) = watch.case.as_mut() else { return };
        let young = is_young(&rollout, observed, now);
        for report in reports {
            case.observe(report, now, young);
            watch.answered.note(&rollout, report);
        }
        let (read, answered) = (&mut watch.gauges_read, &mut watch.answered);
        let gauges = gauges::due(&rollout, observed, self.platform.as_ref(), read, answered, now);
        case.read(gauges, now);
        // Going back is a person's decision: it is not argued with, and a first revision has nothing to be compared to.
        watch.judgement = (rollout.spec.kind == RolloutKind::Canary).then(|| case.hearing.judge());
        if matches!(rollout.phase, Phase::Progressing { .. }) {
            watch.foresee(now);
        }
    }

    fn decide(&mut self, name: &ServiceName, observed: &Observed) {
        let facts = self.budget_facts(name);
        for _ in 0..DECISIONS {
            let Some(rollout) = self.book.services.get(name).and_then(|service| service.active()) else {
                return;
            };
            let watch = self.watches.get(name);
            let judgement = watch.and_then(|watch| watch.judgement.as_ref());
            let fired = watch.and_then(|watch| watch.armed.fired());
            let snapshot =
                Snapshot { now: self.clock.now(), observed, judgement, fired, budget: facts.as_ref() };
            let events = staunch_rollout::decide(rollout, &snapshot);
            if events.is_empty() || self.enact(name, &Actor::Staunch, &events).is_err() {
                return;
            }
        }
    }

    /// Records events and draws the consequences for the evidence.
    pub(crate) fn enact(
        &mut self,
        name: &ServiceName,
        actor: &Actor,
        events: &[Event],
    ) -> Result<(), Refused> {
        let ends = events.iter().any(|event| {
            matches!(event, Event::RolledBack | Event::Succeeded { .. } | Event::ShadowEnded { .. })
        });
        // In one entry list: an end that had to wait for its evidence to be recorded would wait forever on a slow disk.
        let evidence = ends.then(|| self.captured(name)).flatten();
        let charged = ends.then(|| self.charged(name)).flatten();
        let all: Vec<_> = evidence.into_iter().chain(charged).chain(events.iter().cloned()).collect();
        self.record(name, actor, &all)?;
        if events.iter().any(|event| matches!(event, Event::RolledBack)) {
            self.remember(name);
        }
        let now = self.clock.now();
        if events.iter().any(|event| matches!(event, Event::Succeeded { .. })) {
            self.attest(name);
        }
        let promoted = events.iter().any(|event| matches!(event, Event::PromotionStarted { .. }));
        if let Some(watch) = self.watches.get_mut(name).filter(|_| promoted) {
            watch.promoted = Some(now);
        }
        let going_back = events.iter().any(|event| matches!(event, Event::RollbackStarted { .. }));
        if let (Some(service), Some(watch)) = (self.book.services.get(name), self.watches.get_mut(name)) {
            watch.follow(&service.wish, going_back, now);
        }
        Ok(())
    }

    /// What is known of the canary, before it is gone.
    fn captured(&self, name: &ServiceName) -> Option<Event> {
        let observed = self.platform.observe(name);
        let rollout = self.book.services.get(name).and_then(|service| service.active())?;
        let watch = self.watches.get(name)?;
        let hearing = watch.case.as_ref().map(|case| &case.hearing);
        let judgement = watch.judgement.clone();
        let bundle = capture::bundle(rollout, hearing, judgement, &observed, self.platform.as_ref());
        Some(Event::EvidenceCaptured { bundle: Box::new(bundle) })
    }

    /// True when something was done to the world.
    fn act(&mut self, name: &ServiceName, observed: &Observed) -> bool {
        let Some(service) = self.book.services.get(name) else { return false };
        let desired = staunch_rollout::desired(service);
        let since = self.watches.get(name).map_or(Timestamp::default(), |watch| watch.wish_since);
        let plan = staunch_rollout::plan(&desired, observed, since);
        let going_back =
            matches!(service.rollout.as_ref().map(|rollout| &rollout.phase), Some(Phase::RollingBack { .. }));
        if self.book.is_held(name) && !going_back {
            return false;
        }
        let (shifts, others): (Vec<_>, Vec<_>) =
            plan.actions.into_iter().partition(|action| matches!(action, Action::Shift { .. }));
        let acts = !shifts.is_empty() || !others.is_empty();
        let restless = acts || plan.waiting_for_capacity.is_some();
        for shift in shifts {
            self.execute(name, shift);
        }
        // Evidence first: what is stopped can no longer be asked.
        if going_back && others.iter().any(|action| matches!(action, Action::Stop { .. })) {
            // Not being able to keep it must not keep the canary running.
            let evidence = self.captured(name);
            self.note(name, evidence.as_slice());
        }
        for action in others {
            self.execute(name, action);
        }
        let settling = observed.split.as_ref().is_some_and(|split| !split.seen);
        if let Some(watch) = self.watches.get_mut(name) {
            watch.restless = restless || settling;
        }
        acts
    }

    fn execute(&mut self, name: &ServiceName, action: Action) {
        match self.platform.execute(action) {
            Ok(()) | Err(PlatformError::Stale { .. }) => {}
            Err(
                error @ (PlatformError::Refused { .. }
                | PlatformError::Content { .. }
                | PlatformError::Unreachable(_)),
            ) => {
                if let Some(watch) = self.watches.get_mut(name) {
                    watch.restless = true;
                }
                self.book.trouble = Some(error.to_string());
            }
        }
    }

    /// What the world was seen to do, before anything is concluded from it: what ended, what the edges route by.
    fn note_world(&mut self, name: &ServiceName, observed: &Observed) {
        let now = self.clock.now();
        let Some(rollout) = self.book.services.get(name).and_then(|service| service.rollout.as_ref()) else {
            return;
        };
        let Some(watch) = self.watches.get_mut(name) else { return };
        let exits = watch.new_exits(observed);
        let shift = rollout.is_active().then(|| watch.new_shift(observed, &rollout.spec.to.digest, now));
        self.note(name, &exits);
        // By itself: it leads back while a rollback is under way, and then the journal need not take it at once.
        self.note(name, shift.flatten().as_slice());
    }

    /// Which gates changed and what was found, for the reader.
    fn note_gates(&mut self, name: &ServiceName) {
        if self.book.services.get(name).is_none_or(|service| service.active().is_none()) {
            return;
        }
        let events = self.watches.get_mut(name).map(Watch::gate_changes).unwrap_or_default();
        self.note(name, &events);
    }

    /// Records facts; when that fails the loop goes on, and says so in its view.
    pub(crate) fn note(&mut self, name: &ServiceName, events: &[Event]) {
        if !events.is_empty() {
            drop(self.record(name, &Actor::Staunch, events));
        }
    }

    /// The lease is renewed only by a loop that has just judged, and that can record what it decides.
    fn renew(&mut self, name: &ServiceName, observed: &Observed) {
        let exposed =
            self.book.services.get(name).and_then(|s| s.active()).is_some_and(|r| r.phase.is_leased());
        if !exposed || self.book.awaits() || self.book.trouble.is_some() {
            return;
        }
        let leased = |split: &&ObservedSplit| split.wish.is_leased() && !split.lapsed;
        if let Some(split) = observed.split.as_ref().filter(leased) {
            self.platform.renew(name, split.wish.generation);
        }
    }

    fn checkpoint(&mut self, name: &ServiceName) {
        let active = self.book.services.get(name).is_some_and(|service| service.active().is_some());
        let now = self.clock.now();
        let Some(watch) = self.watches.get_mut(name) else { return };
        if !active || now.since(watch.checkpointed) < CHECKPOINT_EVERY {
            return;
        }
        watch.checkpointed = now;
        let saved = watch.case.as_ref().map(|case| serde_json::to_vec(&(case.rollout, &case.hearing)));
        if let Some(Ok(bytes)) = saved {
            self.book.save_checkpoint(&checkpoint_key(name), bytes);
        }
        if let Some((key, bytes)) = self.checkpoint_triggers(name) {
            self.book.save_checkpoint(&key, bytes);
        }
    }

    /// What was shown and said in the last second goes to the recording; all of it when the rollout has ended.
    fn write_down(&mut self, name: &ServiceName) {
        let ended = self.book.services.get(name).is_some_and(|service| service.active().is_none());
        let now = self.clock.now();
        let Some(watch) = self.watches.get_mut(name) else { return };
        let judgement = watch.judgement.as_ref();
        let Some(case) = watch.case.as_mut() else { return };
        let lines = if ended { case.rest(judgement, now) } else { case.block(judgement, now) };
        if let Some(lines) = lines {
            self.recorder.append(case.rollout, lines);
        }
    }

    /// Evidence against a version that was taken back counts when the same content is tried again.
    fn remember(&mut self, name: &ServiceName) {
        let Some(rollout) = self.book.services.get(name).and_then(|service| service.rollout.as_ref()) else {
            return;
        };
        let Some(watch) = self.watches.get_mut(name) else { return };
        if let Some(case) = watch.case.as_ref().filter(|_| rollout.spec.kind == RolloutKind::Canary) {
            watch.past.remember(&rollout.spec, &case.hearing);
            self.book.save_checkpoint(&past_key(name), watch.past.bytes());
        }
    }

    fn show(&mut self, name: &ServiceName, observed: &Observed) -> ServiceView {
        let now = self.clock.now();
        let trouble = self.book.trouble.clone();
        let facts = self.budget_facts(name);
        let service = self.book.service(name);
        view::show(service, self.watches.get(name), observed, facts.as_ref(), trouble, now)
    }
}

/// The revision that serves (nearly) everyone, apart from a canary.
fn serving(service: &Service) -> Option<&RevisionDigest> {
    let promoted =
        service.active().filter(|rollout| matches!(rollout.phase, Phase::Promoting | Phase::Baking { .. }));
    promoted.map(|rollout| &rollout.spec.to.digest).or(service.stable.as_ref().map(|stable| &stable.digest))
}

/// Some instance that may get requests is younger than the warm-up, counted from when it became ready.
fn is_young(rollout: &Rollout, observed: &Observed, now: Timestamp) -> bool {
    let warm_up = rollout.spec.evidence.warm_up;
    observed.instances.iter().any(|instance| instance.ready && now.since(instance.ready_changed) < warm_up)
}
