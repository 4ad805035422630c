//! Stories of the whole product: the released binary, real processes, real sockets, real users.

mod access;
mod app;
mod recordings;
mod releases;
mod rig;

mod bad_answers;
mod bad_files;
mod bad_starts;
mod blue_green;
mod budgets;
mod changes;
mod cohorts;
mod demos;
mod fresh;
mod gauges;
mod intake;
mod journals;
mod kills;
mod lease;
mod looks;
mod memory;
mod patience;
mod policy;
mod shadows;
mod triggers;
mod upgrades;
mod values;
mod verbs;
mod workers;
