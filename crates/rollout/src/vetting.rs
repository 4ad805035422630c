//! What is asked before a version gets its first user: its checks, and how sure one can be of it.

use serde::{Deserialize, Serialize};
use staunch_analysis::{Advice, Before, Candidate, Confidence, confidence};
use staunch_model::{CheckResult, ConfidenceSpec, Revision, RevisionDigest, RolloutKind, Strategy};

use crate::{Phase, Service, changed};

/// What came of it; recorded with the rollout that was admitted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Vetting {
    pub checks: Vec<CheckResult>,
    /// `None` when the file asks for no score, or there is nothing that could be better or worse.
    pub confidence: Option<Confidence>,
}

/// One reason why a version is not let through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objection {
    pub code: String,
    /// The key in the file.
    pub place: String,
    pub text: String,
    pub fix: String,
}

/// Looks at a version that shall replace what runs.
pub fn vet(
    service: &Service,
    to: &Revision,
    strategy: &Strategy,
    checks: Vec<CheckResult>,
    asked: Option<&ConfidenceSpec>,
) -> Vetting {
    // Of a first version there is nothing to compare with, and nobody who would lose anything.
    let asked = asked.filter(|_| service.stable.is_some());
    let changed = changed(service.stable.as_ref(), to);
    let before = before(service, &to.digest);
    let candidate = Candidate { checks: &checks, strategy, track: &service.track, changed: &changed, before };
    let confidence = asked.map(|spec| confidence(spec, &candidate));
    Vetting { checks, confidence }
}

fn before(service: &Service, digest: &RevisionDigest) -> Option<Before> {
    let last = service.rollout.as_ref().filter(|rollout| &rollout.spec.to.digest == digest);
    if let Some(Phase::RolledBack { cause }) = last.map(|rollout| &rollout.phase)
        && !cause.is_personal()
    {
        return Some(Before::TakenBack);
    }
    service.previous.iter().any(|known| &known.digest == digest).then_some(Before::Served)
}

impl Vetting {
    pub fn is_empty(&self) -> bool {
        self.checks.is_empty() && self.confidence.is_none()
    }

    /// Whether the rollout stops at its first step until a person promotes it.
    pub fn asks(&self) -> bool {
        self.confidence.as_ref().is_some_and(|confidence| confidence.advice == Advice::Ask)
    }

    /// Why the version is refused: every reason at once.
    pub fn objections(&self, strategy: &Strategy) -> Vec<Objection> {
        let failed = self.checks.iter().filter(|check| check.is_veto()).map(of_check);
        failed.chain(self.score_objection(strategy)).collect()
    }

    fn score_objection(&self, strategy: &Strategy) -> Option<Objection> {
        let confidence = self.confidence.as_ref()?;
        let objection = |code: &str, text: String, fix: &str| Objection {
            code: code.to_owned(),
            place: "confidence".to_owned(),
            text,
            fix: fix.to_owned(),
        };
        match confidence.advice {
            // The checks that failed have said so themselves.
            Advice::Refuse if !confidence.vetoes.is_empty() && confidence.score >= confidence.ask => None,
            Advice::Refuse => Some(objection(
                "confidence-low",
                confidence.sentence(),
                "`staunch plan` explains every point; smaller steps, passing checks and smaller changes raise it",
            )),
            Advice::Ask if strategy.steps.is_empty() => Some(objection(
                "confidence-asks",
                format!("{}, and there is no step", confidence.sentence()),
                "give the canary a step at which a person can decide, for example steps = [5, 100]",
            )),
            Advice::Ask | Advice::Proceed => None,
        }
    }

    /// One line for the timeline.
    pub fn line(&self) -> String {
        let passed = self.checks.iter().filter(|check| check.passed()).count();
        let checks = match self.checks.len() {
            0 => String::new(),
            all => format!("{passed} of {all} checks passed"),
        };
        let score = self.confidence.as_ref().map(Confidence::sentence).unwrap_or_default();
        [checks, score].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
    }

    /// Every check and every factor, a line each.
    pub fn lines(&self) -> Vec<String> {
        let check = |check: &CheckResult| {
            let must = if check.required { "" } else { " (not required)" };
            format!("{} {}{must}: {}", check.kind.name(), check.status.name(), check.because)
        };
        let mut lines: Vec<String> = self.checks.iter().map(check).collect();
        if let Some(confidence) = &self.confidence {
            lines.push(confidence.sentence());
            lines.extend(confidence.lines());
            lines.extend(reliability(confidence));
        }
        lines
    }
}

fn of_check(check: &CheckResult) -> Objection {
    Objection {
        code: format!("check-{}", check.status.name()),
        place: format!("checks.{}", check.kind.name()),
        text: format!("{}: {}", check.kind.name(), check.because),
        fix: check.fix.clone(),
    }
}

fn reliability(confidence: &Confidence) -> Option<String> {
    let told = &confidence.reliability;
    let brier = told.brier?;
    let row = |row: &staunch_analysis::ReliabilityRow| {
        let percent = |ratio: f64| (ratio * 100.0).round();
        format!("said {} %, came {} % ({})", percent(row.said), percent(row.came), row.releases)
    };
    let rows: Vec<_> = told.table.iter().map(row).collect();
    Some(format!("how true history's chances were (Brier {brier:.2}): {}", rows.join("; ")))
}

/// What an end says about a version: `None` when it says nothing.
pub(crate) fn lesson(kind: RolloutKind, phase: &Phase) -> Option<bool> {
    match (kind, phase) {
        (RolloutKind::Canary, Phase::Succeeded) => Some(true),
        (RolloutKind::Canary, Phase::RolledBack { cause }) if !cause.is_personal() => Some(false),
        (RolloutKind::First | RolloutKind::Canary | RolloutKind::Rollback, _) => None,
    }
}
