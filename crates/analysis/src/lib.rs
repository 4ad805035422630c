//! Measurements become verdicts.
//!
//! [`Judge`] takes what the edge counted and says, at any moment and as often as asked, how each gate stands
//! ([`Judgement`]). It is a value: no clock, no I/O, bounded in size, and it can be checkpointed after every report.
//!
//! What keeps its guarantee: stable and canary are compared concurrently; a bucket closes by time and assignment,
//! never by outcome; harm counts distinct failing clients; warm-up is left out by the clock; a limit that stable
//! breaks too blames nobody; a pass is earned under the present split alone.

mod absolute;
mod clients;
mod forecast;
mod gate;
mod harm;
mod intake;
mod judge;
mod latency;
mod ledger;
mod verdict;
mod words;

pub use forecast::canary_requests;
pub use judge::Judge;
pub use ledger::RouteTotals;
pub use verdict::{Band, Finding, GateReading, Judgement, Outcome, Verdict};
