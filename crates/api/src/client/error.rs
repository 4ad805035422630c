use crate::Problem;

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers there, or the answer broke off.
    #[error("{what}")]
    Unreachable { what: String, fix: String },
    /// The server understood and refused.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    /// What answered does not speak this API.
    #[error("the server's answer cannot be understood: {0}")]
    Protocol(String),
}

impl ClientError {
    pub(crate) fn unreachable(what: impl Into<String>) -> Self {
        let fix = "start the server with `staunch up`, or name another one with --server".to_owned();
        Self::Unreachable { what: what.into(), fix }
    }

    /// What to do about it.
    pub fn help(&self) -> &str {
        match self {
            Self::Unreachable { fix, .. } => fix,
            Self::Problem(problem) => &problem.help,
            Self::Protocol(_) => "use the same version of Staunch on both sides: `staunch --version`",
        }
    }

    /// What speaks against a deploy, the gravest first.
    pub fn findings(&self) -> &[crate::v1::PolicyFinding] {
        match self {
            Self::Problem(problem) => &problem.findings,
            Self::Unreachable { .. } | Self::Protocol(_) => &[],
        }
    }

    /// The exit code of a command that ends with this.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Unreachable { .. } => 4,
            Self::Problem(problem) => problem.exit_code(),
            Self::Protocol(_) => 1,
        }
    }
}
