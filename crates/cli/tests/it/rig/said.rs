//! One run of the binary: what it said and how it ended.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::until_within;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_staunch");
/// No command of these stories waits longer; one that does hangs.
const LONGEST: Duration = Duration::from_secs(90);

#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) exit: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    #[track_caller]
    pub(crate) fn exits(self, exit: i32) -> Self {
        assert_eq!(self.exit, exit, "standard output:\n{}\nstandard error:\n{}", self.out, self.err);
        self
    }

    /// Both streams: which of them carries a sentence is tested where it matters.
    #[track_caller]
    pub(crate) fn says(self, part: &str) -> Self {
        let all = format!("{}\n{}", self.out, self.err);
        assert!(all.contains(part), "`{part}` is not in:\n{all}");
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in:\n{}", self.out))
    }

    /// Every line is a JSON value of its own.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        let parse =
            |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in: {line}"));
        self.out.lines().map(parse).collect()
    }
}

/// The binary in a folder, with nothing of the tester's own settings.
pub(crate) fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(args).current_dir(dir).stdin(Stdio::null()).env("NO_COLOR", "1");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("STAUNCH_")) {
        command.env_remove(name);
    }
    command
}

pub(crate) fn run(dir: &Path, args: &[&str]) -> Said {
    Running::start(command(dir, args)).wait()
}

/// A command that is still under way. Its output goes to files, so that a full pipe never holds it up.
pub(crate) struct Running {
    child: Child,
    files: tempfile::TempDir,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let files = tempfile::tempdir().unwrap();
        let file = |name: &str| std::fs::File::create(files.path().join(name)).unwrap();
        let child = command.stdout(file("out")).stderr(file("err")).spawn().unwrap();
        Self { child, files }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub(crate) fn wait(mut self) -> Said {
        let status = until_within(LONGEST, "the end of a command", || self.child.try_wait().unwrap());
        let [out, err] = ["out", "err"].map(|name| self.read(name));
        Said { exit: status.code().unwrap_or(-1), out, err }
    }

    pub(crate) fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&std::fs::read(self.files.path().join(name)).unwrap()).into_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended() {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}
