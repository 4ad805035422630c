//! The user's file, `staunch.toml`: text in, resolved services out, or every finding at once with its place.
//!
//! Pure: no file, clock or environment is read here. The keys, their units, ranges and defaults stand in one
//! table (`v1::keys`) that the reader, the schema and the defaults share.

mod codes;
mod command;
mod diagnostic;
mod place;
mod reader;
mod render;
mod scalar;
mod schema;
mod starter;
mod syntax;
mod v1;
mod values;

pub use codes::explain_codes;
pub use diagnostic::{Diagnostic, Diagnostics, Label, Severity};
pub use place::LineColumn;
pub use reader::Origin;
pub use schema::schema;
pub use starter::{Preset, starter};
pub use v1::{ControlSpec, Parsed, Project, parse, parse_in, tightest_limits};
pub use values::KeyValue;
