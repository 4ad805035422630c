//! A policy against a described world, thousands of times in virtual time.
mod chance;
mod draw;
mod keys;
mod latency;
mod looks;
mod peers;
mod presets;
mod stats;
mod traffic;
mod world;

pub use keys::{KEYS, Key};
pub use looks::Looks;
pub use peers::{Limit, Peer};
pub use presets::{ALIKE, FAULTS, Preset, preset, presets};
pub use stats::{Share, Spread};
pub use world::{World, WorldError};
