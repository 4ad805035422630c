//! The edge: the process that stands between users and the instances of a service. It listens, splits, sticks,
//! shields, drains and counts; it never decides. Control tells it what to do over a unix socket ([`wire`],
//! [`client`]), the keeper lends it the listening sockets over another ([`handover`]).

mod alarm;
mod answer;
mod bare;
mod body;
mod charge;
mod chunks;
pub mod client;
mod clock;
mod connection;
mod control;
mod count;
mod drain;
pub mod edge;
mod exchange;
mod failures;
pub mod handover;
mod head;
mod hub;
mod instance;
mod instance_body;
mod io;
mod lease;
mod limits;
mod line;
mod listeners;
mod local;
mod outgoing;
mod patience;
mod persist;
mod pool;
mod reply;
mod report;
mod route;
mod scan;
mod shared;
mod side;
mod split;
mod sticky;
mod table;
mod thread;
mod tls;
mod traffic;
mod tunnel;
pub mod wire;
mod worker;
