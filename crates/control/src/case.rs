//! A rollout before its judge: the hearing, what is written down of it, and what is kept against the content.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use staunch_analysis::{Asked, Hearing, Judge, Judgement, Record, Said};
use staunch_model::{
    EdgeReport, GaugeReading, RevisionDigest, RolloutId, RolloutSpec, ShadowSample, SplitGeneration,
    Timestamp, Weight,
};

/// A block of the recording covers this long and ends with what the judge said.
const BLOCK: Duration = Duration::from_secs(1);

pub(crate) struct Case {
    pub(crate) rollout: RolloutId,
    pub(crate) hearing: Hearing,
    lines: Vec<String>,
    looked: bool,
    written: Timestamp,
}

impl Case {
    /// `past` is evidence that counts here too, see [`Past`].
    pub(crate) fn open(spec: &RolloutSpec, sticky: bool, past: Option<&Judge>, now: Timestamp) -> Self {
        let mut case = Self::of(spec.id, Hearing::new(spec, sticky), now);
        case.note(&Record::Asked(Box::new(Asked::of(spec, sticky))));
        if let Some(past) = past {
            case.hearing.carry(past);
            case.note_state();
        }
        case
    }

    /// Goes on with the evidence that was last saved: the recording says so.
    pub(crate) fn resume(rollout: RolloutId, hearing: Hearing, now: Timestamp) -> Self {
        let mut case = Self::of(rollout, hearing, now);
        case.note_state();
        case
    }

    fn of(rollout: RolloutId, hearing: Hearing, now: Timestamp) -> Self {
        Self { rollout, hearing, lines: vec![], looked: false, written: now }
    }

    pub(crate) fn enter_split(&mut self, generation: SplitGeneration, weight: Weight, at: Timestamp) {
        self.hearing.enter_split(generation, weight);
        self.note(&Record::Split { at, generation, weight });
    }

    pub(crate) fn observe(&mut self, report: &EdgeReport, at: Timestamp, young: bool) {
        let look = self.hearing.observe(report, at, young);
        self.looked = true;
        self.note(&Record::Look(look));
        for sample in self.hearing.observe_shadow(report, at) {
            self.note(&Record::Compared { at, sample: Box::new(without_examples(sample)) });
        }
    }

    pub(crate) fn read(&mut self, gauges: Vec<GaugeReading>, at: Timestamp) {
        if !gauges.is_empty() {
            let look = self.hearing.read(gauges, at);
            self.looked = true;
            self.note(&Record::Look(look));
        }
    }

    /// The lines of the last second, ended by what the judge says now; `None` while it is too early.
    pub(crate) fn block(&mut self, judgement: Option<&Judgement>, now: Timestamp) -> Option<Vec<String>> {
        if now.since(self.written) < BLOCK {
            return None;
        }
        self.written = now;
        self.rest(judgement, now)
    }

    /// What has not been written down yet.
    pub(crate) fn rest(&mut self, judgement: Option<&Judgement>, now: Timestamp) -> Option<Vec<String>> {
        if let Some(judgement) = judgement.filter(|_| self.looked) {
            self.note(&Record::Said(Said::of(now, judgement)));
            self.looked = false;
        }
        Some(std::mem::take(&mut self.lines)).filter(|lines| !lines.is_empty())
    }

    fn note_state(&mut self) {
        self.note(&Record::State(Box::new(self.hearing.judge_itself().clone())));
    }

    fn note(&mut self, record: &Record) {
        self.lines.extend(serde_json::to_string(record));
    }
}

/// A recording keeps what decides.
fn without_examples(sample: ShadowSample) -> ShadowSample {
    ShadowSample { examples: vec![], volatile: vec![], ..sample }
}

/// What was found against contents that were taken back: trying again is not a way around the guarantee.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Past(Vec<Finding>);

#[derive(Debug, Serialize, Deserialize)]
struct Finding {
    content: RevisionDigest,
    compared_with: Option<RevisionDigest>,
    judge: Judge,
}

/// Contents that are remembered per service.
const MOST: usize = 4;

impl Past {
    pub(crate) fn read(saved: Option<Vec<u8>>) -> Self {
        saved.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Evidence against the same content, compared with the same old version.
    pub(crate) fn against(&self, spec: &RolloutSpec) -> Option<&Judge> {
        let same = |finding: &&Finding| {
            finding.content == spec.to.digest && finding.compared_with.as_ref() == from(spec)
        };
        self.0.iter().find(same).map(|finding| &finding.judge)
    }

    pub(crate) fn remember(&mut self, spec: &RolloutSpec, hearing: &Hearing) {
        self.0.retain(|finding| finding.content != spec.to.digest);
        self.0.push(Finding {
            content: spec.to.digest.clone(),
            compared_with: from(spec).cloned(),
            judge: hearing.judge_itself().clone(),
        });
        if self.0.len() > MOST {
            self.0.remove(0);
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

fn from(spec: &RolloutSpec) -> Option<&RevisionDigest> {
    spec.from.as_ref().map(|from| &from.digest)
}
