//! A process that is held by its pidfd: waiting for it and signalling it can never hit a stranger.

use std::io;
use std::os::fd::OwnedFd;

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, pidfd_open,
    pidfd_send_signal, waitid,
};
use serde::{Deserialize, Serialize};
use tokio::io::unix::AsyncFd;

use crate::proc;

/// Every process of an instance carries its id in this variable: the mark by which orphans are recognised.
pub(crate) const MARK: &str = "STAUNCH_INSTANCE";
/// And the data directory in this one.
pub(crate) const HOME: &str = "STAUNCH_HOME";

/// A pid alone is reused; with the start time it names one process of this boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub pid: u32,
    /// Clock ticks since boot (field 22 of `/proc/<pid>/stat`).
    pub start_time: u64,
}

impl Identity {
    /// `None` when there is no such process.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        proc::stat(pid).map(|stat| Self { pid, start_time: stat.start_time })
    }
    pub(crate) fn of_this_process() -> Self {
        let pid = std::process::id();
        Self::of(pid).unwrap_or(Self { pid, start_time: 0 })
    }
}

#[expect(unsafe_code, reason = "the poller must not outlive the descriptor, which it owns")]
fn watched(pidfd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` moved in stays open, and the same descriptor, for as long as the `AsyncFd` lives.
    unsafe { AsyncFd::register(pidfd) }.map_err(Into::into)
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExitHow {
    Code(i32),
    Signal(i32),
    /// It was the child of a keeper that is gone: its status went with it.
    Unknown,
}

impl std::fmt::Display for ExitHow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal(number) => write!(f, "killed by {}", signal_name(*number)),
            Self::Unknown => f.write_str("unknown (adopted)"),
        }
    }
}

fn signal_name(number: i32) -> String {
    const NAMES: [(i32, &str); 12] = [
        (1, "SIGHUP"),
        (2, "SIGINT"),
        (3, "SIGQUIT"),
        (4, "SIGILL"),
        (6, "SIGABRT"),
        (7, "SIGBUS"),
        (8, "SIGFPE"),
        (9, "SIGKILL"),
        (10, "SIGUSR1"),
        (11, "SIGSEGV"),
        (13, "SIGPIPE"),
        (15, "SIGTERM"),
    ];
    let known = NAMES.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| format!("signal {number}"), |(_, name)| (*name).to_owned())
}

/// A live process (or a zombie not yet reaped) and the handle that keeps its name from being reused.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) identity: Identity,
    pidfd: AsyncFd<OwnedFd>,
}

impl Held {
    /// Holds exactly this process.
    ///
    /// # Errors
    /// `NotFound` when it is gone or its pid is another process's by now.
    pub(crate) fn open(identity: Identity) -> io::Result<Self> {
        let pid = Pid::from_raw(i32::try_from(identity.pid).unwrap_or(0)).ok_or(io::ErrorKind::NotFound)?;
        // The handle comes first and the look at the start time second: what was looked at is what is held.
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).map_err(|_gone| io::ErrorKind::NotFound)?;
        if Identity::of(identity.pid) != Some(identity) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Self { identity, pidfd: watched(pidfd)? })
    }

    /// Ends when the process has ended.
    pub(crate) async fn exited(&self) {
        // An error of the poller cannot be told from the end; either way the caller looks at the process next.
        let _readable = self.pidfd.readable().await;
    }

    pub(crate) fn signal(&self, signal: Signal) {
        // It may be gone already, which is what was wanted.
        let _gone = pidfd_send_signal(self.pidfd.get_ref(), signal);
    }

    /// Signals every process of the group that this process leads. `mark` is the instance's id.
    pub(crate) fn signal_group(&self, signal: Signal, mark: &str) {
        if Identity::of(self.identity.pid) == Some(self.identity) {
            self.signal_led_group(signal);
        } else {
            signal_orphans(self.identity.pid, signal, mark);
        }
    }

    /// While the leader exists, if only as a zombie, its number is the group's and nobody else's.
    fn signal_led_group(&self, signal: Signal) {
        let leads = proc::stat(self.identity.pid).is_some_and(|stat| stat.group == stat.pid);
        if !leads {
            return self.signal(signal);
        }
        if let Some(group) = Pid::from_raw(self.identity.pid.cast_signed()) {
            let _gone = kill_process_group(group, signal);
        }
    }

    /// Reaps the ended process. Only a child has a status to give.
    pub(crate) fn reap(&self) -> ExitHow {
        use std::os::fd::AsFd;
        let fd = WaitId::PidFd(self.pidfd.get_ref().as_fd());
        match waitid(fd, WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(Some(status)) => exit_how(&status),
            Ok(None) | Err(_) => ExitHow::Unknown,
        }
    }
}

fn exit_how(status: &WaitIdStatus) -> ExitHow {
    if let Some(code) = status.exit_status() {
        return ExitHow::Code(code);
    }
    status.terminating_signal().map_or(ExitHow::Unknown, ExitHow::Signal)
}

/// The group's leader is gone and reaped. Its members are found by the group and by the mark in their
/// environment, since the number alone might have been reused, and are signalled one by one.
fn signal_orphans(group: u32, signal: Signal, mark: &str) {
    for stat in proc::all().filter(|stat| stat.group == group && !stat.zombie) {
        let Some(pid) = Pid::from_raw(stat.pid.cast_signed()) else { continue };
        let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
        if proc::started_with(stat.pid, MARK, mark) {
            let _gone = pidfd_send_signal(&pidfd, signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_read_as_people_say_them() {
        assert_eq!(ExitHow::Code(1).to_string(), "exit status 1");
        assert_eq!(ExitHow::Signal(9).to_string(), "killed by SIGKILL");
        assert_eq!(ExitHow::Signal(35).to_string(), "killed by signal 35");
    }

    #[tokio::test]
    async fn a_pid_with_another_start_time_is_a_stranger() {
        let me = Identity::of_this_process();
        assert!(Held::open(me).is_ok());
        let stranger = Identity { start_time: me.start_time + 1, ..me };
        assert_eq!(Held::open(stranger).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
