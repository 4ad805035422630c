//! What a rollout does next. Four pure functions and one fold:
//! facts + time → [`decide`] → events → [`Service::apply`] → phase → [`desired`] → [`plan`] → actions.
//!
//! Rollback is not an undo script: it is another desired state, reached by the same planner.

mod budget;
mod command;
mod decide;
mod desired;
mod event;
mod fleet;
mod house;
mod infra;
mod observed;
mod phase;
mod plan;
mod policy;
mod preflight;
mod release;
mod report;
mod rollout;
mod service;
mod shadow;
mod smoke;
#[cfg(test)]
mod tests;
mod trigger;
mod twins;
mod vetting;
mod waiting;
mod who;

pub use budget::{BudgetCost, BudgetEvent, BudgetFacts, FreezePass, share, window_words};
pub use command::{Command, Refusal, allowed, command};
pub use decide::{Snapshot, decide};
pub use desired::{Desired, DesiredWorkload, desired};
pub use event::{Cause, Event, ExitCapture, FailureBundle, Replaced, RouteRow};
pub use fleet::Fleet;
pub use house::HouseEvent;
pub use infra::{InfraDue, InfraRun, InfraState, InfraStep};
pub use observed::{
    Action, ExitRecord, InstanceState, InstanceStatus, MirrorWish, Observed, ObservedSplit, SmokeState,
    SmokeStatus, SplitWish,
};
pub use phase::{Pace, Phase};
pub use plan::{Plan, plan};
pub use policy::{Ask, Freeze, PolicyEvent, Seen, Standing, Vote};
pub use preflight::{
    Facts, Finding as PreflightFinding, FindingCode, FindingInfo, Landscape, Place, Preflight, Severity,
    Stop, artifact, finding_info, preflight, stop,
};
pub use release::{
    IllegalReleaseEvent, Member, MemberPlan, MemberState, Release, ReleaseEvent, ReleaseOutcome, ReleaseStep,
    Turned, is_back, next_step, promoted_by,
};
pub use report::{Cost, Recorded, Report, TimelineRow, changed};
pub use rollout::{IllegalEvent, Rollout};
pub use service::Service;
pub use smoke::DueSmoke;
pub use trigger::facts;
pub use vetting::{Objection, Vetting, vet};
pub use waiting::{Waiting, WaitingOn, waiting};
