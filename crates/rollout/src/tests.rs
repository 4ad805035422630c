//! What must stay true, by name: stories, tables, an exhaustive exploration of the decisions, and properties over
//! random worlds.

mod budgets;
mod commands;
mod events;
mod explore;
mod fixture;
mod fleets;
mod preflight;
mod properties;
mod releases;
mod reports;
mod stories;
mod triggers;
mod who;
mod world;
