//! A rollout's numbers over time, for people: what each side did second by second, and how sure the gates were then.
//!
//! The recorded looks are shown to the same judge once more, so that the bands of a chart are those that decided.

use serde::{Deserialize, Serialize};
use staunch_model::{Histogram, Timestamp, Weight};

use crate::judge::Judge;
use crate::look::{ArmLook, Look};
use crate::replay::Record;
use crate::verdict::{Band, GateReading, Outcome};

/// A chart has no more pixels to show than this; a longer rollout has longer frames.
const MOST_FRAMES: usize = 600;
/// As often as looks come: what is taken back at once is over within a second.
const FIRST_FRAME_MS: i64 = 100;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Film {
    pub service: String,
    /// Milliseconds that a frame covers: a tenth of a second, doubled as often as it takes.
    pub frame_ms: i64,
    /// Names of the gates, in the order of each frame's readings.
    pub gates: Vec<String>,
    /// Oldest first; a stretch without a look has no frame.
    pub frames: Vec<Frame>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// Of its last look.
    pub at: Timestamp,
    pub weight: Weight,
    pub stable: FrameSide,
    pub canary: FrameSide,
    pub gates: Vec<FrameGate>,
    /// 0 to 100, as in a judgement.
    pub confidence: f64,
}

/// What one side did within a frame, warm-up included.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FrameSide {
    pub attempts: u64,
    pub failed: u64,
    pub latency: Histogram,
}

/// A gate as it stood at the frame's end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FrameGate {
    pub outcome: Outcome,
    pub canary: Option<Band>,
    pub stable: Option<Band>,
    /// The limit in the gate's unit.
    pub allowed: Option<f64>,
}

/// `None` when the recording does not begin with what the judge was asked.
pub fn film(records: impl IntoIterator<Item = Record>) -> Option<Film> {
    let mut records = records.into_iter();
    let Some(Record::Asked(asked)) = records.next() else { return None };
    let mut camera = Camera {
        judge: Judge::new(&asked.question),
        weight: Weight::ZERO,
        open: None,
        out: Film { service: asked.service, frame_ms: FIRST_FRAME_MS, gates: vec![], frames: vec![] },
    };
    records.for_each(|record| camera.see(record));
    camera.close();
    Some(camera.out)
}

struct Camera {
    judge: Judge,
    weight: Weight,
    /// The frame that is being filled, and where it began.
    open: Option<(i64, Frame)>,
    out: Film,
}

impl Camera {
    fn see(&mut self, record: Record) {
        match record {
            Record::Asked(_) | Record::Compared { .. } | Record::Said(_) => {}
            Record::State(judge) => self.judge = *judge,
            Record::Split { generation, weight, .. } => {
                self.judge.enter_split(generation, weight);
                self.weight = weight;
            }
            Record::Look(look) => self.look(&look),
        }
    }

    fn look(&mut self, look: &Look) {
        let begins = look.at.0 - look.at.0.rem_euclid(self.out.frame_ms);
        if self.open.as_ref().is_some_and(|(began, _)| *began != begins) {
            self.close();
        }
        self.judge.take(look);
        let weight = self.weight;
        let (_, frame) = self.open.get_or_insert_with(|| (begins, Frame::empty(look.at)));
        frame.at = look.at;
        frame.weight = weight;
        for split in look.splits.values() {
            frame.canary.add(&split.canary);
            frame.canary.add(&split.warming.canary);
            frame.stable.add(&split.stable);
            frame.stable.add(&split.warming.stable);
        }
    }

    fn close(&mut self) {
        let Some((_, mut frame)) = self.open.take() else { return };
        let judgement = self.judge.judge();
        frame.confidence = judgement.confidence;
        frame.gates = judgement.gates.iter().map(FrameGate::from).collect();
        self.out.gates = judgement.gates.into_iter().map(|gate| gate.gate).collect();
        self.out.frames.push(frame);
        if self.out.frames.len() > MOST_FRAMES {
            self.out.coarsen();
        }
    }
}

impl Film {
    /// Frames that fall into one of twice the length become one.
    fn coarsen(&mut self) {
        self.frame_ms *= 2;
        let begins = |frame: &Frame| frame.at.0.div_euclid(self.frame_ms);
        let mut merged: Vec<Frame> = Vec::with_capacity(self.frames.len() / 2 + 1);
        for frame in self.frames.drain(..) {
            match merged.last_mut().filter(|last| begins(last) == begins(&frame)) {
                Some(last) => *last = last.then(frame),
                None => merged.push(frame),
            }
        }
        self.frames = merged;
    }
}

impl Frame {
    fn empty(at: Timestamp) -> Self {
        Self {
            at,
            weight: Weight::ZERO,
            stable: FrameSide::default(),
            canary: FrameSide::default(),
            gates: vec![],
            confidence: 0.0,
        }
    }

    /// Both together: counts add up, readings are the later ones.
    fn then(&self, mut later: Self) -> Self {
        later.stable.merge(&self.stable);
        later.canary.merge(&self.canary);
        later
    }
}

impl FrameSide {
    fn add(&mut self, look: &ArmLook) {
        self.attempts += look.attempts;
        self.failed += look.failed;
        self.latency.merge(&look.latency);
    }

    fn merge(&mut self, other: &Self) {
        self.attempts += other.attempts;
        self.failed += other.failed;
        self.latency.merge(&other.latency);
    }
}

impl From<&GateReading> for FrameGate {
    fn from(gate: &GateReading) -> Self {
        Self {
            outcome: gate.verdict.outcome,
            canary: gate.canary,
            stable: gate.stable,
            allowed: gate.allowed,
        }
    }
}
