//! The file as people write it: read whole, refused whole, and never a panic.

mod golden;
mod properties;
mod resolved;
mod values;
mod vocabulary;
mod workers;
