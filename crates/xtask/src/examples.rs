//! The book's stories, with the released binary: each ends badly when it did not go as told. They mostly wait, so a few
//! run at once; each has ports of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::time::Instant;

use crate::say;
use crate::shell::root;

const AT_ONCE: usize = 3;

pub(crate) fn run() -> Result<(), String> {
    let left = Mutex::new(scripts()?);
    let failed = Mutex::new(vec![]);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(script) = next(&left) {
                    if let Err(why) = story(&script) {
                        failed.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(why);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

fn scripts() -> Result<Vec<PathBuf>, String> {
    let folder = root().join("examples");
    let list = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut scripts: Vec<_> = list.flatten().map(|entry| entry.path().join("run.sh")).collect();
    scripts.retain(|script| script.exists());
    scripts.sort();
    Ok(scripts)
}

fn next(left: &Mutex<Vec<PathBuf>>) -> Option<PathBuf> {
    left.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop()
}

/// What it printed is shown as a whole, when it has ended.
fn story(script: &Path) -> Result<(), String> {
    let name = script.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    let began = Instant::now();
    let output = Command::new("bash").arg(script).current_dir(root()).output();
    let Output { status, stdout, stderr } = output.map_err(|error| format!("examples/{name}: {error}"))?;
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    let seconds = began.elapsed().as_secs();
    if status.success() {
        say(&format!("── examples/{name}: as told, {seconds} s"));
        return Ok(());
    }
    say(&format!("── examples/{name}: {status} after {seconds} s\n{out}\n{err}"));
    Err(format!("examples/{name} ended with {status}"))
}
