//! A command as a probe: it has the instance's directory and variables, and no more time than it was given.

use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use staunch_model::human_duration;
use tokio::time::timeout;

use super::probe::Healthy;
use crate::launch::{environment, resolve};
use crate::process::{ExitHow, Held, Identity};
use crate::protocol::InstanceSpec;

pub(super) async fn run(
    words: &[String],
    instance: &InstanceSpec,
    limit: Duration,
) -> Result<Healthy, String> {
    let process = spawn(words, instance)?;
    let late = timeout(limit, process.exited()).await.is_err();
    // The group goes as a whole, what it left behind included.
    process.signal_group(Signal::KILL, &instance.id.0);
    process.exited().await;
    let how = process.reap();
    match how {
        _ if late => Err(format!("no answer in {}", human_duration(limit))),
        ExitHow::Code(0) => Ok(Healthy { words: "exit status 0".to_owned(), address: None, kept: None }),
        ExitHow::Code(_) | ExitHow::Signal(_) | ExitHow::Unknown => Err(how.to_string()),
    }
}

fn spawn(words: &[String], instance: &InstanceSpec) -> Result<Held, String> {
    use std::os::unix::process::CommandExt;
    let env = environment(instance);
    let resolved = resolve(words, &instance.dir, &env).map_err(|error| error.to_string())?;
    let mut command = Command::new(&resolved.program);
    command.args(resolved.words.iter().skip(1)).current_dir(&instance.dir).envs(&env).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().map_err(|error| error.to_string())?;
    let identity = Identity::of(child.id()).ok_or("the command vanished")?;
    Held::open(identity).map_err(|error| error.to_string())
}
