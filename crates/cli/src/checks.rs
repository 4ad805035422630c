//! Opening the reports that the file names, for the checks to judge; and running the commands around a version.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::SystemTime;

use staunch_checks::{Flaw, Found, Wanted, judge};
use staunch_control::{Inspector, Runner};
use staunch_local::{command, reports};
use staunch_model::{CheckKind, CheckResult, ServiceSpec};
use staunch_rollout::InfraRun;

use crate::project::Place;

/// Reads the reports of this project whenever it is asked.
pub(crate) fn inspector(place: &Place) -> Inspector {
    let project = place.file.parent().unwrap_or(Path::new("/")).to_owned();
    let data = place.data.clone();
    Arc::new(move |spec| results(&project, &data, spec))
}

fn results(project: &Path, data: &Path, spec: &ServiceSpec) -> Vec<CheckResult> {
    let checks = &spec.checks;
    if checks.checks.is_empty() {
        return vec![];
    }
    let wanted = Wanted {
        now: reports::timestamp(SystemTime::now()),
        content: reports::newest(project, data, spec),
        commit: commit(project),
    };
    let result = |check: &staunch_model::CheckSpec| {
        let paths = reports::named(project, &check.file);
        let found: Vec<_> = paths.iter().map(|path| open(project, path, check.kind())).collect();
        judge(checks, check, &found, &wanted)
    };
    checks.checks.iter().map(result).collect()
}

fn open(project: &Path, path: &Path, kind: CheckKind) -> Found {
    let whole = project.join(path);
    let unopened = |error: std::io::Error| Flaw::Unopened(error.to_string());
    let meta = whole.metadata().map_err(unopened);
    let written = meta.as_ref().ok().and_then(|meta| meta.modified().ok());
    let reading = meta.and_then(|meta| {
        // Opening a pipe would wait for somebody to write.
        if !meta.is_file() {
            return Err(Flaw::Unopened("it is no file".to_owned()));
        }
        staunch_checks::read(kind, BufReader::new(File::open(&whole).map_err(unopened)?))
    });
    let written = written.map(reports::timestamp).unwrap_or_default();
    Found { path: path.to_string_lossy().into_owned(), written, reading }
}

/// The commit that is checked out; `None` without one, and when tracked files differ from it.
fn commit(project: &Path) -> Option<String> {
    let git = |args: &[&str]| Command::new("git").arg("-C").arg(project).args(args).output().ok();
    let clean = git(&["diff-index", "--quiet", "HEAD", "--"])?.status.success();
    let head = git(&["rev-parse", "--verify", "HEAD"]).filter(|output| clean && output.status.success())?;
    String::from_utf8(head.stdout).ok().map(|text| text.trim().to_owned())
}

/// Runs the commands around a version; what they write is kept beside the other logs.
pub(crate) fn runner(place: &Place) -> Runner {
    let logs = place.data.join("run");
    Arc::new(move |due| {
        let service = due.env.get("STAUNCH_SERVICE").map_or("service", String::as_str);
        let log = logs.join(format!("infra-{service}-{}.log", due.step.name()));
        let ended = command::run(&due.words, Path::new(&due.dir), &due.env, due.timeout, &log);
        InfraRun {
            step: due.step,
            ok: ended.ok,
            status: ended.status,
            output: ended.output,
            took_ms: u64::try_from(ended.took.as_millis()).unwrap_or(u64::MAX),
        }
    })
}
