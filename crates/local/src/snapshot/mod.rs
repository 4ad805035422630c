//! A revision's content: what belongs to it, its digest, and its place on disk.
//!
//! The place is a mirror of the project: the revision's files are copies, everything else is a link to the project's
//! own. It is the working directory of the instances, so relative paths go on working, and a later build does not
//! touch what runs.

mod digest;
mod mirror;
mod pattern;
mod resolve;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use staunch_model::{Revision, RevisionDigest, RunSpec, ServiceSpec, Timestamp};

use crate::paths::Paths;

/// A revision is copied at each deploy: beyond this something is in it by mistake.
const MOST_BYTES: u64 = 2 << 30;

/// Why a revision could not be made. Each names the path.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    #[error("the file {0} is not there")]
    Missing(String),
    #[error("the pattern {0} matches no file")]
    NoMatch(String),
    #[error("the path {0} leads out of the project")]
    Outside(String),
    #[error("{path} cannot be read: {source}", path = path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the files are larger than 2 GiB together; the largest is {largest}")]
    TooLarge { largest: String },
    #[error("{0} changes while it is read")]
    Changing(String),
    #[error("the copy {path} cannot be written: {source}", path = path.display())]
    Unwritable { path: PathBuf, source: io::Error },
}

impl SnapshotError {
    /// Nothing in the file would mend it.
    pub(crate) fn is_of_the_machine(&self) -> bool {
        match self {
            Self::Changing(_) | Self::Unwritable { .. } => true,
            Self::Missing(_)
            | Self::NoMatch(_)
            | Self::Outside(_)
            | Self::Unreadable { .. }
            | Self::TooLarge { .. } => false,
        }
    }

    /// What to do about it.
    pub(crate) fn fix(&self) -> &'static str {
        match self {
            Self::Missing(_) => "Build it first, or correct `files` and `run`",
            Self::NoMatch(_) => {
                "Correct the pattern in `files`; `*` stays inside one folder, `**` crosses them"
            }
            Self::Outside(_) => "Name paths below the folder of the configuration file",
            Self::Unreadable { .. } => "Give this user the right to read it, or leave it out of `files`",
            Self::TooLarge { .. } => {
                "Name in `files` only what a version consists of, not data or build caches"
            }
            Self::Changing(_) => "Deploy again when the build has finished",
            Self::Unwritable { .. } => "Make room on the disk of the data directory",
        }
    }
}

/// Hashes the service's content and keeps a copy of it. Content that is there already is not copied again.
///
/// # Errors
/// See [`SnapshotError`]; nothing is left behind.
pub(crate) fn prepare(
    paths: &Paths,
    project: &Path,
    spec: &ServiceSpec,
    label: &str,
    now: Timestamp,
) -> Result<Revision, SnapshotError> {
    let content = resolve::content(project, paths.data(), spec)?;
    let files = digest::hash_all(&content)?;
    let digest = digest::of(spec, &files);
    let place = paths.revision(&digest);
    if !place.is_dir() {
        mirror::build(paths, &content, &files, &place)?;
    }
    let run = RunSpec {
        command: spec.command.clone(),
        dir: place.to_string_lossy().into_owned(),
        env: spec.env.clone(),
        health: spec.health.clone(),
        stop: spec.stop.clone(),
        infra: spec.infra.clone(),
    };
    Ok(Revision { digest, service: spec.name.clone(), label: label.to_owned(), run, files, created: now })
}

/// The files of a version that lie in the project, without hashing or copying them.
pub(crate) fn files(project: &Path, data: &Path, spec: &ServiceSpec) -> Result<Vec<PathBuf>, SnapshotError> {
    Ok(resolve::content(project, data, spec)?.inside.into_keys().collect())
}

/// What a path or pattern names; nothing when nothing is there.
pub(crate) fn named(project: &Path, named: &str) -> Vec<PathBuf> {
    if pattern::is_pattern(named) {
        return pattern::expand(project, named);
    }
    let path = PathBuf::from(named);
    if project.join(&path).exists() { vec![path] } else { vec![] }
}

/// Removes the copies of all other revisions, and what a crash left half-made.
pub(crate) fn collect_garbage(paths: &Paths, kept: &BTreeSet<RevisionDigest>) {
    let kept: BTreeSet<&str> = kept.iter().map(RevisionDigest::short).collect();
    let own_work = mirror::work_prefix();
    for entry in std::fs::read_dir(paths.revisions()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !kept.contains(name.as_str()) && !name.starts_with(&own_work) {
            // Links in it are removed as links; what is still in use by a process lives on without its name.
            let _tried_again_next_time = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests;
