//! One task supervises one instance: start it, wait for its end, start it again or let it be.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use rustix::process::Signal;
use staunch_model::{InstanceId, StopSignal, Timestamp, human_duration};
use tokio::sync::mpsc;
use tokio::time::{Instant as Deadline, sleep_until, timeout};

use super::house::{House, Instance, fresh};
use crate::launch::{LaunchError, launch};
use crate::logs::{LogSink, app_side, make_fifo, pump};
use crate::process::{ExitHow, Held, Identity};
use crate::protocol::{Exit, InstanceSpec, ProcessState, ProcessStatus};
use crate::ready_file;
use crate::time::now;

const FIRST_BACK_OFF: Duration = Duration::from_millis(100);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);
/// A process that ran this long was well: the next back-off begins anew.
const PROVEN: Duration = Duration::from_secs(60);
const EXITS_KEPT: usize = 10;

/// What a supervised instance is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    Stop { grace: Duration },
    Restart { grace: Duration, why: String },
}

/// Starts and supervises an instance. The same revision again does nothing.
///
/// # Errors
/// When another revision runs under this id, or the log pipes cannot be made.
pub(super) fn spawn(house: &Rc<House>, spec: InstanceSpec) -> Result<(), String> {
    if let Some(instance) = house.instances.borrow_mut().get_mut(&spec.id) {
        match instance.status.state {
            ProcessState::Running | ProcessState::BackingOff { .. } => {
                let same = instance.status.spec.revision == spec.revision;
                return if same {
                    Ok(())
                } else {
                    Err(format!("{} runs already with another revision", spec.id))
                };
            }
            ProcessState::Stopping => {
                instance.next = Some(spec);
                return Ok(());
            }
            ProcessState::Exited | ProcessState::CannotExec { .. } => {}
        }
    }
    enter(house, fresh(spec), None)
}

/// Puts an instance into the house and a task beside it.
pub(super) fn enter(house: &Rc<House>, status: ProcessStatus, held: Option<Held>) -> Result<(), String> {
    let id = status.spec.id.clone();
    let (orders, receiver) = mpsc::unbounded_channel();
    let (sink, pumps) =
        open_log(house, &id).map_err(|error| format!("the log of {id} cannot be kept: {error}"))?;
    let supervised = !matches!(status.state, ProcessState::Exited | ProcessState::CannotExec { .. });
    let instance = Instance { status, next: None, sink, pumps, orders };
    house.instances.borrow_mut().insert(id.clone(), instance);
    if supervised {
        let supervisor = Supervisor { house: house.clone(), id, orders: receiver, streak: 0 };
        tokio::task::spawn_local(supervisor.run(held));
    }
    house.save();
    Ok(())
}

type Log = (Rc<RefCell<LogSink>>, Vec<tokio::task::AbortHandle>);

fn open_log(house: &House, id: &InstanceId) -> std::io::Result<Log> {
    let sink = Rc::new(RefCell::new(LogSink::new(house.paths.log(id))));
    let mut pumps = Vec::new();
    for stream in ["out", "err"] {
        let path = house.paths.fifo(id, stream);
        make_fifo(&path)?;
        pumps.push(tokio::task::spawn_local(pump(path, stream, sink.clone())).abort_handle());
    }
    Ok((sink, pumps))
}

/// Passes an order on. An instance that does not run has nothing to be told.
pub(super) fn order(house: &House, id: &InstanceId, order: Order) -> Result<(), String> {
    let mut instances = house.instances.borrow_mut();
    let instance = instances.get_mut(id).ok_or_else(|| format!("no instance is called {id}"))?;
    if matches!(order, Order::Stop { .. }) {
        instance.next = None;
        if matches!(instance.status.state, ProcessState::CannotExec { .. }) {
            instance.status.state = ProcessState::Exited;
        }
    }
    let _not_supervised = instance.orders.send(order);
    Ok(())
}

/// # Errors
/// When the instance has not ended.
pub(super) fn forget(house: &House, id: &InstanceId) -> Result<(), String> {
    let state = house.instances.borrow().get(id).map(|instance| instance.status.state.clone());
    match state {
        None => return Ok(()),
        Some(ProcessState::Exited | ProcessState::CannotExec { .. }) => {}
        Some(ProcessState::Running | ProcessState::BackingOff { .. } | ProcessState::Stopping) => {
            return Err(format!("{id} has not ended: stop it first"));
        }
    }
    house.instances.borrow_mut().remove(id);
    for stream in ["out", "err"] {
        let _gone = std::fs::remove_file(house.paths.fifo(id, stream));
    }
    house.save();
    Ok(())
}

struct Supervisor {
    house: Rc<House>,
    id: InstanceId,
    orders: mpsc::UnboundedReceiver<Order>,
    /// Short lives in a row.
    streak: u32,
}

impl Supervisor {
    async fn run(mut self, mut held: Option<Held>) {
        if held.is_none() && self.rest().await {
            return self.settle().await;
        }
        loop {
            let stopped = match held.take().map_or_else(|| self.start(), Ok) {
                Ok(process) => self.attend(&process).await,
                Err(LaunchError::Later(error)) => self.fail_to_start(&error),
                Err(LaunchError::Never(error)) => return self.give_up(error),
            };
            if stopped || self.rest().await {
                return self.settle().await;
            }
        }
    }

    /// Starts the process and writes down who it is.
    fn start(&self) -> Result<Held, LaunchError> {
        let spec = self.house.spec(&self.id).ok_or_else(|| LaunchError::Never("forgotten".to_owned()))?;
        ready_file::clear(&spec)?;
        let later = |error: std::io::Error| LaunchError::Later(error.to_string());
        let out = app_side(&self.house.paths.fifo(&self.id, "out")).map_err(later)?;
        let err = app_side(&self.house.paths.fifo(&self.id, "err")).map_err(later)?;
        let pid = launch(&spec, self.house.paths.data(), out, err)?;
        // A child not yet reaped cannot vanish, so it is there to be looked at.
        let held = Identity::of(pid)
            .ok_or(std::io::ErrorKind::NotFound.into())
            .and_then(Held::open)
            .map_err(later)?;
        self.house.change(&self.id, |status| {
            status.state = ProcessState::Running;
            status.process = Some(held.identity);
            status.started = Some(now());
        });
        Ok(held)
    }

    /// Until the process and its group are gone. True when it shall not be started again.
    async fn attend(&mut self, process: &Held) -> bool {
        let mut ending = Ending::default();
        loop {
            tokio::select! {
                () = process.exited() => break,
                () = at(ending.kill_at) => {
                    ending.kill_at = None;
                    ending.why.get_or_insert_with(|| self.too_slow(ending.grace));
                    process.signal_group(Signal::KILL, &self.id.0);
                }
                order = self.orders.recv() => match order {
                    Some(order) => self.begin_end(process, &mut ending, order),
                    // The house forgets an instance only after its end.
                    None => break,
                },
            }
        }
        // What the leader left behind in its group goes too, before its number can become another's.
        process.signal_group(Signal::KILL, &self.id.0);
        self.record_exit(process.identity, process.reap(), ending.why);
        ending.stop || self.stop_is_queued()
    }

    fn begin_end(&self, process: &Held, ending: &mut Ending, order: Order) {
        let (grace, stop) = match order {
            Order::Stop { grace } => (grace, true),
            Order::Restart { grace, why } => {
                ending.why.get_or_insert(why);
                (grace, false)
            }
        };
        if stop {
            self.house.change(&self.id, |status| status.state = ProcessState::Stopping);
        }
        ending.stop |= stop;
        self.ask(process);
        ending.grace = grace;
        let kill_at = Deadline::now() + grace;
        ending.kill_at = Some(ending.kill_at.map_or(kill_at, |earlier| earlier.min(kill_at)));
    }

    /// To finish its work and end.
    fn ask(&self, process: &Held) {
        let spec = self.house.spec(&self.id);
        let signal = signal_of(spec.as_ref().map(|spec| spec.stop_signal).unwrap_or_default());
        if spec.is_some_and(|spec| spec.ask_leader) {
            process.signal(signal);
        } else {
            process.signal_group(signal, &self.id.0);
        }
    }

    fn too_slow(&self, grace: Duration) -> String {
        let signal = self.house.spec(&self.id).map(|spec| spec.stop_signal).unwrap_or_default();
        format!("still at work {} after SIG{}", human_duration(grace), signal.name())
    }

    fn stop_is_queued(&mut self) -> bool {
        std::iter::from_fn(|| self.orders.try_recv().ok()).any(|order| matches!(order, Order::Stop { .. }))
    }

    fn record_exit(&mut self, process: Identity, how: ExitHow, why: Option<String>) {
        let at = now();
        let why = why.or_else(|| self.out_of_memory(how));
        let mut uptime = Duration::ZERO;
        self.house.change(&self.id, |status| {
            uptime = at.since(status.started.unwrap_or(at));
            push_exit(status, Exit { at, pid: process.pid, how, uptime_ms: millis(uptime), why });
        });
        self.streak = if uptime >= PROVEN { 1 } else { self.streak.saturating_add(1) };
    }

    /// A SIGKILL that nobody here sent, when the kernel says that it has just sent one.
    fn out_of_memory(&self, how: ExitHow) -> Option<String> {
        let killed = how == ExitHow::Signal(Signal::KILL.as_raw());
        (killed && self.house.out_of_memory.killed_lately()).then(|| "out of memory".to_owned())
    }

    fn fail_to_start(&mut self, error: &str) -> bool {
        self.house.note(&format!("{} could not be started: {error}", self.id));
        self.record_exit(Identity { pid: 0, start_time: 0 }, ExitHow::Unknown, Some(error.to_owned()));
        false
    }

    fn give_up(&self, error: String) {
        self.house.note(&format!("{} cannot be executed: {error}", self.id));
        self.house.change(&self.id, |status| {
            status.process = None;
            status.state = ProcessState::CannotExec { error };
        });
    }

    /// Waits out the back-off. True when it was stopped meanwhile.
    async fn rest(&mut self) -> bool {
        let pause = back_off(self.streak);
        let until = now().plus(pause);
        self.house.change(&self.id, |status| {
            status.process = None;
            status.state = ProcessState::BackingOff { until };
        });
        let deadline = Deadline::now() + pause;
        loop {
            tokio::select! {
                // A waiting order comes first: an instance that is to stop is not started for a moment.
                biased;
                order = self.orders.recv() => match order {
                    Some(Order::Restart { .. }) => {}
                    Some(Order::Stop { .. }) | None => return true,
                },
                () = sleep_until(deadline) => return false,
            }
        }
    }

    /// The end, unless it was asked for again meanwhile.
    async fn settle(self) {
        let next =
            self.house.instances.borrow_mut().get_mut(&self.id).and_then(|instance| instance.next.take());
        self.house.change(&self.id, |status| {
            status.process = None;
            status.state = ProcessState::Exited;
        });
        // Gives the pumps a turn, so that the last words are in the log.
        let _done = timeout(Duration::from_millis(20), std::future::pending::<()>()).await;
        if let Some(spec) = next
            && let Err(error) = spawn(&self.house, spec)
        {
            self.house.note(&error);
        }
    }
}

/// How a process is being brought to its end.
#[derive(Default)]
struct Ending {
    stop: bool,
    why: Option<String>,
    kill_at: Option<Deadline>,
    grace: Duration,
}

fn signal_of(asked: StopSignal) -> Signal {
    match asked {
        StopSignal::Term => Signal::TERM,
        StopSignal::Int => Signal::INT,
        StopSignal::Quit => Signal::QUIT,
        StopSignal::Hup => Signal::HUP,
        StopSignal::Usr1 => Signal::USR1,
        StopSignal::Usr2 => Signal::USR2,
    }
}

async fn at(deadline: Option<Deadline>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// 0, 100 ms, 200 ms, … 30 s after so many short lives in a row.
fn back_off(streak: u32) -> Duration {
    match streak {
        0 => Duration::ZERO,
        _ => FIRST_BACK_OFF.saturating_mul(1 << (streak - 1).min(16)).min(LONGEST_BACK_OFF),
    }
}

pub(super) fn push_exit(status: &mut ProcessStatus, exit: Exit) {
    status.exit_count += 1;
    status.exits.push(exit);
    let excess = status.exits.len().saturating_sub(EXITS_KEPT);
    status.exits.drain(..excess);
}

/// The exit of a process whose end nobody saw.
pub(super) fn unseen_exit(process: Identity, started: Option<Timestamp>) -> Exit {
    let at = now();
    let uptime_ms = millis(at.since(started.unwrap_or(at)));
    Exit { at, pid: process.pid, how: ExitHow::Unknown, uptime_ms, why: None }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_off_doubles_up_to_its_limit() {
        let seconds: Vec<f64> = (0..12).map(|streak| back_off(streak).as_secs_f64()).collect();
        assert_eq!(seconds, [0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]);
        assert_eq!(back_off(u32::MAX), LONGEST_BACK_OFF);
    }
}
