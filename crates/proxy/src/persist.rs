//! The last table on disk: a restarted edge serves stable from it before control has said a word.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use staunch_model::RouteTable;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedTable {
    pub(crate) version: u64,
    pub(crate) services: Vec<RouteTable>,
}

fn path(run_dir: &Path) -> PathBuf {
    run_dir.join("table.json")
}

/// Replaces the file in one step. Failing here (disk full) leaves the file of before.
pub(crate) fn save(run_dir: &Path, table: &SavedTable) -> io::Result<()> {
    let text = serde_json::to_vec(table)?;
    let temporary = run_dir.join(format!(".table.{}.tmp", std::process::id()));
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(&text)?;
        file.sync_data()
    });
    let result = written.and_then(|()| fs::rename(&temporary, path(run_dir)));
    if result.is_err() {
        // The unfinished file is of no use; a failing removal leaves nothing worse behind.
        let _ = fs::remove_file(&temporary);
    }
    result
}

/// `None` when there is no file or it is not a table: the edge then waits for control.
pub(crate) fn load(run_dir: &Path) -> Option<SavedTable> {
    serde_json::from_slice(&fs::read(path(run_dir)).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::route_table;

    #[test]
    fn what_is_saved_is_loaded_and_a_failed_save_harms_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(load(dir.path()), None);
        let table = SavedTable { version: 3, services: vec![route_table(7)] };
        save(dir.path(), &table).unwrap();
        assert!(save(&dir.path().join("missing"), &table).is_err());
        assert_eq!(load(dir.path()), Some(table));
        fs::write(path(dir.path()), b"{\"version\":3,\"serv").unwrap();
        assert_eq!(load(dir.path()), None);
    }
}
