//! A command of the file's own as a look. It has no more time than it was given, and leaves nothing behind.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use staunch_model::human_duration;

const POLL: Duration = Duration::from_millis(10);

pub(super) fn run(words: &[String], timeout: Duration, project: &Path) -> Result<String, String> {
    let (program, rest) = words.split_first().ok_or("the command is empty")?;
    let mut command = Command::new(program);
    command.args(rest).current_dir(project).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    let in_time = ends_within(&child, timeout);
    let status = end_group(&mut child).map_err(|error| error.to_string())?;
    match status.code() {
        _ if !in_time => Err(format!("no answer in {}", human_duration(timeout))),
        Some(0) => Ok("exit status 0".to_owned()),
        Some(code) => Err(format!("exit status {code}")),
        None => Err(status.to_string()),
    }
}

/// It is not reaped by this: until its group is gone its number must stay its own.
fn ends_within(child: &Child, timeout: Duration) -> bool {
    let Some(pid) = pid(child) else { return false };
    let deadline = Instant::now() + timeout;
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    loop {
        if !matches!(waitid(WaitId::Pid(pid), look), Ok(None)) {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(POLL);
    }
}

/// What it started goes with it.
fn end_group(child: &mut Child) -> std::io::Result<ExitStatus> {
    // Nothing is left in it: that is as well.
    let _gone = pid(child).map(|group| kill_process_group(group, Signal::KILL));
    child.wait()
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(text: &str, timeout: u64) -> Result<String, String> {
        let words = ["sh", "-c", text].map(str::to_owned);
        run(&words, Duration::from_millis(timeout), Path::new("/"))
    }

    #[test]
    fn a_command_is_judged_by_its_status_and_ended_in_time() {
        assert_eq!(shell("exit 0", 5_000), Ok("exit status 0".to_owned()));
        assert_eq!(shell("exit 3", 5_000), Err("exit status 3".to_owned()));
        assert_eq!(shell("sleep 60 & sleep 60", 100), Err("no answer in 100 ms".to_owned()));
        assert!(run(&["/no/such/program".to_owned()], POLL, Path::new("/")).is_err());
    }
}
