//! What a person may say to a rollout. Total: in every phase each command is legal, or refused with the reason and
//! the list of what is allowed now.

use serde::{Deserialize, Serialize};
use staunch_model::ShadowThen;

use crate::decide::advance;
use crate::shadow;
use crate::{Cause, Event, Pace, Phase, Rollout};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    Pause,
    Resume,
    /// Go on from this step without waiting for its gates.
    Promote,
    /// Go to 100 % now.
    PromoteFull,
    Abort,
}

impl Command {
    pub const ALL: [Self; 5] = [Self::Pause, Self::Resume, Self::Promote, Self::PromoteFull, Self::Abort];

    pub fn name(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Promote => "promote",
            Self::PromoteFull => "promote --full",
            Self::Abort => "abort",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("cannot {command} while {phase}: {because}")]
pub struct Refusal {
    pub command: String,
    pub phase: String,
    pub because: String,
    pub allowed: Vec<String>,
}

pub fn command(rollout: &Rollout, command: Command, by: &str, reason: &str) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::Abort => abort(rollout, by, reason),
        Command::Pause => pause(rollout, by, reason),
        Command::Resume => resume(rollout, by, reason),
        Command::Promote => promote(rollout, by, reason),
        Command::PromoteFull => promote_full(rollout, by, reason),
    }
}

/// Legal in every phase that is not an end; in a rollback it asks for what already happens.
fn abort(rollout: &Rollout, by: &str, reason: &str) -> Result<Vec<Event>, Refusal> {
    if matches!(rollout.phase, Phase::RollingBack { .. }) {
        return Ok(vec![]);
    }
    if rollout.phase.is_end() {
        return Err(refuse(
            rollout,
            Command::Abort,
            "it has ended; `staunch rollback` goes back to an earlier revision",
        ));
    }
    let cause = Cause::Aborted { by: by.to_owned(), reason: reason.to_owned() };
    Ok(vec![Event::RollbackStarted { cause, generation: rollout.wish.generation.next() }])
}

fn pause(rollout: &Rollout, by: &str, reason: &str) -> Result<Vec<Event>, Refusal> {
    match rollout.phase.pace() {
        Some(Pace::Automatic) => Ok(vec![Event::Paused { by: by.to_owned(), reason: reason.to_owned() }]),
        Some(Pace::Paused { .. }) => Err(refuse(rollout, Command::Pause, "it is paused already")),
        None => Err(refuse(rollout, Command::Pause, "only a shadow stage, a step or the bake can be paused")),
    }
}

fn resume(rollout: &Rollout, by: &str, reason: &str) -> Result<Vec<Event>, Refusal> {
    match rollout.phase.pace() {
        Some(Pace::Paused { .. }) => {
            Ok(vec![Event::Resumed { by: by.to_owned(), reason: reason.to_owned() }])
        }
        Some(Pace::Automatic) | None => Err(refuse(rollout, Command::Resume, "it is not paused")),
    }
}

fn promote(rollout: &Rollout, by: &str, reason: &str) -> Result<Vec<Event>, Refusal> {
    match rollout.phase {
        Phase::Shadowing { .. } if may_go_on(rollout) => {
            Ok(shadow::passed_events(rollout, Some(by), reason, "a person went on without the verdict"))
        }
        Phase::Shadowing { .. } => Err(refuse(rollout, Command::Promote, STOPS)),
        Phase::Progressing { step, .. } => {
            let passed =
                Event::StepPassed { step, by: Some(by.to_owned()), reason: reason.to_owned(), gates: vec![] };
            Ok(vec![passed, advance(rollout, Some(by.to_owned()))])
        }
        Phase::Baking { .. } => Ok(vec![Event::Succeeded { generation: rollout.wish.generation.next() }]),
        Phase::Pending
        | Phase::Preparing
        | Phase::Promoting
        | Phase::Succeeded
        | Phase::Shadowed { .. }
        | Phase::RollingBack { .. }
        | Phase::RolledBack { .. }
        | Phase::Rejected { .. } => {
            Err(refuse(rollout, Command::Promote, "only a step or the bake can be cut short"))
        }
    }
}

/// A shadow that ends the rollout has nothing to go on to.
fn may_go_on(rollout: &Rollout) -> bool {
    match shadow::then(rollout) {
        ShadowThen::Canary => true,
        ShadowThen::Stop => false,
    }
}

const STOPS: &str = "the file says `[shadow] then = \"stop\"`: this rollout only reports";

fn promote_full(rollout: &Rollout, by: &str, reason: &str) -> Result<Vec<Event>, Refusal> {
    match rollout.phase {
        Phase::Shadowing { .. } => {
            Err(refuse(rollout, Command::PromoteFull, "only a canary step can be promoted to 100 %"))
        }
        Phase::Progressing { step, .. } => {
            let passed =
                Event::StepPassed { step, by: Some(by.to_owned()), reason: reason.to_owned(), gates: vec![] };
            let generation = rollout.wish.generation.next();
            Ok(vec![passed, Event::PromotionStarted { generation, by: Some(by.to_owned()) }])
        }
        Phase::Pending
        | Phase::Preparing
        | Phase::Promoting
        | Phase::Baking { .. }
        | Phase::Succeeded
        | Phase::Shadowed { .. }
        | Phase::RollingBack { .. }
        | Phase::RolledBack { .. }
        | Phase::Rejected { .. } => {
            Err(refuse(rollout, Command::PromoteFull, "only a canary step can be promoted to 100 %"))
        }
    }
}

fn refuse(rollout: &Rollout, command: Command, because: &str) -> Refusal {
    Refusal {
        command: command.name().to_owned(),
        phase: rollout.phase.name().to_owned(),
        because: because.to_owned(),
        allowed: allowed(rollout).into_iter().map(|c| c.name().to_owned()).collect(),
    }
}

/// What is legal now.
pub fn allowed(rollout: &Rollout) -> Vec<Command> {
    let paused = rollout.phase.pace().map(|pace| matches!(pace, Pace::Paused { .. }));
    Command::ALL
        .into_iter()
        .filter(|command| match command {
            Command::Abort => !rollout.phase.is_end(),
            Command::Pause => paused == Some(false),
            Command::Resume => paused == Some(true),
            Command::Promote => match rollout.phase {
                Phase::Shadowing { .. } => may_go_on(rollout),
                Phase::Progressing { .. } | Phase::Baking { .. } => true,
                Phase::Pending
                | Phase::Preparing
                | Phase::Promoting
                | Phase::Succeeded
                | Phase::Shadowed { .. }
                | Phase::RollingBack { .. }
                | Phase::RolledBack { .. }
                | Phase::Rejected { .. } => false,
            },
            Command::PromoteFull => matches!(rollout.phase, Phase::Progressing { .. }),
        })
        .collect()
}
