//! What others ask of the loop.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use staunch_model::{Attestation, CheckResult, Revision, RolloutId, ServiceName, ServiceSpec, Timestamp};
use staunch_rollout::{Ask, Command, Freeze, HouseEvent, Preflight, PreflightFinding, Service};
use tokio::sync::oneshot;

use crate::PassRequest;
use crate::handle::{Deployed, Refused};
use crate::releases::ReleaseAdmission;

/// What the caller believes: the order is refused when the world has moved on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expect {
    pub rollout: Option<u64>,
    pub step: Option<usize>,
}

pub(crate) type Reply<T> = oneshot::Sender<Result<T, Refused>>;

/// What came of an order, on its way to whoever gave it.
pub(crate) struct Answer {
    /// Whose entries must be recorded before it is given.
    pub(crate) service: Option<ServiceName>,
    pub(crate) give: Box<dyn FnOnce() + Send>,
}

pub(crate) enum Order {
    Admit(Box<Admission>, Reply<Deployed>),
    Command(Instruction, Reply<u64>),
    /// What the preflight says of a deploy, which is not begun.
    Preflight(Box<Admission>, Reply<Preflight>),
    Vote {
        admission: Box<Admission>,
        agrees: bool,
        reply: Reply<Ask>,
    },
    Policy {
        service: ServiceName,
        decision: Decision,
        reply: Reply<Option<Freeze>>,
    },
    /// Something is done to the control plane itself; the answer comes when it is recorded.
    House {
        event: HouseEvent,
        by: String,
        reply: Reply<()>,
    },
    /// The service as history tells it.
    Tell {
        service: ServiceName,
        reply: Reply<Service>,
    },
    /// Several services that go together; the answer is the release's number.
    Release(Box<ReleaseAdmission>, Reply<u64>),
    AbortRelease {
        id: RolloutId,
        by: String,
        reason: String,
        reply: Reply<u64>,
    },
    /// Whether the error budget would let a deploy begin.
    AskBudget {
        service: ServiceName,
        by: String,
        reason: Option<String>,
        pass: PassRequest,
        reply: Reply<()>,
    },
    Rollback {
        service: ServiceName,
        to: Option<String>,
        by: String,
        reason: String,
        reply: Reply<Deployed>,
    },
}

impl Order {
    /// What is carried out whatever the journal does, or needs no journal.
    pub(crate) fn cannot_wait(&self) -> bool {
        match self {
            Self::Command(instruction, _) => instruction.command == Command::Abort,
            Self::Rollback { .. }
            | Self::Tell { .. }
            | Self::AskBudget { .. }
            | Self::Preflight(..)
            | Self::AbortRelease { .. } => true,
            Self::Admit(..)
            | Self::Release(..)
            | Self::Vote { .. }
            | Self::Policy { .. }
            | Self::House { .. } => false,
        }
    }
}

/// How somebody wants to deploy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeployOptions {
    pub reason: Option<String>,
    /// Take a running rollout to other content back first.
    pub replace: bool,
    /// Why windows and freezes are overridden.
    pub emergency: Option<String>,
    /// What lets it pass a frozen error budget.
    pub pass: PassRequest,
    /// The digest of the plan that the caller saw: refused when it is another one by now.
    pub plan: Option<String>,
}

/// What a person decides about a service.
pub(crate) enum Decision {
    Freeze { by: String, reason: String, until: Option<Timestamp> },
    Unfreeze { by: String, reason: String },
}

pub(crate) struct Admission {
    pub(crate) spec: ServiceSpec,
    /// All services of the file.
    pub(crate) specs: Arc<Vec<ServiceSpec>>,
    /// What other environments attest of this service.
    pub(crate) baked: Vec<Attestation>,
    /// Findings from elsewhere.
    pub(crate) more: Vec<PreflightFinding>,
    pub(crate) emergency: Option<String>,
    /// Everything has been asked already: with the rest of a release, before the first of it began.
    pub(crate) cleared: bool,
    pub(crate) revision: Revision,
    pub(crate) checks: Vec<CheckResult>,
    pub(crate) by: String,
    pub(crate) reason: Option<String>,
    pub(crate) pass: PassRequest,
    /// What the caller saw.
    pub(crate) plan: Option<String>,
}

pub(crate) struct Instruction {
    pub(crate) service: ServiceName,
    pub(crate) command: Command,
    pub(crate) by: String,
    pub(crate) reason: String,
    pub(crate) expect: Expect,
}
