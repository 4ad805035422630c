//! What every story needs: a project on disk, the binary run as people run it, users, and patience with a bound.

pub(crate) mod draft;
pub(crate) mod load;
pub(crate) mod ports;
pub(crate) mod processes;
pub(crate) mod project;
pub(crate) mod said;
pub(crate) mod users;
pub(crate) mod wait;
pub(crate) mod wire;

pub(crate) use draft::Draft;
pub(crate) use load::Load;
pub(crate) use project::Project;
pub(crate) use wait::{until, until_within};
