//! The HTTP API v1, its plain pages, and the typed client.
//!
//! Served on a unix socket and on loopback, and elsewhere behind TLS and tokens. No GET acts; commands are POST; every
//! refusal is a [`Problem`].

mod access;
mod app;
pub mod client;
mod codes;
mod cursor;
mod desk;
mod door;
mod etag;
mod follow;
mod frames;
mod guard;
mod idempotency;
mod intake;
mod oidc;
mod openapi;
mod permit;
mod pipe;
mod problem;
mod redact;
mod routes;
mod serve;
mod socket;
mod stream;
pub mod v1;
mod who;

pub use access::SharedKeyring;
pub use codes::{Code, CodeInfo, code, codes};
pub use desk::{Desk, FileValue, FileValues};
pub use door::Door;
pub use oidc::OidcSettings;
pub use openapi::openapi;
pub use problem::Problem;
pub use serve::{Admin, ServeError, ServeOptions, Serving, serve};
pub use staunch_tls::PemFiles;
