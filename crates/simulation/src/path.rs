//! One rollout's evidence as it grew: what a chart shows.

use serde::{Deserialize, Serialize};
use staunch_analysis::Judgement;

/// One look of one rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Point {
    /// Since the canary's first user.
    pub at_secs: f64,
    /// The canary's share, 0 to 1.
    pub share: f64,
    /// Natural logarithm of all evidence of harm, and where it decides.
    pub log_e_harm: f64,
    pub harm_limit: f64,
    /// The first gate's estimate with its band, in the gate's unit: low, estimate, high.
    pub canary: Option<[f64; 3]>,
    pub stable: Option<[f64; 3]>,
}

/// All looks of one rollout.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Path {
    pub gate: String,
    pub points: Vec<Point>,
}

impl Path {
    pub(crate) fn add(&mut self, at_ms: i64, share: f64, judgement: &Judgement) {
        let gate = judgement.gates.first();
        let band =
            |band: Option<staunch_analysis::Band>| band.map(|band| [band.low, band.estimate, band.high]);
        if let Some(gate) = gate {
            self.gate.clone_from(&gate.gate);
        }
        self.points.push(Point {
            at_secs: at_ms as f64 / 1e3,
            share,
            log_e_harm: judgement.log_e_harm,
            harm_limit: judgement.harm_limit,
            canary: gate.and_then(|gate| band(gate.canary)),
            stable: gate.and_then(|gate| band(gate.stable)),
        });
    }
}
