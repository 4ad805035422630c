//! A command run to its end: its own process group, a time that is kept, and the last lines of what it wrote.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::launch;

/// How often a command's end is looked for.
const LOOK: Duration = Duration::from_millis(20);
/// The end of the output that is read, and the lines of it that are kept.
const TAIL: u64 = 16 << 10;
const LINES: usize = 20;
const LINE: usize = 400;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub ok: bool,
    /// `exit status 0`, or why it has none.
    pub status: String,
    /// The last lines of its standard output and error, oldest first.
    pub output: Vec<String>,
    pub took: Duration,
}

/// Runs the words in `dir`; no shell is involved. All it started is killed when its time is over.
pub fn run(
    words: &[String],
    dir: &Path,
    env: &BTreeMap<String, String>,
    timeout: Duration,
    log: &Path,
) -> Ended {
    let began = Instant::now();
    let (ok, status) = match finish(words, dir, env, timeout, log) {
        Ok(Some(status)) => (status.success(), words_of(status)),
        Ok(None) => (false, format!("it took longer than {}", staunch_model::human_duration(timeout))),
        Err(why) => (false, why),
    };
    Ended { ok, status, output: tail(log), took: began.elapsed() }
}

/// `None` when its time was over.
fn finish(
    words: &[String],
    dir: &Path,
    env: &BTreeMap<String, String>,
    timeout: Duration,
    log: &Path,
) -> Result<Option<ExitStatus>, String> {
    let resolved = launch::resolve(words, dir, env).map_err(|error| error.to_string())?;
    // A file and no pipe: what outlives the command may go on writing, and nobody waits for it.
    let file = File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
    let copy = file.try_clone().map_err(|error| error.to_string())?;
    let mut command = Command::new(&resolved.program);
    command.args(resolved.words.iter().skip(1)).current_dir(dir).envs(env).process_group(0);
    command.stdin(Stdio::null()).stdout(file).stderr(copy);
    let mut child = command.spawn().map_err(|error| format!("{}: {error}", resolved.program.display()))?;
    await_end(&mut child, timeout, Leftovers::Stay).map_err(|error| error.to_string())
}

/// What becomes of processes that a command left behind in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leftovers {
    /// They stay when it ended in time: what it set up may have to run on.
    Stay,
    End,
}

/// `None` when its time was over: then its group is killed as a whole.
pub(crate) fn await_end(
    child: &mut Child,
    limit: Duration,
    leftovers: Leftovers,
) -> std::io::Result<Option<ExitStatus>> {
    let in_time = ends_within(child, limit);
    if !in_time || leftovers == Leftovers::End {
        // Nothing is left in it: that is as well.
        let _gone = pid(child).map(|group| kill_process_group(group, Signal::KILL));
    }
    let status = child.wait()?;
    Ok(in_time.then_some(status))
}

/// It is not reaped by this: until its group is gone its number must stay its own.
fn ends_within(child: &Child, limit: Duration) -> bool {
    let Some(pid) = pid(child) else { return false };
    let deadline = Instant::now() + limit;
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    loop {
        if !matches!(waitid(WaitId::Pid(pid), look), Ok(None)) {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(LOOK);
    }
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

fn words_of(status: ExitStatus) -> String {
    // `exit status: 3` and `signal: 9 (SIGKILL)` in the words of the rest.
    status.to_string().replacen("exit status: ", "exit status ", 1)
}

fn tail(log: &Path) -> Vec<String> {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut bytes = vec![];
        file.take(TAIL).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.iter().skip(lines.len().saturating_sub(LINES));
    last.map(|line| line.chars().filter(|c| !c.is_control()).take(LINE).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(script: &str, timeout: Duration) -> Ended {
        let dir = tempfile::tempdir().unwrap();
        let words: Vec<String> = ["sh", "-c", script].map(str::to_owned).to_vec();
        run(&words, dir.path(), &BTreeMap::new(), timeout, &dir.path().join("log"))
    }

    #[test]
    fn its_end_and_its_last_words_are_told() {
        let long = Duration::from_secs(30);
        let told = ran("echo one; echo two >&2; exit 3", long);
        assert_eq!((told.ok, told.status.as_str()), (false, "exit status 3"));
        assert_eq!(told.output, ["one", "two"]);
        assert!(ran("exit 0", long).ok);
        let many = ran("seq 1 100000", long).output;
        assert_eq!((many.len(), many.last().map(String::as_str)), (20, Some("100000")));
    }

    /// With all it started, even when that holds its output.
    #[test]
    fn its_time_is_kept() {
        let told = ran("sleep 300 & echo begun; wait", Duration::from_millis(300));
        assert!(!told.ok && told.status.contains("longer than"), "{}", told.status);
        assert_eq!(told.output, ["begun"]);
    }

    #[test]
    fn what_is_not_there_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let words = ["./no-such-thing".to_owned()];
        let told = run(&words, dir.path(), &BTreeMap::new(), Duration::from_secs(1), &dir.path().join("log"));
        assert!(!told.ok && told.status.contains("no-such-thing"), "{}", told.status);
    }
}
