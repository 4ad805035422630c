//! What is said on the keeper's socket: one JSON object a line, a request and its answer in turn.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use staunch_model::{HealthSpec, InstanceId, RevisionDigest, ServiceName, StopSignal, Timestamp};

pub use crate::process::{ExitHow, Identity};

/// Raised when a keeper and a control of different ages could misunderstand each other.
pub const PROTOCOL: u32 = 1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum Request {
    Hello,
    /// Bind and listen; idempotent. Port 0 takes any free port.
    Listen {
        addr: SocketAddr,
    },
    Unlisten {
        addr: SocketAddr,
    },
    /// Start and keep running. One that runs this revision is left alone; a stopped one is started anew.
    Spawn {
        spec: Box<InstanceSpec>,
    },
    /// Its stop signal to the group, SIGKILL after the grace. Answers at once.
    Stop {
        id: InstanceId,
        grace_ms: u64,
    },
    /// Stop and start again, counted as an exit for the given reason.
    Restart {
        id: InstanceId,
        why: String,
    },
    /// Drops a stopped instance from the list; its log stays.
    Forget {
        id: InstanceId,
    },
    List,
    /// The list, unless it is still the one with this number.
    ListSince {
        seen: u64,
    },
    EnsureEdge,
    /// Starts another edge beside the present one. It gets the sockets when it is promoted.
    ReplaceEdge {
        binary: PathBuf,
    },
    /// Gives the edge the sockets and marks the others as draining.
    Promote {
        edge: Identity,
    },
    /// Executes the binary in place. A success is seen by the connection's end.
    Upgrade {
        binary: PathBuf,
    },
    /// Stops every instance and edge, then ends. Answers at once.
    Shutdown,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Response {
    Done,
    Hello(KeeperInfo),
    Listening {
        addr: SocketAddr,
    },
    Listing(Listing),
    /// Nothing has changed since.
    Unchanged,
    Edge(EdgeStatus),
    Refused {
        error: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeeperInfo {
    pub identity: Identity,
    pub version: String,
    pub protocol: u32,
    /// How many times this process has executed another binary in place.
    pub upgrades: u64,
}

/// How an instance is run. `${NAME}` in a word is replaced from `env` and `PORT`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceSpec {
    pub id: InstanceId,
    pub service: ServiceName,
    pub revision: RevisionDigest,
    pub command: Vec<String>,
    pub dir: PathBuf,
    pub env: BTreeMap<String, String>,
    pub port: u16,
    /// What asks it to end.
    #[serde(default)]
    pub stop_signal: StopSignal,
    /// Only the process itself is asked: what it has started is its work, and ends with it.
    #[serde(default)]
    pub ask_leader: bool,
    /// From that to SIGKILL when the instance is restarted.
    pub grace_ms: u64,
    /// Not the keeper's business: kept for whoever watches the instance after a restart of his own.
    pub health: HealthSpec,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// Rises with each change; `log_dropped` alone is none.
    pub number: u64,
    pub keeper: KeeperInfo,
    pub instances: Vec<ProcessStatus>,
    pub edges: Vec<EdgeStatus>,
    pub listeners: Vec<SocketAddr>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessStatus {
    pub spec: InstanceSpec,
    pub state: ProcessState,
    pub process: Option<Identity>,
    /// When the present process was started, or the last one that ran.
    pub started: Option<Timestamp>,
    /// All exits ever, of which the last ten are in `exits`, oldest first.
    pub exit_count: u64,
    pub exits: Vec<Exit>,
    /// Log lines that found no room.
    pub log_dropped: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum ProcessState {
    Running,
    BackingOff {
        until: Timestamp,
    },
    Stopping,
    Exited,
    /// The command cannot be executed; trying again would not help.
    CannotExec {
        error: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    pub at: Timestamp,
    /// 0 when no process came of the start.
    pub pid: u32,
    pub how: ExitHow,
    pub uptime_ms: u64,
    /// Why the keeper ended it, when it did.
    pub why: Option<String>,
}

impl Exit {
    /// `killed by SIGKILL (liveness: no answer in 1 s)`
    pub fn status(&self) -> String {
        if self.pid == 0 {
            return format!("not started: {}", self.why.as_deref().unwrap_or("no reason known"));
        }
        self.why.as_ref().map_or_else(|| self.how.to_string(), |why| format!("{} ({why})", self.how))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeStatus {
    pub process: Identity,
    pub socket: PathBuf,
    pub fd_socket: PathBuf,
    /// It has the listening sockets, or had them.
    pub listening: bool,
    pub draining: bool,
    pub version: String,
    pub started: Timestamp,
}
