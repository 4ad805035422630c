//! The platform port on one machine. Background work gathers what [`Platform::observe`](staunch_ports::Platform)
//! gives and carries out what `execute` is told; both return at once.

mod exec_probe;
mod http_probe;
mod keeper_thread;
mod kept;
mod links;
mod measure;
mod port;
mod ports;
mod probe;
mod prober;
mod shared;
mod smoke;
mod split;
mod start;
mod usage;
mod world;

pub use start::{KeeperStatus, LocalOptions, LocalPlatform, StartError, UpgradeError};
