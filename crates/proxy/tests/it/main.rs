//! The edge as its neighbours see it: real sockets, real requests, real reports.

mod answers;
mod app;
mod browser;
mod counts;
mod drain;
mod http;
mod lease;
mod mirror;
mod protocols;
mod shield;
mod sigterm;
mod smuggling;
mod split;
mod stage;
mod twins;
mod uploads;
mod warm_up;
mod who;
