//! A check of the strategy: a command against one instance, with what it wrote kept for whoever asks why.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use staunch_model::{ServiceName, SmokeKey, SmokeSpec, human_duration};
use staunch_ports::{SmokeState, SmokeStatus};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::unix::pipe::Receiver;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::shared::Shared;
use crate::launch::{environment, resolve};
use crate::process::{ExitHow, Held, Identity};
use crate::protocol::InstanceSpec;
use crate::time::now;

/// The last lines that are kept of what a check wrote, and the longest line.
const LINES: usize = 40;
const LINE_BYTES: usize = 400;
/// After its end: what it left behind may hold its output open, but not for ever.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// One check as the platform knows it. Dropping `cancel` ends the command.
pub(super) struct Check {
    pub(super) service: ServiceName,
    pub(super) state: SmokeState,
    cancel: Option<oneshot::Sender<()>>,
}

pub(super) type Checks = BTreeMap<SmokeKey, Check>;

pub(super) fn of_service(checks: &Checks, service: &ServiceName) -> Vec<SmokeStatus> {
    let own = checks.iter().filter(|(_, check)| &check.service == service);
    own.map(|(key, check)| SmokeStatus { key: key.clone(), state: check.state.clone() }).collect()
}

/// Runs it once, however often it is asked for, until it is forgotten.
pub(super) fn begin(shared: &Arc<Shared>, key: SmokeKey, spec: SmokeSpec) {
    let mut world = shared.world();
    let Some(tracked) = world.instances.get(&key.instance) else { return };
    let Some(instance) = tracked.spec.clone() else { return };
    let address = tracked.address;
    if world.smoke.contains_key(&key) {
        return;
    }
    let (cancel, cancelled) = oneshot::channel();
    let state = SmokeState::Running { since: now() };
    let check = Check { service: instance.service.clone(), state, cancel: Some(cancel) };
    world.smoke.insert(key.clone(), check);
    drop(world);
    let task = {
        let shared = shared.clone();
        async move { shared.end_check(&key, run(&spec, &instance, address, cancelled).await) }
    };
    shared.spawn(task);
}

impl Shared {
    fn end_check(&self, key: &SmokeKey, state: SmokeState) {
        if let Some(check) = self.world().smoke.get_mut(key) {
            (check.state, check.cancel) = (state, None);
        }
        self.wake();
    }
}

async fn run(
    spec: &SmokeSpec,
    instance: &InstanceSpec,
    address: Option<SocketAddr>,
    cancelled: oneshot::Receiver<()>,
) -> SmokeState {
    let began = std::time::Instant::now();
    let failed = |why: String, output| SmokeState::Failed { why, output };
    let (process, output) = match spawn(spec, instance, address) {
        Ok(started) => started,
        Err(why) => return failed(why, vec![]),
    };
    let mut tail = Tail::default();
    let late = attend(&process, spec, cancelled, instance, tail.read(output)).await;
    process.exited().await;
    match process.reap() {
        _ if late => failed(format!("no end within {}", human_duration(spec.timeout)), tail.lines()),
        ExitHow::Code(0) => {
            SmokeState::Passed { took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX) }
        }
        how @ (ExitHow::Code(_) | ExitHow::Signal(_) | ExitHow::Unknown) => {
            failed(how.to_string(), tail.lines())
        }
    }
}

/// Until it has ended, and for a moment more if what it left behind holds its output open. True when it took too long.
async fn attend(
    process: &Held,
    spec: &SmokeSpec,
    cancelled: oneshot::Receiver<()>,
    instance: &InstanceSpec,
    reading: impl Future<Output = ()>,
) -> bool {
    let ended = async {
        tokio::select! {
            () = process.exited() => {}
            _ = cancelled => {}
        }
    };
    let mut ended = std::pin::pin!(timeout(spec.timeout, ended));
    let mut reading = std::pin::pin!(reading);
    let mut all_read = false;
    let late = loop {
        tokio::select! {
            ended = &mut ended => break ended.is_err(),
            () = &mut reading, if !all_read => all_read = true,
        }
    };
    // The group goes as a whole, what it left behind included.
    process.signal_group(Signal::KILL, &instance.id.0);
    if !all_read {
        let _still_open = timeout(LAST_WORDS, reading).await;
    }
    late
}

fn spawn(
    spec: &SmokeSpec,
    instance: &InstanceSpec,
    address: Option<SocketAddr>,
) -> Result<(Held, Receiver), String> {
    use std::os::unix::process::CommandExt as _;
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let address = address.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, instance.port).into());
    let mut env = environment(instance);
    env.insert("URL".to_owned(), format!("http://{address}"));
    env.insert("STAUNCH_CHECK".to_owned(), spec.line());
    let resolved = resolve(&spec.words, &instance.dir, &env).map_err(|error| words(&error))?;
    let (reader, writer) = std::io::pipe().map_err(|error| words(&error))?;
    let copy = writer.try_clone().map_err(|error| words(&error))?;
    let mut command = Command::new(&resolved.program);
    command.args(resolved.words.iter().skip(1)).current_dir(&instance.dir).envs(&env).process_group(0);
    command.stdin(Stdio::null()).stdout(writer).stderr(copy);
    let child = command.spawn().map_err(|error| words(&error))?;
    // It holds the writing ends: without this the output would have no end.
    drop(command);
    let identity = Identity::of(child.id()).ok_or("the command vanished")?;
    let held = Held::open(identity).map_err(|error| words(&error))?;
    let output = Receiver::from_owned_fd(reader.into()).map_err(|error| words(&error))?;
    Ok((held, output))
}

/// The last lines of an output of any length.
#[derive(Default)]
struct Tail {
    lines: VecDeque<Vec<u8>>,
    open: bool,
}

impl Tail {
    async fn read(&mut self, mut output: impl AsyncRead + Unpin) {
        let mut buffer = vec![0; 8_192];
        while let Ok(count) = output.read(&mut buffer).await
            && count > 0
        {
            buffer.iter().take(count).for_each(|byte| self.push(*byte));
        }
    }

    fn push(&mut self, byte: u8) {
        if byte == b'\n' {
            self.open = false;
            return;
        }
        if !self.open {
            self.open = true;
            self.lines.push_back(vec![]);
            if self.lines.len() > LINES {
                self.lines.pop_front();
            }
        }
        if let Some(last) = self.lines.back_mut().filter(|last| last.len() < LINE_BYTES) {
            last.push(byte);
        }
    }

    /// Without what would move a terminal's cursor.
    fn lines(&self) -> Vec<String> {
        let clean = |line: &Vec<u8>| -> String {
            String::from_utf8_lossy(line).chars().filter(|letter| !letter.is_control()).collect()
        };
        self.lines.iter().map(clean).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_a_flood_the_last_lines_are_kept_and_none_without_bound() {
        let mut tail = Tail::default();
        let flood: String = (0..10_000).map(|n| format!("line {n}\n")).collect();
        tail.read(flood.as_bytes()).await;
        tail.read([b'x'; 100_000].as_slice()).await;
        let lines = tail.lines();
        assert_eq!(lines.len(), LINES);
        assert_eq!(lines[LINES - 2], "line 9999");
        assert_eq!(lines[LINES - 1].len(), LINE_BYTES);
    }

    #[tokio::test]
    async fn what_is_no_text_does_no_harm() {
        let mut tail = Tail::default();
        tail.read(b"\x1b[2Jwiped\xff\r\n\n\nend".as_slice()).await;
        assert_eq!(tail.lines(), ["[2Jwiped\u{fffd}", "end"]);
    }
}
