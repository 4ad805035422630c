//! Gates on values that are read from time to time, instead of counted where requests pass.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{NoData, duration_ms};

/// A gate on such a value: the mean over a revision's instances that are past their warm-up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GaugeSpec {
    /// `cpu`, `memory`, `healthy`, or what the file calls it; for a comparison `cpu vs stable`. Unique in a service.
    pub name: String,
    pub source: GaugeSource,
    pub limit: GaugeLimit,
    #[serde(with = "duration_ms")]
    pub every: Duration,
    pub no_data: NoData,
}

/// Where the value comes from, and its unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "source")]
pub enum GaugeSource {
    /// Part of one core, 1 = 100 %.
    Cpu,
    /// Resident bytes.
    Memory,
    /// Ready instances as part of those that the share needs, 0 to 1.
    Healthy,
    /// Requests per second that were answered well, as if all traffic came to the revision.
    Throughput,
    /// A number that this command prints, in its own unit; `PORT` is the port of an instance of the revision.
    Command { words: Vec<String> },
    /// Whether this command is content with an instance: exit status 0 is good (0), 1 is bad (1), and anything else
    /// says nothing.
    Check { words: Vec<String> },
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GaugeLimit {
    Max {
        max: f64,
    },
    Min {
        min: f64,
    },
    /// At most this part above stable's, 0.10 = 10 %.
    VsStable {
        margin: f64,
    },
    /// At most this part below stable's, 0.10 = 10 %.
    BelowStable {
        margin: f64,
    },
    /// So many bad readings in a row are a failure, and as many good ones a pass.
    InARow {
        times: u32,
    },
}

/// What was read of both revisions at one time, in the gauge's unit; `None` is "nothing could be read".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GaugeReading {
    pub gauge: String,
    pub canary: Option<f64>,
    pub stable: Option<f64>,
    /// Of counts per time: seconds times the share of the traffic over which the canary and stable were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposed: Option<(f64, f64)>,
}
