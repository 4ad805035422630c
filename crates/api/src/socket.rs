//! The unix socket's file: nobody else's from its first moment, and never stolen from a server that lives.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use crate::serve::ServeError;

/// Binds the socket with mode 0600. A file that a dead server left behind is replaced.
pub(crate) async fn bind(path: &Path) -> Result<(UnixListener, SocketFile), ServeError> {
    if UnixStream::connect(path).await.is_ok() {
        return Err(ServeError::SocketTaken(path.to_owned()));
    }
    let failed = |source: io::Error| ServeError::Socket { path: path.to_owned(), source };
    let listener = place(path).map_err(failed)?;
    let file = SocketFile { path: path.to_owned(), inode: inode(path).map_err(failed)? };
    Ok((listener, file))
}

/// A socket gets its mode only after it exists; so it is made inside a folder that nobody else can enter, and then
/// moved to its place.
fn place(path: &Path) -> io::Result<UnixListener> {
    refuse_other_files(path)?;
    let nursery = path.with_file_name(format!(".s{}", std::process::id()));
    fs::DirBuilder::new().mode(0o700).recursive(true).create(&nursery)?;
    let young = nursery.join("s");
    let made = fs::remove_file(&young).or_else(missing_is_fine).and_then(|()| {
        let listener = UnixListener::bind(&young)?;
        fs::set_permissions(&young, fs::Permissions::from_mode(0o600))?;
        fs::rename(&young, path)?;
        Ok(listener)
    });
    // What is left of it on failure is empty or replaced by the next start.
    drop(fs::remove_dir_all(&nursery));
    made
}

/// Only a socket may be replaced: a mistyped path must not cost a file.
fn refuse_other_files(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt as _;
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => Ok(()),
        Ok(_) => Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file that is not a socket is there")),
        Err(error) => missing_is_fine(error),
    }
}

fn missing_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

fn inode(path: &Path) -> io::Result<u64> {
    fs::symlink_metadata(path).map(|found| found.ino())
}

/// Removes the file at the end, unless another server has put its own there.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if inode(&self.path).is_ok_and(|found| found == self.inode) {
            // A file that stays is recognised as stale at the next start.
            drop(fs::remove_file(&self.path));
        }
    }
}
