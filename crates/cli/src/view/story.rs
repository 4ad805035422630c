//! One journal event as one line of the story.

use staunch_model::Timestamp;
use staunch_rollout::{BudgetEvent, Event};

use crate::term::{Term, Tone};

/// A line before it is painted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoryLine {
    pub(crate) clock: String,
    pub(crate) mark: &'static str,
    pub(crate) tone: Tone,
    pub(crate) service: String,
    pub(crate) text: String,
}

impl StoryLine {
    /// Nothing for events that only matter to auditors.
    pub(crate) fn of(service: &str, at: Timestamp, event: &Event) -> Option<Self> {
        let (mark, tone) = mark(event)?;
        Some(Self { clock: at.clock(), mark, tone, service: service.to_owned(), text: event.line()? })
    }

    pub(crate) fn note(at: Timestamp, tone: Tone, mark: &'static str, text: String) -> Self {
        Self { clock: at.clock(), mark, tone, service: String::new(), text }
    }

    pub(crate) fn painted(&self, term: &Term) -> String {
        let service = if self.service.is_empty() {
            String::new()
        } else {
            format!("{} ", term.paint(Tone::Strong, &self.service))
        };
        let clock = term.paint(Tone::Dim, &self.clock);
        format!("{clock} {} {service}{}", term.paint(self.tone, self.mark), self.text)
    }
}

fn mark(event: &Event) -> Option<(&'static str, Tone)> {
    Some(match event {
        Event::Admitted { .. }
        | Event::ShadowStarted { .. }
        | Event::StepEntered { .. }
        | Event::PromotionStarted { .. } => ("→", Tone::Strong),
        Event::ShadowPassed { .. }
        | Event::StepPassed { .. }
        | Event::SmokePassed { .. }
        | Event::ShadowEnded { .. }
        | Event::Succeeded { .. } => ("✓", Tone::Good),
        Event::RollbackStarted { cause, .. } if cause.is_personal() => ("↩", Tone::Warn),
        Event::RollbackStarted { .. } | Event::Rejected { .. } => ("✕", Tone::Bad),
        Event::RolledBack => ("↩", Tone::Bad),
        Event::Paused { .. }
        | Event::Policy { .. }
        | Event::ExposureLapsed { .. }
        | Event::FindingRaised { .. }
        | Event::InstanceExited { .. } => ("!", Tone::Warn),
        Event::Budget { entry: BudgetEvent::Frozen { .. } | BudgetEvent::Passed { .. } } => ("!", Tone::Warn),
        Event::Budget { entry: BudgetEvent::Thawed { .. } } => ("✓", Tone::Good),
        Event::Budget { entry: BudgetEvent::Charged { .. } } => return None,
        Event::BakeStarted { .. } | Event::Resumed { .. } | Event::Scaled { .. } | Event::Vetted { .. } => {
            ("·", Tone::Dim)
        }
        Event::InfraRan { run } if run.ok => ("·", Tone::Dim),
        Event::InfraRan { .. } => ("!", Tone::Warn),
        Event::GateChanged { .. }
        | Event::InfraStarted { .. }
        | Event::TrafficShifted { .. }
        | Event::PreparationStarted
        | Event::EvidenceCaptured { .. } => return None,
    })
}
