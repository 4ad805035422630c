//! Why a report cannot be read.

/// Each names what is wrong; [`Flaw::fix`] says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("it is empty")]
    Empty,
    #[error("it ends in the middle, after {bytes} bytes")]
    Truncated { bytes: u64 },
    #[error("it is not {expected}: {found}")]
    Other { expected: &'static str, found: String },
    #[error("it declares or uses XML entities, which are never expanded")]
    Entities,
    #[error("it is nested more than {levels} levels deep")]
    Deep { levels: usize },
    #[error("it is larger than {} MiB", .most >> 20)]
    Large { most: u64 },
    #[error("a single text in it is larger than {} MiB", .most >> 20)]
    LongText { most: u64 },
    #[error("it is written in {0}, not in UTF-8")]
    Encoding(String),
    #[error("it is damaged: {what}")]
    Damaged { what: String },
    #[error("the tool did not finish: {what}")]
    Unfinished { what: String },
    /// The file itself.
    #[error("it cannot be opened: {0}")]
    Unopened(String),
}

impl Flaw {
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Empty | Self::Truncated { .. } | Self::Damaged { .. } | Self::Unfinished { .. } => {
                "run the tool again and let it finish"
            }
            Self::Other { .. } => "correct the path in [checks], or the tool's output format",
            Self::Entities => "let the tool write plain text; a DOCTYPE without declarations is fine",
            Self::Deep { .. } | Self::Large { .. } | Self::LongText { .. } => {
                "let the tool write less, for example without captured output"
            }
            Self::Encoding(_) => "let the tool write UTF-8",
            Self::Unopened(_) => "give this user the right to read it",
        }
    }
}

impl From<Flaw> for std::io::Error {
    fn from(flaw: Flaw) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, flaw)
    }
}

/// A flaw that came through a reader, or the reader's own trouble.
pub(crate) fn of_io(error: &std::io::Error) -> Flaw {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Flaw>());
    inner.cloned().unwrap_or_else(|| Flaw::Unopened(error.to_string()))
}
