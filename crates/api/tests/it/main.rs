//! The real server on real sockets, over the real loop, with a fake machine and a journal in memory.

mod access;
mod admin;
mod audit;
mod budgets;
mod config;
mod crowds;
mod events;
mod guards;
mod listening;
mod oidc;
mod page;
mod protocol;
mod raw;
mod refusals;
mod resources;
mod slow_disk;
mod story;
mod world;
