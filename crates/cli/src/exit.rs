//! How the process ends: every status is documented and has one meaning.

use staunch_api::v1::PolicyFinding;

/// The exit statuses of `docs/src/exit-status.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Ok = 0,
    Internal = 1,
    Usage = 2,
    Config = 3,
    Unreachable = 4,
    NotAllowed = 5,
    RolledBack = 10,
    Aborted = 11,
    TimedOut = 12,
    NeedsApproval = 13,
    Frozen = 14,
    Refused = 15,
    Conflict = 16,
    Rejected = 17,
    Changes = 20,
    Warnings = 21,
}

/// An end with words: what is wrong, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    /// When a freeze ends, for programs that read the answer.
    pub(crate) thaw_at: Option<String>,
    /// What speaks against a deploy, the gravest first.
    pub(crate) findings: Vec<PolicyFinding>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), help: None, thaw_at: None, findings: vec![] }
    }
    pub(crate) fn thaws_at(mut self, at: Option<impl ToString>) -> Self {
        self.thaw_at = at.map(|at| at.to_string());
        self
    }
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Internal, error.to_string())
    }
}

pub(crate) type Outcome = Result<Exit, Failure>;
