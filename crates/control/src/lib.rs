//! The loop: wake → observe → judge → decide → record → plan → execute, verdict and action in the same turn.
//!
//! One thread owns every service's state. Everyone else talks to it through a [`Handle`].

mod answered;
mod book;
mod budget;
mod capture;
mod case;
mod clock;
mod film;
mod gauges;
mod handle;
mod house;
mod infra;
mod inspect;
mod kinds;
mod live;
mod obey;
mod order;
mod plan;
mod policy;
mod release_view;
mod releases;
mod run;
mod scribe;
mod thrift;
mod triggers;
mod turn;
mod view;
mod watch;

pub use budget::BudgetView;
pub use clock::SteadyClock;
pub use handle::{Deployed, Handle, Refused, ReleaseSource, SpecSource, Views};
pub use infra::{Runner, no_runner};
pub use inspect::{Inspector, no_checks};
pub use order::{DeployOptions, Expect};
pub use plan::{PlanView, PlannedStep};
pub use release_view::{MemberView, ReleaseView};
pub use run::{Control, Parts, start};
pub use thrift::{Frozen, PassRequest};
pub use view::{ArmRates, Eta, Point, RolloutView, ServiceView};
