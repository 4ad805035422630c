//! Numbers that commands print, and whether others are content: run in the background from time to time, never
//! waited for.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
pub(super) struct Measures(Mutex<BTreeMap<Key, Measure>>);

type Key = (InstanceId, Vec<String>, Asked);

/// What is wanted of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    /// What it prints.
    Number,
    /// How it ends.
    Contentment,
}

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
    let key = (instance.id.clone(), words.to_vec(), Asked::Number);
    let mut known = renew(measures, instance, &key, every);
    let (value, at) = known.get_mut(&key)?.value?;
    (at.elapsed() < every * TURNS + LIMIT).then_some(value)
}

/// How the command about this instance ended, each end told once; begins it anew when it is due.
pub(super) fn check(
    measures: &Arc<Measures>,
    instance: &InstanceSpec,
    words: &[String],
    every: Duration,
) -> Option<bool> {
    let key = (instance.id.clone(), words.to_vec(), Asked::Contentment);
    let mut known = renew(measures, instance, &key, every);
    let (value, _) = known.get_mut(&key)?.value.take()?;
    Some(value == CONTENT)
}

const CONTENT: f64 = 0.0;
const DISCONTENT: f64 = 1.0;

fn renew<'m>(
    measures: &'m Arc<Measures>,
    instance: &InstanceSpec,
    key: &Key,
    every: Duration,
) -> MutexGuard<'m, BTreeMap<Key, Measure>> {
    let mut known = measures.0.lock().unwrap_or_else(PoisonError::into_inner);
    // Instances that are asked about no more are gone.
    known.retain(|_, measure| measure.running || measure.begun.elapsed() < every * 10 + LIMIT);
    let due = known.get(key).is_none_or(|measure| !measure.running && measure.begun.elapsed() >= every);
    if due {
        let value = known.get(key).and_then(|measure| measure.value);
        known.insert(key.clone(), Measure { begun: Instant::now(), running: true, value });
        begin(measures.clone(), key.clone(), instance.clone());
    }
    known
}

fn begin(measures: Arc<Measures>, key: Key, instance: InstanceSpec) {
    let work = move || {
        let value = run(&instance, &key.1, key.2).and_then(|child| match key.2 {
            Asked::Number => finish(child),
            Asked::Contentment => content(child),
        });
        let mut known = measures.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(measure) = known.get_mut(&key) {
            measure.running = false;
            measure.value = value.map(|value| (value, Instant::now()));
        }
    };
    // Without a thread there is no reading this time, and the next turn tries again.
    drop(std::thread::Builder::new().name("staunch-measure".to_owned()).spawn(work));
}

fn run(instance: &InstanceSpec, words: &[String], asked: Asked) -> Option<Child> {
    let env = environment(instance);
    let resolved = resolve(words, &instance.dir, &env).ok()?;
    let mut command = Command::new(&resolved.program);
    command.args(resolved.words.iter().skip(1)).current_dir(&instance.dir).envs(&env).process_group(0);
    let said = match asked {
        Asked::Number => Stdio::piped(),
        Asked::Contentment => Stdio::null(),
    };
    command.stdin(Stdio::null()).stdout(said).stderr(Stdio::null()).spawn().ok()
}

/// `None` when it ends with neither 0 nor 1, or not in time: that says nothing of the instance.
fn content(mut child: Child) -> Option<f64> {
    match await_end(&mut child, LIMIT, Leftovers::End).ok()??.code()? {
        0 => Some(CONTENT),
        1 => Some(DISCONTENT),
        _ => None,
    }
}

/// `None` when it does not print one finite number and end with 0.
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

    #[test]
    fn only_zero_and_one_say_something_of_the_instance() {
        let ended = |script: &str| {
            let mut command = Command::new("sh");
            content(command.args(["-c", script]).process_group(0).stdout(Stdio::piped()).spawn().unwrap())
        };
        assert_eq!(ended("exit 0"), Some(CONTENT));
        assert_eq!(ended("exit 1"), Some(DISCONTENT));
        for script in ["exit 2", "exit 127", "kill -9 $$"] {
            assert_eq!(ended(script), None, "{script}");
        }
    }

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
