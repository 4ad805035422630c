//! What a keeper must know to take over from one that is gone. Rewritten whole at each change.

use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::protocol::{EdgeStatus, Identity, ProcessStatus};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Saved {
    /// Pids and start times of another boot name nobody.
    pub(super) boot_id: String,
    pub(super) keeper: Identity,
    pub(super) binary: PathBuf,
    pub(super) upgrades: u64,
    pub(super) edge_number: u64,
    pub(super) edge_wanted: bool,
    pub(super) instances: Vec<ProcessStatus>,
    pub(super) edges: Vec<EdgeStatus>,
    pub(super) listeners: Vec<SocketAddr>,
    /// Descriptors left open for the binary that this process executes next.
    pub(super) handed_on: Option<HandedOn>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HandedOn {
    pub(super) lock: i32,
    pub(super) socket: i32,
    pub(super) listeners: Vec<(SocketAddr, i32)>,
}

/// `None` when there is no state, or none that can be read: then there is nothing to take over.
pub(super) fn load(path: &Path) -> Option<Saved> {
    let text = std::fs::read(path).ok()?;
    let saved = serde_json::from_slice(&text).ok();
    if saved.is_none() {
        // Kept for a look, out of the way of the next state.
        let _gone = std::fs::rename(path, path.with_extension("json.unreadable"));
    }
    saved
}

/// # Errors
/// The disk's. The former state is then still whole.
pub(super) fn store(path: &Path, saved: &Saved) -> io::Result<()> {
    let new = path.with_extension("json.new");
    let mut file = File::create(&new)?;
    file.write_all(&serde_json::to_vec(saved)?)?;
    drop(file);
    std::fs::rename(new, path)
}
