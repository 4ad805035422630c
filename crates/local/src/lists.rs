//! Allow-lists: files of the project, of which each rollout goes by a copy of its own.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use staunch_model::{ALLOW_LIST_BYTES, AllowFlaw, AllowSpec, KeptList, allow_list};
use staunch_ports::PlatformError;

use crate::paths::Paths;

/// A copy that no wish names may be that of a rollout which is only being made.
const YOUNG: Duration = Duration::from_secs(3_600);

/// Why a file is no allow-list.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    #[error("it cannot be read: {0}")]
    Unreadable(io::Error),
    #[error("it is no file")]
    NoFile,
    #[error("{0}")]
    Flawed(AllowFlaw),
}

impl ListError {
    /// What to do about it.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "Write the file, one value per line, or correct its name in `allow`",
            Self::NoFile => "Name a file in `allow`",
            Self::Flawed(flaw) => flaw.fix(),
        }
    }
}

/// The bytes of an allow-list and how many values it has. Never more than the bound is read.
///
/// # Errors
/// See [`ListError`].
pub fn read(project: &Path, file: &str) -> Result<(Vec<u8>, usize), ListError> {
    let path = project.join(file);
    // Opening a pipe would wait for somebody to write.
    if !fs::metadata(&path).map_err(ListError::Unreadable)?.is_file() {
        return Err(ListError::NoFile);
    }
    let mut bytes = Vec::new();
    let file = File::open(&path).map_err(ListError::Unreadable)?;
    file.take(ALLOW_LIST_BYTES + 1).read_to_end(&mut bytes).map_err(ListError::Unreadable)?;
    let values = allow_list(&bytes).map_err(ListError::Flawed)?.len();
    Ok((bytes, values))
}

/// Keeps a copy under the hash of its bytes.
pub(crate) fn keep(paths: &Paths, project: &Path, allow: &AllowSpec) -> Result<KeptList, PlatformError> {
    let what = || format!("the allow-list {}", allow.file);
    let (bytes, values) = read(project, &allow.file).map_err(|error| PlatformError::Content {
        what: what(),
        why: error.to_string(),
        fix: error.fix().to_owned(),
    })?;
    let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let path = paths.lists().join(&sha256);
    write(&path, &bytes).map_err(|error| PlatformError::Refused {
        what: what(),
        why: format!("its copy cannot be written: {error}"),
        fix: "Make room on the disk of the data directory".to_owned(),
    })?;
    Ok(KeptList { path: path.to_string_lossy().into_owned(), sha256, values })
}

/// In one step, and anew each time: a copy that was damaged is whole again, and counts as young.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension(format!("{}.new", std::process::id()));
    let written = fs::write(&new, bytes).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _nothing_worse = fs::remove_file(&new);
    }
    written
}

/// Removes copies that are neither in use nor young.
pub(crate) fn collect_garbage(paths: &Paths, in_use: &BTreeSet<PathBuf>) {
    let old = |path: &Path| {
        let written = path.metadata().and_then(|meta| meta.modified()).ok();
        written.and_then(|at| SystemTime::now().duration_since(at).ok()).is_some_and(|age| age > YOUNG)
    };
    for entry in fs::read_dir(paths.lists()).into_iter().flatten().flatten() {
        if !in_use.contains(&entry.path()) && old(&entry.path()) {
            let _tried_again_next_time = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use staunch_model::RequestPart;

    use super::*;

    fn allow(file: &str) -> AllowSpec {
        AllowSpec { file: file.to_owned(), part: RequestPart::Cookie, name: "user".to_owned(), kept: None }
    }

    #[test]
    fn a_copy_does_not_change_with_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::create(&dir.path().join("data")).unwrap();
        fs::write(dir.path().join("testers.txt"), "anna\nbob\n").unwrap();
        let kept = keep(&paths, dir.path(), &allow("testers.txt")).unwrap();
        fs::write(dir.path().join("testers.txt"), "eve\n").unwrap();
        assert_eq!((kept.values, fs::read_to_string(&kept.path).unwrap().as_str()), (2, "anna\nbob\n"));
        assert_ne!(keep(&paths, dir.path(), &allow("testers.txt")).unwrap().path, kept.path);
        collect_garbage(&paths, &BTreeSet::new());
        assert!(Path::new(&kept.path).exists(), "it is young");
        let hours_ago = SystemTime::now() - 3 * YOUNG;
        File::open(&kept.path).unwrap().set_modified(hours_ago).unwrap();
        collect_garbage(&paths, &BTreeSet::from([PathBuf::from(&kept.path)]));
        assert!(Path::new(&kept.path).exists(), "it is in use");
        collect_garbage(&paths, &BTreeSet::new());
        assert!(!Path::new(&kept.path).exists());
    }

    #[test]
    fn what_is_no_list_is_refused_with_its_fix() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::create(&dir.path().join("data")).unwrap();
        fs::write(dir.path().join("huge"), vec![b'a'; 2_000_000]).unwrap();
        fs::write(dir.path().join("empty"), "").unwrap();
        for (file, why) in
            [("gone", "cannot be read"), ("data", "no file"), ("huge", "1 MB"), ("empty", "no value")]
        {
            let refused = keep(&paths, dir.path(), &allow(file)).unwrap_err();
            assert!(matches!(refused, PlatformError::Content { .. }), "{refused:?}");
            assert!(refused.to_string().contains(why) && refused.to_string().contains(file), "{refused}");
        }
    }
}
