//! From a spec to a process: all that can be checked is checked before, so that a refusal names its cause.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process::{HOME, MARK};
use crate::protocol::InstanceSpec;

/// Why no process came of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LaunchError {
    /// Trying again would not help.
    #[error("{0}")]
    Never(String),
    /// The machine is short of something for the moment.
    #[error("{0}")]
    Later(String),
}

/// The program and its arguments, every `${NAME}` replaced and the program found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) program: PathBuf,
    pub(crate) words: Vec<String>,
}

/// Looks the command up as the process will: in its own directory and with its own `PATH`.
///
/// # Errors
/// The command is empty, not found, not executable, or its directory is not there.
pub(crate) fn resolve(
    words: &[String],
    dir: &Path,
    env: &BTreeMap<String, String>,
) -> Result<Resolved, LaunchError> {
    if !dir.is_dir() {
        return Err(LaunchError::Never(format!("the working directory {} is not there", dir.display())));
    }
    let words: Vec<String> = words.iter().map(|word| substitute(word, env)).collect();
    let Some(name) = words.first().filter(|name| !name.is_empty()) else {
        return Err(LaunchError::Never("the command is empty".to_owned()));
    };
    let program = if name.contains('/') { check(name, &dir.join(name)) } else { search(name, env) }?;
    Ok(Resolved { program, words })
}

fn search(name: &str, env: &BTreeMap<String, String>) -> Result<PathBuf, LaunchError> {
    let path = env.get("PATH").map(OsString::from).or_else(|| std::env::var_os("PATH")).unwrap_or_default();
    let candidates = std::env::split_paths(&path).map(|dir| dir.join(name));
    let mut refusal = LaunchError::Never(format!("command not found: {name} is in no directory of PATH"));
    for candidate in candidates.filter(|candidate| candidate.is_file()) {
        match check(name, &candidate) {
            Ok(program) => return Ok(program),
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

fn check(name: &str, path: &Path) -> Result<PathBuf, LaunchError> {
    let at = path.display();
    let meta = path.metadata().map_err(|error| {
        let absent = error.kind() == io::ErrorKind::NotFound;
        let cause = format!("{at} cannot be looked at: {error}");
        LaunchError::Never(if absent {
            format!("command not found: {name} ({at} does not exist)")
        } else {
            cause
        })
    })?;
    if meta.is_dir() {
        return Err(LaunchError::Never(format!("{at} is a directory, not a program")));
    }
    if meta.permissions().mode() & 0o111 == 0 {
        return Err(LaunchError::Never(format!("not executable: {at} (chmod +x would allow it)")));
    }
    Ok(path.to_owned())
}

/// Replaces each `${NAME}` known to `env`; anything else stays as it is.
pub(crate) fn substitute(word: &str, env: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        match variable(after).and_then(|(name, tail)| Some((env.get(name)?, tail))) {
            Some((value, tail)) => {
                out.push_str(value);
                rest = tail;
            }
            None => {
                out.push('$');
                rest = after;
            }
        }
    }
    out + rest
}

/// The name behind a `$`, in braces or bare, and what follows it.
fn variable(after: &str) -> Option<(&str, &str)> {
    if let Some(braced) = after.strip_prefix('{') {
        return braced.split_once('}');
    }
    let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
    (end > 0).then(|| after.split_at(end))
}

/// The instance's own variables: what its spec gives, its port, and its mark.
pub(crate) fn environment(spec: &InstanceSpec) -> BTreeMap<String, String> {
    let mut env = spec.env.clone();
    env.insert("PORT".to_owned(), spec.port.to_string());
    env.insert(MARK.to_owned(), spec.id.to_string());
    env.insert("STAUNCH_REVISION".to_owned(), spec.revision.to_string());
    env
}

/// Starts the instance in a process group of its own and gives its pid. `home` is the data directory.
///
/// # Errors
/// [`LaunchError::Never`] when the command can never run, else [`LaunchError::Later`].
pub(crate) fn launch(spec: &InstanceSpec, home: &Path, out: File, err: File) -> Result<u32, LaunchError> {
    let env = environment(spec);
    let resolved = resolve(&spec.command, &spec.dir, &env)?;
    let mut command = Command::new(&resolved.program);
    if let Some(name) = resolved.words.first() {
        command.arg0(name);
    }
    command.args(resolved.words.iter().skip(1)).current_dir(&spec.dir).envs(&env).env(HOME, home);
    command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0);
    // The handle is let go: the pidfd that the caller opens is what is waited on.
    command.spawn().map(|child| child.id()).map_err(|error| refusal(&error, &resolved.program))
}

fn refusal(error: &io::Error, program: &Path) -> LaunchError {
    use rustix::io::Errno;
    let text = format!("{} cannot be executed: {error}", program.display());
    let passing = [Errno::AGAIN, Errno::NOMEM, Errno::MFILE, Errno::NFILE, Errno::TXTBSY];
    let is_passing = passing.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()));
    if is_passing { LaunchError::Later(text) } else { LaunchError::Never(explain(error, text)) }
}

fn explain(error: &io::Error, text: String) -> String {
    use rustix::io::Errno;
    match error.raw_os_error() {
        Some(code) if code == Errno::NOENT.raw_os_error() => {
            format!("{text}; the interpreter of its first line (#!) is missing")
        }
        Some(code) if code == Errno::NOEXEC.raw_os_error() => {
            format!("{text}; is it built for this machine, or does a script lack its first line (#!)?")
        }
        _other => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn only_known_names_are_replaced() {
        let env = env(&[("PORT", "8080"), ("A", "${PORT}")]);
        assert_eq!(substitute("--listen=127.0.0.1:${PORT}", &env), "--listen=127.0.0.1:8080");
        assert_eq!(substitute("${A}${B}${", &env), "${PORT}${B}${");
        assert_eq!(substitute("127.0.0.1:$PORT,$PORTS $ {PORT}", &env), "127.0.0.1:8080,$PORTS $ {PORT}");
        assert_eq!(substitute("${x ${PORT}", &env), "${x 8080");
    }

    #[test]
    fn each_refusal_names_its_own_cause() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("data.txt"), "x").unwrap();
        std::fs::create_dir(dir.path().join("folder")).unwrap();
        let refused = |word: &str| {
            resolve(&[word.to_owned()], dir.path(), &env(&[("PATH", "/nowhere")])).unwrap_err().to_string()
        };
        assert!(refused("no-such-thing").contains("in no directory of PATH"));
        assert!(refused("./missing").contains("does not exist"));
        assert!(refused("./data.txt").contains("not executable"));
        assert!(refused("./folder").contains("is a directory"));
        assert!(refused("").contains("empty"));
        let gone = resolve(&["x".to_owned()], &dir.path().join("gone"), &env(&[])).unwrap_err();
        assert!(gone.to_string().contains("working directory"));
    }
}
