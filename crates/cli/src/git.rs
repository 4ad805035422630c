//! The name of a version that is built from a commit: `{service}:{commit}-{timestamp}`.

use std::path::Path;
use std::process::Command;

use staunch_model::{Naming, ServiceName, ServiceSpec, VersionName};

/// Gives every service with `version = "auto"` the name of the commit that is checked out, or says why it has none.
pub(crate) fn name_versions(specs: &mut [ServiceSpec], folder: &Path) {
    if specs.iter().all(|spec| spec.policy.naming != Naming::Auto) {
        return;
    }
    let commit = commit(folder);
    for spec in specs.iter_mut().filter(|spec| spec.policy.naming == Naming::Auto) {
        match commit.as_ref().map_err(Clone::clone).and_then(|commit| name(&spec.name, commit)) {
            Ok(name) => spec.version = Some(name),
            Err(why) => spec.policy.naming = Naming::Unnamed(why),
        }
    }
}

struct Commit {
    hash: String,
    /// Of the commit: the same content gets the same name wherever it is deployed.
    stamp: String,
}

fn name(service: &ServiceName, commit: &Commit) -> Result<VersionName, String> {
    VersionName::of_build(service, &commit.hash, &commit.stamp).map_err(|flaw| flaw.to_string())
}

fn commit(folder: &Path) -> Result<Commit, String> {
    let changed = git(folder, &["status", "--porcelain", "--untracked-files=no", "--", "."])?;
    let files = changed.lines().count();
    if files > 0 {
        return Err(format!("{files} tracked files differ from the commit"));
    }
    let log = git(folder, &["log", "-1", "--format=%H %ct"])?;
    let (hash, seconds) = log.trim().split_once(' ').ok_or("git names no commit")?;
    let at = seconds.parse().ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    let at = at.ok_or("git tells no time of the commit")?;
    let hash = hash.get(..12).unwrap_or(hash).to_owned();
    Ok(Commit { hash, stamp: at.strftime("%Y%m%dT%H%M%SZ").to_string() })
}

fn git(folder: &Path, args: &[&str]) -> Result<String, String> {
    // Looking must not take the locks of somebody who works.
    let ran = Command::new("git").arg("-C").arg(folder).args(args).env("GIT_OPTIONAL_LOCKS", "0").output();
    let output = ran.map_err(|error| format!("git cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(words.lines().next().unwrap_or("git failed").trim_start_matches("fatal: ").to_owned())
}
