//! The typed client: over the unix socket, over loopback, or over TLS with a token. It retries nothing by itself.

mod access;
mod calls;
mod error;
mod policy;
mod sse;
mod streams;
mod target;
mod tls;
mod wire;

pub use calls::{Client, ReportFormat};
pub use error::ClientError;
pub use streams::{EventStream, ExportStream, ServiceStream};
pub use target::Target;
pub(crate) use wire::exchange;
