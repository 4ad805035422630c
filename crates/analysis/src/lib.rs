//! Measurements become verdicts.
//!
//! A [`Hearing`] takes what the edge counted ([`staunch_model::EdgeReport`]) and boils each report down to a [`Look`].
//! The [`Judge`] is shown looks and says, at any moment and as often as asked, how each gate stands ([`Judgement`]).
//! All are values: no clock, no I/O, bounded in size, and they can be checkpointed after every look. Looks that were
//! written down replay to the same judgements, bit for bit.
//!
//! What keeps its guarantee: stable and canary are compared concurrently; a bucket closes by time and assignment,
//! never by outcome; harm counts distinct failing clients; warm-up is left out by the clock; a limit that stable
//! breaks too blames nobody; a pass is earned under the present split alone.

mod absolute;
mod baseline;
mod blame;
pub mod budget;
mod calibration;
mod clients;
mod cohort;
mod confidence;
mod errors;
mod film;
#[cfg(test)]
mod fixture;
mod forecast;
mod gate;
mod gauge;
mod harm;
mod hearing;
mod intake;
mod judge;
mod latency;
mod ledger;
mod look;
mod pulse;
mod question;
mod ramp;
mod reading;
mod replay;
mod severity;
mod shadow;
mod track;
mod trigger;
mod verdict;
mod words;

pub use calibration::Calibration;
pub use cohort::{CohortLook, CohortReading};
pub use confidence::{
    Advice, Before, Candidate, Confidence, Factor, FactorName, Reliability, ReliabilityRow, confidence,
};
pub use film::{Film, Frame, FrameGate, FrameSide, film};
pub use forecast::{Needs, Outlook, canary_requests};
pub use hearing::Hearing;
pub use judge::{Judge, Standing};
pub use ledger::RouteTotals;
pub use look::{ArmLook, Look, SplitLook, Stratum, WarmingLook};
pub use pulse::{Alarm, Pulse};
pub use question::Question;
pub use replay::{Asked, Course, Difference, Moment, Record, Replay, ReplayError, Said, replay};
pub use severity::{Severity, severity};
pub use shadow::{Shadow, ShadowReading, ShadowTest};
pub use track::{Bin, Track};
pub use trigger::{Ended, Facts, Firing, Fleet, Grade, Means, TriggerReading, TriggerState, Triggers, Usage};
pub use verdict::{Band, Bounds, Finding, GateReading, Judgement, Outcome, SourceReading, Verdict};
