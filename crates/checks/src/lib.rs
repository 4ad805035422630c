//! Reports of other tools: bytes in, [`Reading`]s out, and what they mean for a check of the file.
//!
//! Pure: whoever opens the files hands their bytes over. Reports come from anywhere, so nothing in them is believed
//! more than needed: they are read as a stream in bounded memory, entities are refused and a report that ends early
//! is no report.

mod flaw;
mod guard;
mod json;
mod judge;
mod junit;
mod lines;
mod plain;
mod reading;
mod sarif;
mod trivy;
mod xml;

pub use flaw::Flaw;
pub use judge::{Found, Wanted, judge};
pub use reading::{Facts, Findings, Lines, Reading, Tests, Weaknesses, read};
