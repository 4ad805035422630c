//! Real processes, real sockets.

mod edges;
mod home;
mod keeper;
mod platform;
