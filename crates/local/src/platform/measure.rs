//! Numbers that commands print: run in the background from time to time, never waited for.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use staunch_model::InstanceId;

use crate::command::{Leftovers, await_end};
use crate::launch::{environment, resolve};
use crate::protocol::InstanceSpec;

/// A command that takes longer is ended and has said nothing.
const LIMIT: Duration = Duration::from_secs(10);
/// More than a number needs.
const MOST_BYTES: u64 = 4_096;
/// A value that is older than so many turns is not a reading any more.
const TURNS: u32 = 3;

/// What the commands said last, by instance and command.
#[derive(Debug, Default)]
pub(super) struct Measures(Mutex<BTreeMap<(InstanceId, Vec<String>), Measure>>);

#[derive(Debug)]
struct Measure {
    /// When it was last begun.
    begun: Instant,
    running: bool,
    value: Option<(f64, Instant)>,
}

/// The last value of the command about this instance; begins it anew when it is due.
pub(super) fn read(
    measures: &Arc<Measures>,
    instance: &InstanceSpec,
    words: &[String],
    every: Duration,
) -> Option<f64> {
    let key = (instance.id.clone(), words.to_vec());
    let mut known = measures.0.lock().unwrap_or_else(PoisonError::into_inner);
    // Instances that are asked about no more are gone.
    known.retain(|_, measure| measure.running || measure.begun.elapsed() < every * 10 + LIMIT);
    let due = known.get(&key).is_none_or(|measure| !measure.running && measure.begun.elapsed() >= every);
    if due {
        let value = known.get(&key).and_then(|measure| measure.value);
        known.insert(key.clone(), Measure { begun: Instant::now(), running: true, value });
        begin(measures.clone(), key.clone(), instance.clone());
    }
    let (value, at) = known.get(&key)?.value?;
    (at.elapsed() < every * TURNS + LIMIT).then_some(value)
}

fn begin(measures: Arc<Measures>, key: (InstanceId, Vec<String>), instance: InstanceSpec) {
    let work = move || {
        let value = run(&instance, &key.1);
        let mut known = measures.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(measure) = known.get_mut(&key) {
            measure.running = false;
            measure.value = value.map(|value| (value, Instant::now()));
        }
    };
    // Without a thread there is no reading this time, and the next turn tries again.
    drop(std::thread::Builder::new().name("staunch-measure".to_owned()).spawn(work));
}

/// `None` when it does not print one finite number and end with 0.
fn run(instance: &InstanceSpec, words: &[String]) -> Option<f64> {
    let env = environment(instance);
    let resolved = resolve(words, &instance.dir, &env).ok()?;
    let mut command = Command::new(&resolved.program);
    command.args(resolved.words.iter().skip(1)).current_dir(&instance.dir).envs(&env).process_group(0);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    finish(child)
}

fn finish(mut child: Child) -> Option<f64> {
    let status = await_end(&mut child, LIMIT, Leftovers::End).ok()?;
    status.filter(std::process::ExitStatus::success)?;
    let mut text = String::new();
    child.stdout.take()?.take(MOST_BYTES).read_to_string(&mut text).ok()?;
    text.trim().parse().ok().filter(|value: &f64| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(script: &str) -> Option<f64> {
        let mut command = Command::new("sh");
        command.args(["-c", script]).process_group(0).stdout(Stdio::piped());
        finish(command.spawn().unwrap())
    }

    #[test]
    fn one_number_is_a_reading_and_nothing_else_is() {
        assert_eq!(said("echo 17.5"), Some(17.5));
        assert_eq!(said("echo '  -3e2 '"), Some(-300.0));
        for script in
            ["echo seventeen", "echo 1 2", "echo NaN", "true", "echo 1; exit 3", "yes | head -c 60000"]
        {
            assert_eq!(said(script), None, "{script}");
        }
    }
}
