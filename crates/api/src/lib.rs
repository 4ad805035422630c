//! The HTTP API v1, its plain pages, and the typed client.
//!
//! Served on loopback and on a unix socket. No GET acts; commands are POST; every refusal is a [`Problem`].

mod app;
pub mod client;
mod codes;
mod follow;
mod guard;
mod intake;
mod problem;
mod redact;
mod routes;
mod serve;
mod socket;
mod stream;
pub mod v1;
mod who;

pub use codes::{Code, CodeInfo, code, codes};
pub use problem::Problem;
pub use serve::{Admin, ServeError, ServeOptions, Serving, serve};
