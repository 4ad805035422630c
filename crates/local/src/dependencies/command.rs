//! A command of the file's own as a look. It has no more time than it was given, and leaves nothing behind.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use staunch_model::human_duration;

use crate::command::{Leftovers, await_end};

pub(super) fn run(words: &[String], timeout: Duration, project: &Path) -> Result<String, String> {
    let (program, rest) = words.split_first().ok_or("the command is empty")?;
    let mut command = Command::new(program);
    command.args(rest).current_dir(project).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    let status = await_end(&mut child, timeout, Leftovers::End).map_err(|error| error.to_string())?;
    let status = status.ok_or_else(|| format!("no answer in {}", human_duration(timeout)))?;
    match status.code() {
        Some(0) => Ok("exit status 0".to_owned()),
        Some(code) => Err(format!("exit status {code}")),
        None => Err(status.to_string()),
    }
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
        assert!(run(&["/no/such/program".to_owned()], Duration::from_millis(10), Path::new("/")).is_err());
    }
}
