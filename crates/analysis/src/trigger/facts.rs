//! What triggers are shown beside the edges' counts.

use staunch_model::{DependencyLook, Timestamp};

/// One look at what is not counted per request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    pub new: Fleet,
    pub stable: Fleet,
    /// How many instances of the new revision are ready of those that its traffic needs; `None` while none is routed.
    pub ready: Option<(u32, u32)>,
    pub dependencies: Vec<DependencyLook>,
}

/// The instances of one side that run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fleet {
    pub instances: Vec<Usage>,
    /// Ends of processes since the rollout was admitted.
    pub exits: Vec<Ended>,
}

/// One process group.
#[derive(Debug, Clone, PartialEq)]
pub struct Usage {
    pub instance: String,
    /// Share of one core.
    pub cpu_ratio: f64,
    pub memory_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub instance: String,
    pub at: Timestamp,
    pub status: String,
    /// The kernel killed it for want of memory.
    pub out_of_memory: bool,
}

impl Fleet {
    pub(crate) fn cpu(&self) -> f64 {
        self.instances.iter().map(|usage| usage.cpu_ratio).sum()
    }
    pub(crate) fn memory(&self) -> f64 {
        self.instances.iter().map(|usage| usage.memory_bytes as f64).sum()
    }
    pub(crate) fn size(&self) -> f64 {
        self.instances.len() as f64
    }
    pub(crate) fn busiest(&self) -> Option<&Usage> {
        self.instances.iter().max_by(|a, b| a.cpu_ratio.total_cmp(&b.cpu_ratio))
    }
    pub(crate) fn largest(&self) -> Option<&Usage> {
        self.instances.iter().max_by_key(|usage| usage.memory_bytes)
    }
}
