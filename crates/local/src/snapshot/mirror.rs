//! Building the mirror: into a working folder first, which then takes its name at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, FileTimes};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use staunch_model::FileHash;

use super::resolve::{Content, Kind};
use super::{SnapshotError, digest};
use crate::paths::Paths;

/// Working folders of this process begin with this; those of others were left by a crash.
pub(super) fn work_prefix() -> String {
    format!(".work-{}-", std::process::id())
}

/// # Errors
/// See [`SnapshotError`]; the working folder is removed.
pub(super) fn build(
    paths: &Paths,
    content: &Content,
    files: &[FileHash],
    place: &Path,
) -> Result<(), SnapshotError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let work = paths.revisions().join(format!("{}{number}", work_prefix()));
    let built = Mirror::new(content, files, &work).build().and_then(|()| take_name(&work, place));
    if built.is_err() {
        let _left_for_the_next_collection = fs::remove_dir_all(&work);
    }
    built
}

/// The same content may have been finished by another deploy meanwhile: either copy serves.
fn take_name(work: &Path, place: &Path) -> Result<(), SnapshotError> {
    match fs::rename(work, place) {
        Err(_) if place.is_dir() => fs::remove_dir_all(work).map_err(|source| unwritable(work, source)),
        other => other.map_err(|source| unwritable(place, source)),
    }
}

struct Mirror<'a> {
    content: &'a Content,
    hashes: BTreeMap<&'a str, &'a str>,
    /// Folders that are real in the mirror: those with copies somewhere below.
    folders: BTreeSet<PathBuf>,
    work: &'a Path,
}

impl<'a> Mirror<'a> {
    fn new(content: &'a Content, files: &'a [FileHash], work: &'a Path) -> Self {
        let hashes = files.iter().map(|file| (file.path.as_str(), file.sha256.as_str())).collect();
        let folders = content.inside.keys().flat_map(|path| path.ancestors().skip(1)).map(Path::to_owned);
        let folders = folders.chain([PathBuf::new()]).collect();
        Self { content, hashes, folders, work }
    }

    fn build(&self) -> Result<(), SnapshotError> {
        // In the order of names a folder comes before what is in it.
        self.folders.iter().try_for_each(|folder| self.make_folder(folder))?;
        self.content.inside.iter().try_for_each(|(path, kind)| self.copy(path, *kind))
    }

    /// A real folder with links to everything in the project's that is not part of the revision.
    fn make_folder(&self, folder: &Path) -> Result<(), SnapshotError> {
        let target = self.work.join(folder);
        fs::create_dir(&target).map_err(|source| unwritable(&target, source))?;
        let origin = self.content.project.join(folder);
        let unreadable = |source| SnapshotError::Unreadable { path: origin.clone(), source };
        for entry in origin.read_dir().map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            let (path, whole) = (folder.join(&name), origin.join(&name));
            let own = self.content.inside.contains_key(&path) || self.folders.contains(&path);
            if !own && !self.content.is_excluded(&whole) {
                let link = target.join(&name);
                symlink(&whole, &link).map_err(|source| unwritable(&link, source))?;
            }
        }
        Ok(())
    }

    fn copy(&self, path: &Path, kind: Kind) -> Result<(), SnapshotError> {
        let (origin, target) = (self.content.project.join(path), self.work.join(path));
        let failed = |source: io::Error| {
            if origin.symlink_metadata().is_ok() {
                unwritable(&target, source)
            } else {
                SnapshotError::Changing(path.display().to_string())
            }
        };
        match kind {
            Kind::Link => fs::read_link(&origin).and_then(|to| symlink(to, &target)).map_err(failed),
            Kind::File => {
                let sha256 = copy_file(&origin, &target).map_err(failed)?;
                self.refuse_changed(path, &sha256)
            }
        }
    }

    /// The copy must be what the digest names.
    fn refuse_changed(&self, path: &Path, sha256: &str) -> Result<(), SnapshotError> {
        let name = path.to_string_lossy();
        let same = self.hashes.get(&*name) == Some(&sha256);
        if same { Ok(()) } else { Err(SnapshotError::Changing(name.into_owned())) }
    }
}

fn copy_file(origin: &Path, target: &Path) -> io::Result<String> {
    let mut copy = File::create_new(target)?;
    let sha256 = digest::hash_file(origin, &mut copy)?;
    let meta = origin.metadata()?;
    copy.set_permissions(meta.permissions())?;
    copy.set_times(FileTimes::new().set_modified(meta.modified()?))?;
    Ok(sha256)
}

fn unwritable(path: &Path, source: io::Error) -> SnapshotError {
    SnapshotError::Unwritable { path: path.to_owned(), source }
}
