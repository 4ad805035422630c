//! Measurements become verdicts.

mod verdict;

pub use verdict::{Band, Finding, GateReading, Judgement, Outcome, Verdict};
