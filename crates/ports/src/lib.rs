//! The few traits through which the world is seen and moved, and their fakes.

mod attestor;
mod clock;
mod counts;
pub mod fake;
mod journal;
mod keyring;
mod platform;
mod recorder;

pub use attestor::Attestor;
pub use clock::Clock;
pub use counts::{CountChanges, CountRow, KeptCounts};
pub use journal::{ChainFault, Entry, Journal, JournalError, NewEntry, RolloutRow};
pub use keyring::{KeptAnswer, KeptRequest, Keyring};
pub use platform::{Platform, PlatformError, Waker};
pub use recorder::{Forgetful, Recorder, Recordings};
pub use staunch_rollout::{
    Action, ExitRecord, InstanceState, InstanceStatus, Observed, ObservedSplit, SmokeState, SmokeStatus,
    SplitWish,
};
