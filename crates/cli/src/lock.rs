//! One control plane per data directory.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use crate::exit::{Exit, Failure};

/// How long a resumed control waits for the lock of the one it follows.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);

/// Held until dropped, or until the process ends however it ends.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// `patient`: the process before is just handing over.
    pub(crate) fn take(data: &Path, patient: bool) -> Result<Self, Failure> {
        let path = data.join("run/control.lock");
        let mut file = File::options().create(true).truncate(false).read(true).write(true).open(&path)?;
        let deadline = Instant::now() + LOCK_PATIENCE;
        while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            if !patient || Instant::now() >= deadline {
                return Err(refused(&mut file, data));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        file.set_len(0)?;
        file.rewind()?;
        write!(file, "{}", std::process::id())?;
        Ok(Self { _file: file })
    }
}

fn refused(file: &mut File, data: &Path) -> Failure {
    let mut pid = String::new();
    // The number is a courtesy; the refusal stands without it.
    drop(file.read_to_string(&mut pid));
    let text = format!("another `staunch up` (process {}) runs on {}", pid.trim(), data.display());
    Failure::new(Exit::Conflict, text)
        .help("use it (`staunch status`), stop it (`staunch down`), or give --data another directory")
}
