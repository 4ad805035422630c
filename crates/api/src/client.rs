//! The typed client: over the unix socket, or over loopback. It retries nothing by itself.

mod calls;
mod error;
mod policy;
mod sse;
mod streams;
mod target;
mod wire;

pub use calls::{Client, ReportFormat};
pub use error::ClientError;
pub use streams::{EventStream, ExportStream, ServiceStream};
pub use target::Target;
