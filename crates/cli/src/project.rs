//! Where the file and the data directory are, and reading the file.

use std::path::{Path, PathBuf};

use staunch_config::{Parsed, parse_in};

use crate::args::Global;
use crate::exit::{Exit, Failure};
use crate::term::Term;

/// One project on disk.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) file: PathBuf,
    pub(crate) data: PathBuf,
    /// The environment that was chosen, else that of the last control plane on this data directory.
    pub(crate) environment: Option<String>,
}

impl Place {
    pub(crate) fn of(global: &Global) -> Self {
        let file = std::path::absolute(&global.file).unwrap_or_else(|_| global.file.clone());
        let beside = file.parent().unwrap_or(Path::new(".")).join(".staunch");
        // Each environment has services, ports and a history of its own.
        let beside = global.env.as_ref().map_or(beside.clone(), |env| beside.join("environments").join(env));
        let data = global.data.clone().map_or(beside, |data| std::path::absolute(&data).unwrap_or(data));
        let environment =
            global.env.clone().or_else(|| recorded(&data)["environment"].as_str().map(str::to_owned));
        Self { file, data, environment }
    }

    /// A command for one environment must not reach the control plane of another.
    pub(crate) fn same_environment(&self, global: &Global) -> Result<(), Failure> {
        let about = recorded(&self.data);
        let runs = about["environment"].as_str();
        let Some(asked) = global.env.as_deref().filter(|asked| about.is_object() && runs != Some(asked))
        else {
            return Ok(());
        };
        let runs = runs.map_or_else(|| "no environment".to_owned(), |name| format!("the environment {name}"));
        let text = format!("--env {asked}, but the control plane of {} runs {runs}", self.data.display());
        Err(Failure::new(Exit::Usage, text)
            .help("name the right --data, or leave it out: each environment has its own"))
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
        let mut parsed = self.parse(&self.text()?, term)?;
        crate::git::name_versions(&mut parsed.project.services, self.folder());
        Ok(parsed)
    }

    /// The same of a text, with no name for versions that a commit names.
    pub(crate) fn parse(&self, text: &str, term: &Term) -> Result<Parsed, Failure> {
        let name = self.file.display().to_string();
        parse_in(text, self.environment.as_deref()).map_err(|findings| {
            let listing = findings.render(text, &name, term.color_for_errors());
            Failure::new(Exit::Config, format!("{listing}\n\n{}", findings.summary()))
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("."))
    }

    /// Where control listens for commands: beside the other sockets of this data directory.
    pub(crate) fn api_socket(&self) -> Result<PathBuf, Failure> {
        let paths = staunch_local::Paths::create(&self.data)?;
        Ok(paths.keeper_socket().with_file_name("api.sock"))
    }

    /// The socket that the last control plane wrote down.
    pub(crate) fn recorded_socket(&self) -> PathBuf {
        recorded(&self.data)["socket"].as_str().map_or_else(|| self.data.join("run/api.sock"), PathBuf::from)
    }

    /// Who has access; not part of the history.
    pub(crate) fn access(&self) -> PathBuf {
        self.data.join("access.db")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.data.join("journal.db")
    }
}

/// What the last control plane of this data directory wrote down of itself.
fn recorded(data: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(data.join("run/control.json")).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}
