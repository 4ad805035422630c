//! Where the file and the data directory are, and reading the file.

use std::path::{Path, PathBuf};

use staunch_config::{Parsed, parse};

use crate::args::Global;
use crate::exit::{Exit, Failure};
use crate::term::Term;

/// One project on disk.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) file: PathBuf,
    pub(crate) data: PathBuf,
}

impl Place {
    pub(crate) fn of(global: &Global) -> Self {
        let file = std::path::absolute(&global.file).unwrap_or_else(|_| global.file.clone());
        let beside = file.parent().unwrap_or(Path::new(".")).join(".staunch");
        let data = global.data.clone().map_or(beside, |data| std::path::absolute(&data).unwrap_or(data));
        Self { file, data }
    }

    /// Where the numbers of rollouts are kept, for looking at them again.
    pub(crate) fn recordings(&self) -> PathBuf {
        self.data.join("recordings")
    }

    pub(crate) fn text(&self) -> Result<String, Failure> {
        std::fs::read_to_string(&self.file).map_err(|error| {
            let file = self.file.display();
            let failure = Failure::new(Exit::Config, format!("cannot read {file}: {error}"));
            if error.kind() == std::io::ErrorKind::NotFound {
                return failure
                    .help("`staunch init` writes one; --file names another; `staunch demo` needs none");
            }
            failure
        })
    }

    /// The file's content, or all its findings at once.
    pub(crate) fn read(&self, term: &Term) -> Result<Parsed, Failure> {
        let text = self.text()?;
        let name = self.file.display().to_string();
        parse(&text).map_err(|findings| {
            let listing = findings.render(&text, &name, term.color_for_errors());
            Failure::new(Exit::Config, format!("{listing}\n\n{}", findings.summary()))
        })
    }

    /// Where control listens for commands: beside the other sockets of this data directory.
    pub(crate) fn api_socket(&self) -> Result<PathBuf, Failure> {
        let paths = staunch_local::Paths::create(&self.data)?;
        Ok(paths.keeper_socket().with_file_name("api.sock"))
    }

    /// The socket that the last control plane wrote down.
    pub(crate) fn recorded_socket(&self) -> PathBuf {
        let text = std::fs::read_to_string(self.data.join("run/control.json")).unwrap_or_default();
        let about: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        about["socket"].as_str().map_or_else(|| self.data.join("run/api.sock"), PathBuf::from)
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.data.join("journal.db")
    }
}
