//! A recorded rollout once more: the same looks in front of the same judge, or of one that is asked something else.

use serde::{Deserialize, Serialize};
use staunch_model::{RolloutSpec, ShadowSample, SplitGeneration, Timestamp, Weight};

use crate::judge::Judge;
use crate::look::Look;
use crate::question::Question;
use crate::verdict::Judgement;

/// One line of a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    /// Begins a recording.
    Asked(Box<Asked>),
    /// The judge as it was: evidence of an earlier rollout that counts here, or that was saved before a restart.
    State(Box<Judge>),
    Split {
        at: Timestamp,
        generation: SplitGeneration,
        weight: Weight,
    },
    Look(Look),
    /// What was compared with a shadow, examples left out.
    Compared {
        at: Timestamp,
        sample: Box<ShadowSample>,
    },
    /// What the judge said after the look before.
    Said(Said),
}

/// Whose recording it is, and what the judge was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    pub service: String,
    /// Labels of the old and the new version.
    pub from: Option<String>,
    pub to: String,
    pub question: Question,
}

impl Asked {
    pub fn of(spec: &RolloutSpec, sticky: bool) -> Self {
        Self {
            service: spec.service.to_string(),
            from: spec.from.as_ref().map(|from| from.label.clone()),
            to: spec.to.label.clone(),
            question: Question::of(spec, sticky),
        }
    }
}

/// A judgement's numbers, to the bit, and its words when it failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Said {
    pub at: Timestamp,
    pub log_e_harm: f64,
    /// In the order of the gates.
    pub log_e_pass: Vec<f64>,
    pub passed: bool,
    /// The gate and the sentence.
    pub failed: Option<(String, String)>,
}

impl Said {
    pub fn of(at: Timestamp, judgement: &Judgement) -> Self {
        Self {
            at,
            log_e_harm: judgement.log_e_harm,
            log_e_pass: judgement.gates.iter().map(|gate| gate.log_e_pass).collect(),
            passed: judgement.passed(judgement.under),
            failed: judgement.failed().map(|(gate, because)| (gate.to_owned(), because.to_owned())),
        }
    }
}

/// Something that happened, in the recording or in the replay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Moment {
    Split { at: Timestamp, weight: Weight },
    Passed { at: Timestamp, weight: Weight },
    Failed { at: Timestamp, gate: String, because: String },
}

/// Where the replay and the recording part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    pub at: Timestamp,
    pub recorded: Said,
    pub replayed: Said,
}

/// The state of the evidence once a second at most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Course {
    pub at: Timestamp,
    pub log_e_harm: f64,
    pub confidence: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    pub looks: u64,
    pub begun: Timestamp,
    pub ended: Timestamp,
    /// Recorded judgements that were said again to the bit, before the first difference.
    pub agreed: u64,
    /// `None` for the same question: anything else is a fault. With another question it is expected.
    pub difference: Option<Difference>,
    pub moments: Vec<Moment>,
    /// What the recorded judge failed, and when.
    pub recorded: Option<Moment>,
    /// Up to here the other question would have had the same traffic; afterwards the recorded traffic is what a
    /// different decision would have changed.
    pub exact_until: Timestamp,
    pub course: Vec<Course>,
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReplayError {
    #[error("the recording is empty: no look was written down")]
    Empty,
    #[error("the recording does not begin with what the judge was asked")]
    Headless,
}

/// Shows the recorded looks to a judge who is asked `other`, or the recorded question.
pub fn replay(
    records: impl IntoIterator<Item = Record>,
    other: Option<&Question>,
) -> Result<Replay, ReplayError> {
    let mut records = records.into_iter();
    let Some(Record::Asked(asked)) = records.next() else { return Err(ReplayError::Headless) };
    let mut stage = Stage::new(other.unwrap_or(&asked.question), other.is_none());
    records.for_each(|record| stage.play(record));
    stage.finish()
}

/// The course of an hour, second by second.
const MOST_POINTS: usize = 3_600;

struct Stage {
    judge: Judge,
    same: bool,
    at: Option<Timestamp>,
    weight: Weight,
    passed: bool,
    failed: bool,
    parted: Option<Timestamp>,
    out: Replay,
}

impl Stage {
    fn new(question: &Question, same: bool) -> Self {
        let out = Replay {
            looks: 0,
            begun: Timestamp::default(),
            ended: Timestamp::default(),
            agreed: 0,
            difference: None,
            moments: vec![],
            recorded: None,
            exact_until: Timestamp::default(),
            course: vec![],
        };
        Self {
            judge: Judge::new(question),
            same,
            at: None,
            weight: Weight::ZERO,
            passed: false,
            failed: false,
            parted: None,
            out,
        }
    }

    fn play(&mut self, record: Record) {
        match record {
            // The verdict on a shadow is no part of what the judge of looks says.
            Record::Asked(_) | Record::Compared { .. } => {}
            Record::State(judge) if self.same => self.judge = *judge,
            // What was saved before a restart has been shown already; what an earlier rollout left counts.
            Record::State(judge) if self.out.looks == 0 => self.judge.carry(&judge),
            Record::State(_) => {}
            Record::Split { at, generation, weight } => self.split(at, generation, weight),
            Record::Look(look) => self.look(&look),
            Record::Said(said) => self.compare(said),
        }
    }

    fn split(&mut self, at: Timestamp, generation: SplitGeneration, weight: Weight) {
        self.judge.enter_split(generation, weight);
        // A step that the other question has not opened yet would not have been entered now.
        if weight > self.weight && self.weight > Weight::ZERO && !self.passed {
            self.part(at);
        }
        self.weight = weight;
        self.passed = false;
        self.out.moments.push(Moment::Split { at, weight });
    }

    fn look(&mut self, look: &Look) {
        self.judge.take(look);
        self.out.looks += 1;
        self.out.begun = if self.out.looks == 1 { look.at } else { self.out.begun };
        self.out.ended = look.at;
        self.at = Some(look.at);
        let judgement = self.judge.judge();
        self.note(look.at, &judgement);
        let due = self.out.course.last().is_none_or(|last| look.at.since(last.at).as_millis() >= 1_000);
        if due && self.out.course.len() < MOST_POINTS {
            let (log_e_harm, confidence) = (judgement.log_e_harm, judgement.confidence);
            self.out.course.push(Course { at: look.at, log_e_harm, confidence });
        }
    }

    fn note(&mut self, at: Timestamp, judgement: &Judgement) {
        if let Some((gate, because)) = judgement.failed().filter(|_| !self.failed) {
            self.failed = true;
            self.part(at);
            let (gate, because) = (gate.to_owned(), because.to_owned());
            self.out.moments.push(Moment::Failed { at, gate, because });
        }
        if !self.passed && judgement.passed(judgement.under) {
            self.passed = true;
            self.out.moments.push(Moment::Passed { at, weight: self.weight });
        }
    }

    fn part(&mut self, at: Timestamp) {
        self.parted.get_or_insert(at);
    }

    fn compare(&mut self, recorded: Said) {
        if let Some((gate, because)) = recorded.failed.clone().filter(|_| self.out.recorded.is_none()) {
            self.out.recorded = Some(Moment::Failed { at: recorded.at, gate, because });
            // From here on the recorded rollout was on its way back.
            self.part(recorded.at);
        }
        if self.out.difference.is_some() {
            return;
        }
        let replayed = Said::of(recorded.at, &self.judge.judge());
        if replayed == recorded {
            self.out.agreed += 1;
        } else {
            self.out.difference = Some(Difference { at: recorded.at, recorded, replayed });
        }
    }

    fn finish(self) -> Result<Replay, ReplayError> {
        let ended = self.at.ok_or(ReplayError::Empty)?;
        let exact_until = self.parted.unwrap_or(ended);
        Ok(Replay { exact_until, ended, ..self.out })
    }
}
