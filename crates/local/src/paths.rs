//! Where everything lies in the data directory.

use std::fs::{DirBuilder, File, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use staunch_model::{InstanceId, RevisionDigest};

/// A unix socket's path holds 107 bytes; the longest name of ours takes 16 of them.
const LONGEST_SOCKET_DIR: usize = 90;

/// The layout of one data directory. Everything in it is readable by its owner only.
#[derive(Debug, Clone)]
pub struct Paths {
    data: PathBuf,
    sockets: PathBuf,
}

impl Paths {
    /// Makes the directories that are missing.
    ///
    /// # Errors
    /// When a directory cannot be made, or the short directory for sockets belongs to somebody else.
    pub fn create(data: &Path) -> io::Result<Self> {
        make_dir(data)?;
        let data = data.canonicalize()?;
        for part in ["run", "run/fifo", "logs", "revisions", "lists"] {
            make_dir(&data.join(part))?;
        }
        let sockets = socket_dir(&data);
        make_dir(&sockets)?;
        refuse_foreign(&sockets)?;
        Ok(Self { data, sockets })
    }

    pub fn data(&self) -> &Path {
        &self.data
    }
    pub fn run(&self) -> PathBuf {
        self.data.join("run")
    }
    pub fn keeper_socket(&self) -> PathBuf {
        self.sockets.join("keeper.sock")
    }
    pub(crate) fn keeper_lock(&self) -> PathBuf {
        self.run().join("keeper.lock")
    }
    pub(crate) fn keeper_log(&self) -> PathBuf {
        self.run().join("keeper.log")
    }
    pub(crate) fn keeper_state(&self) -> PathBuf {
        self.run().join("keeper.json")
    }
    pub(crate) fn edge_socket(&self, number: u64) -> PathBuf {
        self.sockets.join(format!("edge-{number}.sock"))
    }
    pub(crate) fn edge_fd_socket(&self, number: u64) -> PathBuf {
        self.sockets.join(format!("edge-{number}.fds"))
    }
    pub(crate) fn fifo(&self, id: &InstanceId, stream: &str) -> PathBuf {
        self.run().join("fifo").join(format!("{id}.{stream}"))
    }
    pub fn log(&self, id: &InstanceId) -> PathBuf {
        self.logs().join(format!("{id}.log"))
    }
    pub(crate) fn logs(&self) -> PathBuf {
        self.data.join("logs")
    }
    /// Copies of allow-lists.
    pub(crate) fn lists(&self) -> PathBuf {
        self.data.join("lists")
    }
    pub(crate) fn revisions(&self) -> PathBuf {
        self.data.join("revisions")
    }
    pub(crate) fn revision(&self, digest: &RevisionDigest) -> PathBuf {
        self.revisions().join(digest.short())
    }
}

/// Short enough for a socket: inside the data directory where that fits, else a private one named by its hash.
fn socket_dir(data: &Path) -> PathBuf {
    let inside = data.join("run");
    if inside.as_os_str().len() <= LONGEST_SOCKET_DIR {
        return inside;
    }
    let mut hasher = DefaultHasher::new();
    data.hash(&mut hasher);
    let base = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    base.join(format!("staunch-{:016x}", hasher.finish()))
}

fn make_dir(path: &Path) -> io::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| io::Error::new(error.kind(), format!("cannot make {}: {error}", path.display())))
}

fn refuse_foreign(path: &Path) -> io::Result<()> {
    let meta = File::open(path)?.metadata()?;
    if meta.uid() != rustix::process::geteuid().as_raw() {
        let text = format!("{} belongs to another user", path.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    std::fs::set_permissions(path, Permissions::from_mode(0o700))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deep_data_directory_still_has_room_for_its_sockets() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("d".repeat(60)).join("e".repeat(60));
        let paths = Paths::create(&deep).unwrap();
        let socket = paths.edge_fd_socket(123_456);
        assert!(socket.as_os_str().len() < 108, "{}", socket.display());
        assert_eq!(Paths::create(&deep).unwrap().keeper_socket(), paths.keeper_socket());
        std::fs::remove_dir(socket.parent().unwrap()).unwrap();
    }
}
