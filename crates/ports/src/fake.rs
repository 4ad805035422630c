//! Fakes for pure logic and for faults that cannot be made otherwise.

mod journal;
mod platform;

pub use journal::MemoryJournal;
pub use platform::FakePlatform;
