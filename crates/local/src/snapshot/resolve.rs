//! Which files a revision consists of: those that are named, and those that its command names.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path, PathBuf};

use staunch_model::ServiceSpec;

use super::{MOST_BYTES, SnapshotError, pattern};
use crate::launch;

/// What belongs to a revision.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) project: PathBuf,
    /// Files to copy: their path in the project and whether they are links that stay links.
    pub(super) inside: BTreeMap<PathBuf, Kind>,
    /// Programs elsewhere on the machine: part of the digest, not copied.
    pub(super) outside: BTreeSet<PathBuf>,
    /// Never in a snapshot: the data directory itself and the history of the sources.
    pub(super) excluded: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Link,
}

pub(super) fn content(project: &Path, data: &Path, spec: &ServiceSpec) -> Result<Content, SnapshotError> {
    let project = project.canonicalize().map_err(|source| unreadable(project, source))?;
    let excluded = vec![data.to_owned(), project.join(".git")];
    let mut content = Content { project, inside: BTreeMap::new(), outside: BTreeSet::new(), excluded };
    for named in &spec.files {
        content.add_named(named)?;
    }
    content.add_program(spec);
    for word in spec.command.iter().enumerate() {
        content.add_word(word)?;
    }
    content.refuse_too_large()?;
    Ok(content)
}

impl Content {
    fn add_named(&mut self, named: &str) -> Result<(), SnapshotError> {
        if !pattern::is_pattern(named) {
            let path = inside(named).ok_or_else(|| SnapshotError::Outside(named.to_owned()))?;
            return if self.project.join(&path).exists() { self.add(&path) } else { Err(missing(named)) };
        }
        let found = pattern::expand(&self.project, named);
        if found.is_empty() {
            return Err(SnapshotError::NoMatch(named.to_owned()));
        }
        found.iter().try_for_each(|path| self.add(path))
    }

    /// The program: one of the project's must be there, one of the machine's is known by its content.
    fn add_program(&mut self, spec: &ServiceSpec) {
        let elsewhere = spec.command.first().filter(|name| !name.contains('/') || name.starts_with('/'));
        let Some(name) = elsewhere else { return };
        // One that is not found shows itself at the start, with its own message.
        if let Ok(found) = launch::resolve(std::slice::from_ref(name), &self.project, &spec.env) {
            self.outside.insert(found.program);
        }
    }

    /// `server.py` and `--config=conf/app.toml` name files where such files are.
    fn add_word(&mut self, (index, word): (usize, &String)) -> Result<(), SnapshotError> {
        let text =
            if index == 0 { word } else { word.rsplit_once('=').map_or(word.as_str(), |(_, value)| value) };
        let bare_program = index == 0 && !word.contains('/');
        let path = inside(text).filter(|path| !bare_program && !path.as_os_str().is_empty());
        let Some(path) = path else {
            return self.add_absolute(text);
        };
        let there = self.project.join(&path).symlink_metadata().is_ok();
        match (index, there) {
            (_, true) => self.add(&path),
            (0, false) => Err(missing(word)),
            (_, false) => Ok(()),
        }
    }

    fn add_absolute(&mut self, text: &str) -> Result<(), SnapshotError> {
        let path = Path::new(text);
        if path.is_absolute() && path.is_file() {
            self.outside.insert(path.to_owned());
        }
        Ok(())
    }

    /// A file, or a folder with all that is in it. A link that was named is followed: its content is what was meant.
    fn add(&mut self, path: &Path) -> Result<(), SnapshotError> {
        let whole = self.project.join(path);
        let meta = whole.metadata().map_err(|source| unreadable(&whole, source))?;
        if meta.is_dir() { self.add_folder(path) } else { self.add_file(path, meta.is_file(), Kind::File) }
    }

    fn add_folder(&mut self, path: &Path) -> Result<(), SnapshotError> {
        let whole = self.project.join(path);
        if self.is_excluded(&whole) {
            return Ok(());
        }
        let fail = |source| unreadable(&whole, source);
        for entry in whole.read_dir().map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let inner = path.join(entry.file_name());
            let kind = entry.file_type().map_err(fail)?;
            if kind.is_dir() {
                self.add_folder(&inner)?;
            } else {
                let how = if kind.is_symlink() { Kind::Link } else { Kind::File };
                self.add_file(&inner, kind.is_file() || kind.is_symlink(), how)?;
            }
        }
        Ok(())
    }

    /// Sockets, pipes and devices have no content and are left out.
    fn add_file(&mut self, path: &Path, has_content: bool, kind: Kind) -> Result<(), SnapshotError> {
        if has_content && !self.is_excluded(&self.project.join(path)) {
            self.inside.insert(path.to_owned(), kind);
        }
        Ok(())
    }

    pub(super) fn is_excluded(&self, whole: &Path) -> bool {
        self.excluded.iter().any(|excluded| whole.starts_with(excluded))
    }

    fn refuse_too_large(&self) -> Result<(), SnapshotError> {
        let size = |path: &PathBuf| self.project.join(path).symlink_metadata().map_or(0, |meta| meta.len());
        let sizes = || self.inside.keys().map(|path| (size(path), path));
        if sizes().map(|(size, _)| size).sum::<u64>() <= MOST_BYTES {
            return Ok(());
        }
        let largest = sizes().max().map(|(size, path)| format!("{} ({} MiB)", path.display(), size >> 20));
        Err(SnapshotError::TooLarge { largest: largest.unwrap_or_default() })
    }
}

/// The path inside the project, without `.`; `None` when it is absolute or leads out.
fn inside(text: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for part in Path::new(text).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !path.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

fn missing(path: &str) -> SnapshotError {
    SnapshotError::Missing(path.to_owned())
}

fn unreadable(path: &Path, source: io::Error) -> SnapshotError {
    SnapshotError::Unreadable { path: path.to_owned(), source }
}
