//! Commands around a rollout: applied and verified before the new version starts, undone when it goes back.
//!
//! Each is recorded before it is run and again with what it said. One whose end was not seen (control was restarted)
//! is run again, or undone when the rollout goes back meanwhile: so the commands must bear being run twice.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use staunch_model::{InfraSpec, Revision, RolloutKind, human_duration};

use crate::{Cause, Observed, Phase, Rollout};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InfraStep {
    Apply,
    Verify,
    Undo,
}

impl InfraStep {
    pub fn name(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Verify => "verify",
            Self::Undo => "undo",
        }
    }
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InfraRun {
    pub step: InfraStep,
    pub ok: bool,
    /// How it ended: `exit status 0`, `it took longer than 5 min`.
    pub status: String,
    /// The last lines it wrote, oldest first.
    pub output: Vec<String>,
    pub took_ms: u64,
}

impl InfraRun {
    pub fn line(&self) -> String {
        let took = human_duration(Duration::from_millis(self.took_ms));
        let how = if self.ok { "done" } else { "failed" };
        format!("infrastructure: {} {how} after {took}, {}", self.step.name(), self.status)
    }
}

/// A command to run now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InfraDue {
    pub step: InfraStep,
    pub words: Vec<String>,
    /// The snapshot of the version that it belongs to.
    pub dir: String,
    pub env: BTreeMap<String, String>,
    pub timeout: Duration,
}

/// How far it has come: what was begun, and what ended how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InfraState {
    begun: Vec<InfraStep>,
    ended: Vec<(InfraStep, bool)>,
    why: Option<String>,
}

impl InfraState {
    pub(crate) fn begin(&mut self, step: InfraStep) {
        if !self.begun.contains(&step) {
            self.begun.push(step);
        }
    }

    pub(crate) fn end(&mut self, run: &InfraRun) {
        self.ended.push((run.step, run.ok));
        if !run.ok {
            let last = run.output.last().map(|line| format!(": {line}")).unwrap_or_default();
            self.why = Some(format!("{}{last}", run.status));
        }
    }

    fn was_begun(&self, step: InfraStep) -> bool {
        self.begun.contains(&step)
    }

    fn ended(&self, step: InfraStep) -> Option<bool> {
        self.ended.iter().rev().find(|(ended, _)| *ended == step).map(|(_, ok)| *ok)
    }
}

impl Rollout {
    /// The commands of the version that this rollout brings, or takes away.
    fn infra_of(&self) -> Option<(&Revision, &InfraSpec)> {
        let revision = match self.spec.kind {
            RolloutKind::First | RolloutKind::Canary => Some(&self.spec.to),
            RolloutKind::Rollback => self.spec.from.as_ref(),
        };
        revision.and_then(|revision| Some((revision, revision.run.infra.as_ref()?)))
    }

    fn brings(&self) -> bool {
        self.spec.kind != RolloutKind::Rollback
    }

    /// Whether the new version may start.
    pub(crate) fn infra_is_ready(&self) -> bool {
        let Some((_, spec)) = self.infra_of().filter(|_| self.brings()) else { return true };
        let verified = spec.verify.is_none() || self.infra.ended(InfraStep::Verify) == Some(true);
        self.infra.ended(InfraStep::Apply) == Some(true) && verified
    }

    /// Whether nothing is left to undo.
    pub(crate) fn infra_is_undone(&self) -> bool {
        let can = self.infra_of().is_some_and(|(_, spec)| spec.undo.is_some());
        let needed = can && (!self.brings() || self.infra.was_begun(InfraStep::Apply));
        !needed || self.infra.ended(InfraStep::Undo).is_some()
    }

    /// How long its commands may take before the new version starts.
    pub(crate) fn infra_span(&self) -> Duration {
        let Some((_, spec)) = self.infra_of().filter(|_| self.brings()) else { return Duration::ZERO };
        spec.timeout * if spec.verify.is_some() { 2 } else { 1 }
    }

    pub(crate) fn infra_failure(&self) -> Option<Cause> {
        let failed = |step: &InfraStep| self.infra.ended(*step) == Some(false);
        let step = [InfraStep::Apply, InfraStep::Verify].into_iter().find(failed)?;
        let why = self.infra.why.clone().unwrap_or_default();
        Some(Cause::Infra { step: step.name().to_owned(), why })
    }

    /// What is to be run now, if anything is. Users come first: nothing is undone before they are back.
    pub fn infra_due(&self, observed: &Observed) -> Option<InfraDue> {
        let (revision, spec) = self.infra_of()?;
        let (step, words) = match self.phase {
            Phase::Preparing if self.brings() => self.next_forward(spec)?,
            Phase::RollingBack { .. } if self.brings() && self.is_back(observed) => {
                (InfraStep::Undo, spec.undo.as_ref()?)
            }
            Phase::Promoting if !self.brings() && observed.routes_by(self.wish.generation) => {
                (InfraStep::Undo, spec.undo.as_ref()?)
            }
            Phase::Pending
            | Phase::Preparing
            | Phase::Shadowing { .. }
            | Phase::Shadowed { .. }
            | Phase::Progressing { .. }
            | Phase::Promoting
            | Phase::Baking { .. }
            | Phase::Succeeded
            | Phase::RollingBack { .. }
            | Phase::RolledBack { .. }
            | Phase::Rejected { .. } => return None,
        };
        if step == InfraStep::Undo && self.infra_is_undone() {
            return None;
        }
        let mut env = revision.run.env.clone();
        env.insert("STAUNCH_SERVICE".to_owned(), self.spec.service.to_string());
        env.insert("STAUNCH_STEP".to_owned(), step.name().to_owned());
        env.insert("STAUNCH_VERSION".to_owned(), revision.label.clone());
        Some(InfraDue {
            step,
            words: words.clone(),
            dir: revision.run.dir.clone(),
            env,
            timeout: spec.timeout,
        })
    }

    fn next_forward<'a>(&self, spec: &'a InfraSpec) -> Option<(InfraStep, &'a Vec<String>)> {
        match (self.infra.ended(InfraStep::Apply), self.infra.ended(InfraStep::Verify)) {
            (None, _) => Some((InfraStep::Apply, &spec.apply)),
            (Some(true), None) => Some((InfraStep::Verify, spec.verify.as_ref()?)),
            (Some(_), _) => None,
        }
    }

    fn is_back(&self, observed: &Observed) -> bool {
        let nothing_routed = self.wish.stable.is_none() && observed.split.is_none();
        nothing_routed || observed.routes_by(self.wish.generation)
    }
}
