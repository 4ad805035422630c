//! One machine. The [`keeper`] owns the processes and the listening sockets and does nothing clever; the
//! [`platform`] sees and moves them for the loop; a [`snapshot`] is a revision's content on disk.

pub mod client;
pub mod command;
mod dependencies;
mod edge_side;
pub mod keeper;
mod launch;
pub mod lists;
mod logs;
mod paths;
pub mod platform;
mod proc;
mod process;
pub mod protocol;
mod ready_file;
pub mod reports;
mod snapshot;
mod time;

pub use client::{KeeperClient, KeeperError};
pub use paths::Paths;
pub use platform::{LocalOptions, LocalPlatform, StartError};
