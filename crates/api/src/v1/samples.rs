//! A rollout's numbers over time, on the wire.

use serde::{Deserialize, Serialize};
use staunch_analysis as analysis;
use utoipa::ToSchema;

use super::{Band, Time, wire_name};

/// At most 600 points, oldest first; a stretch without a report has none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Samples {
    pub rollout: u64,
    /// What a point covers: a tenth of a second, doubled as often as the rollout's length takes.
    pub point_ms: u64,
    /// Names of the gates, in the order in which each point has their readings.
    pub gates: Vec<String>,
    /// Empty when nothing was recorded, or the recording has made room for newer ones.
    pub points: Vec<SamplePoint>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SamplePoint {
    /// The end of what it covers.
    pub at: Time,
    /// The canary's share of the traffic, 0 to 1.
    pub canary_weight_ratio: f64,
    pub stable: SampleSide,
    pub canary: SampleSide,
    pub gates: Vec<SampleGate>,
    /// As in a judgement.
    pub confidence: f64,
}

/// What one side did. Quantiles are absent without a request.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SampleSide {
    pub requests: u64,
    pub failed: u64,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
}

/// A gate as it stood at the end of the point: the bands are those of the test that decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SampleGate {
    pub outcome: String,
    pub canary: Option<Band>,
    pub stable: Option<Band>,
    pub limit_value: Option<f64>,
}

impl Samples {
    pub(crate) fn of(rollout: u64, film: Option<&analysis::Film>) -> Self {
        let points = film.map(|film| film.frames.iter().map(SamplePoint::from).collect());
        Self {
            rollout,
            point_ms: film.map_or(100, |film| film.frame_ms.unsigned_abs()),
            gates: film.map(|film| film.gates.clone()).unwrap_or_default(),
            points: points.unwrap_or_default(),
        }
    }
}

impl From<&analysis::Frame> for SamplePoint {
    fn from(frame: &analysis::Frame) -> Self {
        Self {
            at: frame.at.into(),
            canary_weight_ratio: frame.weight.ratio(),
            stable: (&frame.stable).into(),
            canary: (&frame.canary).into(),
            gates: frame.gates.iter().map(SampleGate::from).collect(),
            confidence: frame.confidence,
        }
    }
}

impl From<&analysis::FrameSide> for SampleSide {
    fn from(side: &analysis::FrameSide) -> Self {
        let at = |q: f64| side.latency.answered_ms(q);
        Self {
            requests: side.attempts,
            failed: side.failed,
            p50_ms: at(0.5),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
        }
    }
}

impl From<&analysis::FrameGate> for SampleGate {
    fn from(gate: &analysis::FrameGate) -> Self {
        Self {
            outcome: wire_name(gate.outcome),
            canary: gate.canary.map(Band::from),
            stable: gate.stable.map(Band::from),
            limit_value: gate.allowed,
        }
    }
}
