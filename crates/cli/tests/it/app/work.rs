//! The sample worker: takes jobs from `spool/new`, does each once, and finishes the one it has when it is told to stop.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{sleep, spawn};
use std::time::Duration;

use super::Fault;
use super::fault::say;

const JOB: Duration = Duration::from_millis(10);
const LOOK: Duration = Duration::from_millis(10);

static ASKED_TO_STOP: AtomicBool = AtomicBool::new(false);

pub(crate) fn work(fault: Fault) {
    drop(spawn(hear));
    let release = std::env::var("APP_RELEASE").unwrap();
    let alone = Path::new("spool/exclusive").exists();
    if alone && OpenOptions::new().create_new(true).write(true).open("spool/lock").is_err() {
        append("spool/overlap", &release);
    }
    if let Some(ready) = std::env::var_os("STAUNCH_READY_FILE") {
        fs::write(ready, "ready").unwrap();
    }
    while fault == Fault::Deaf || !ASKED_TO_STOP.load(Ordering::SeqCst) {
        match take() {
            Some(job) => finish(&job, &release, fault),
            None => sleep(LOOK),
        }
    }
    if alone {
        drop(fs::remove_file("spool/lock"));
    }
    say("has finished its work");
    exit(0);
}

/// Whoever moves it has it.
fn take() -> Option<String> {
    let names = fs::read_dir("spool/new").ok()?.flatten();
    let mut names: Vec<String> = names.map(|one| one.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
        .into_iter()
        .find(|name| fs::rename(format!("spool/new/{name}"), format!("spool/taken/{name}")).is_ok())
}

fn finish(job: &str, release: &str, fault: Fault) {
    sleep(JOB);
    if fault == Fault::Errors {
        append(&format!("spool/failed-{release}"), job);
        fs::rename(format!("spool/taken/{job}"), format!("spool/new/{job}")).unwrap();
        return;
    }
    append(&format!("spool/done/{job}"), release);
    fs::remove_file(format!("spool/taken/{job}")).unwrap();
}

fn append(path: &str, line: &str) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    writeln!(file, "{line}").unwrap();
}

fn hear() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut quit = signal(SignalKind::user_defined1()).unwrap();
        let mut end = signal(SignalKind::terminate()).unwrap();
        loop {
            tokio::select! {
                _ = quit.recv() => append("spool/signals", "USR1"),
                _ = end.recv() => append("spool/signals", "TERM"),
            }
            ASKED_TO_STOP.store(true, Ordering::SeqCst);
        }
    });
}
