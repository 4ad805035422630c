//! Fakes for pure logic and for faults that cannot be made otherwise.

mod journal;
mod keyring;
mod platform;

pub use journal::MemoryJournal;
pub use keyring::MemoryKeyring;
pub use platform::FakePlatform;
