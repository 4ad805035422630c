//! Files that tools wrote about a version, and what they must not be older than.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use staunch_model::{ServiceSpec, Timestamp};

use crate::snapshot;

/// The files that a path or `*` pattern names, relative to the project, in the order of names.
pub fn named(project: &Path, pattern: &str) -> Vec<PathBuf> {
    snapshot::named(project, pattern)
}

/// The file of the version that was written last. `None` when none of its files lies in the project.
pub fn newest(project: &Path, data: &Path, spec: &ServiceSpec) -> Option<(String, Timestamp)> {
    let files = snapshot::files(project, data, spec).ok()?;
    let dated = files.into_iter().filter_map(|path| {
        let written = project.join(&path).metadata().and_then(|meta| meta.modified()).ok()?;
        Some((path.to_string_lossy().into_owned(), timestamp(written)))
    });
    dated.max_by_key(|(_, written)| *written)
}

pub fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(UNIX_EPOCH).map(|span| span.as_millis()).unwrap_or_default();
    Timestamp(i64::try_from(since).unwrap_or(i64::MAX))
}
