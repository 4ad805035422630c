//! The place where revisions run: one machine, later a cluster.

use std::sync::Arc;
use std::time::Duration;

use staunch_model::{
    AllowSpec, DependencyLook, DependencySpec, EdgeReport, InstanceId, KeptList, Revision, RevisionDigest,
    ServiceName, ServiceSpec, SplitGeneration, Timestamp,
};
use staunch_rollout::{Action, Observed};

#[derive(Debug, Clone, thiserror::Error)]
pub enum PlatformError {
    /// The wish is older than what the platform has already been told.
    #[error("split {offered:?} is older than {known:?}: refused")]
    Stale { offered: SplitGeneration, known: SplitGeneration },
    #[error("{what}: {why}. {fix}")]
    Refused { what: String, why: String, fix: String },
    /// What the configuration asks for is not there or cannot be used.
    #[error("{what}: {why}. {fix}")]
    Content { what: String, why: String, fix: String },
    #[error("the platform does not answer: {0}")]
    Unreachable(String),
}

/// Called when something changed that the loop should look at.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// Every method returns at once: it reads what background work has gathered, or hands an order to it.
pub trait Platform: Send + Sync {
    /// Makes the service known and its address listened on. Idempotent; the address in use is an error.
    fn declare(&self, spec: &ServiceSpec) -> Result<(), PlatformError>;
    /// Makes the file's content into an immutable revision (hashes and copies files; may take seconds).
    fn prepare(&self, spec: &ServiceSpec, label: &str, now: Timestamp) -> Result<Revision, PlatformError>;
    /// Reads an allow-list and keeps a copy of it that nobody changes. Where there are none, one that is asked for is
    /// refused.
    fn keep_list(&self, allow: &AllowSpec) -> Result<KeptList, PlatformError> {
        let (what, why) = (format!("allow-list {}", allow.file), "this platform keeps no lists".to_owned());
        let fix = "Match a header or cookie of these users instead".to_owned();
        Err(PlatformError::Content { what, why, fix })
    }
    /// All that is known now about one service.
    fn observe(&self, service: &ServiceName) -> Observed;
    fn execute(&self, action: Action) -> Result<(), PlatformError>;
    /// What the edges counted since the last call.
    fn reports(&self) -> Vec<EdgeReport>;
    /// Extends the canary's lease under exactly this generation.
    fn renew(&self, service: &ServiceName, generation: SplitGeneration);
    /// The last lines an instance wrote, oldest first.
    fn logs(&self, instance: &InstanceId, lines: usize) -> Vec<String>;
    /// The number that a command about this instance printed last; it is run in the background when `every` has
    /// passed. `None` while there is none.
    fn measure(&self, instance: &InstanceId, words: &[String], every: Duration) -> Option<f64>;
    /// Whether a command is content with this instance, each of its runs told once: exit status 0 is `true`, 1 is
    /// `false`. `None` while there is no news, and for a run that ended in any other way.
    fn check(&self, _instance: &InstanceId, _words: &[String], _every: Duration) -> Option<bool> {
        None
    }
    /// Looks at these in the background from now on, and at nothing else for this service. Idempotent.
    fn watch_dependencies(&self, _service: &ServiceName, _specs: Vec<DependencySpec>) {}
    /// How those that are watched answered last.
    fn dependencies(&self, _service: &ServiceName) -> Vec<DependencyLook> {
        vec![]
    }
    fn set_waker(&self, waker: Waker);
    /// Removes stored content of revisions that are not named here.
    fn retain(&self, revisions: &[RevisionDigest]);
}
