//! A policy against a described world, thousands of times in virtual time.
//!
//! A [`World`] says what traffic comes, how both versions behave and what goes wrong beside the release; a [`Policy`] is
//! what a service's file says about gates, steps and evidence. A [`Simulation`] plays rollouts of the one against the
//! other: traffic is drawn from the world look by look, and the code that decides is the product's own: its judge, its
//! state machine, its planner. What comes out ([`Summary`]) is how often an innocent version is blamed, how soon a
//! guilty one is found beside what information allows and what polling rules take, and what users bear meanwhile.
//!
//! Everything is seeded: the same question gives the same bits on every machine and any number of workers.

mod bound;
mod chance;
mod chart;
mod course;
mod draw;
mod failing;
mod keys;
mod latency;
mod laws;
mod looks;
mod many;
mod path;
mod peers;
mod policy;
mod presets;
mod rules;
mod run;
mod stage;
mod standard;
mod stats;
mod svg;
mod text;
mod traffic;
mod trial;
mod world;

pub use chart::chart;
pub use keys::{KEYS, Key};
pub use looks::Looks;
pub use many::{Progress, Stopped};
pub use path::{Path, Point};
pub use peers::{Limit, Peer};
pub use policy::Policy;
pub use presets::{ALIKE, FAULTS, Preset, preset, presets};
pub use run::{End, Run};
pub use standard::{Case, Check, Part, Row, Target, standard};
pub use stats::{Share, Spread};
pub use text::{standard_text, summary_text};
pub use trial::{PeerSummary, Results, Simulation, SimulationError, Summary, TakenBack};
pub use world::{World, WorldError};
