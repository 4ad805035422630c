//! A rollout's hearing: reports come in, the judge is shown what decides, and what people want to see is kept.

use serde::{Deserialize, Serialize};
use staunch_model::{
    EdgeReport, Failure, GaugeReading, Histogram, Outcomes, RolloutSpec, ShadowSample, SplitGeneration,
    Timestamp, Weight,
};

use crate::intake::Intake;
use crate::judge::Judge;
use crate::ledger::{Ledger, RouteTotals};
use crate::look::Look;
use crate::question::Question;
use crate::shadow::Shadow;
use crate::verdict::Judgement;

/// Hears one rollout. Bounded in size whatever the traffic; checkpoint it after any report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hearing {
    intake: Intake,
    ledger: Ledger,
    judge: Judge,
    #[serde(default)]
    shadow: Option<Shadow>,
}

impl Hearing {
    /// `sticky`: users are kept on one side, so failures count per client and requests say nothing about the split.
    pub fn new(spec: &RolloutSpec, sticky: bool) -> Self {
        Self {
            intake: Intake::new(spec, sticky),
            ledger: Ledger::default(),
            judge: Judge::new(&Question::of(spec, sticky)),
            shadow: Shadow::of(spec),
        }
    }

    /// Goes on from evidence of harm that was gathered against the same content before, see [`Judge::carry`].
    pub fn carry(&mut self, earlier: &Judge) {
        self.judge.carry(earlier);
    }

    /// See [`Judge::enter_split`].
    pub fn enter_split(&mut self, generation: SplitGeneration, weight: Weight) {
        self.judge.enter_split(generation, weight);
    }

    /// Takes the samples of its service and its two revisions, and returns what the judge was shown. `young`: some
    /// instance is younger than the warm-up.
    pub fn observe(&mut self, report: &EdgeReport, at: Timestamp, young: bool) -> Look {
        self.ledger.add(&self.intake.subject, report);
        let look = self.intake.look(report, at, young);
        self.judge.take(&look);
        look
    }

    /// Takes what was read beside the requests, and returns what the judge was shown.
    pub fn read(&mut self, gauges: Vec<GaugeReading>, at: Timestamp) -> Look {
        let look = Look { at, gauges, ..Look::default() };
        self.judge.take(&look);
        look
    }

    /// How everything stands. Does not change anything: ask as often as you like.
    pub fn judge(&self) -> Judgement {
        Judgement { shadow: self.shadow.as_ref().map(Shadow::reading), ..self.judge.judge() }
    }

    /// Takes what was compared with its shadow, and returns it.
    pub fn observe_shadow(&mut self, report: &EdgeReport, at: Timestamp) -> Vec<ShadowSample> {
        let Some(shadow) = &mut self.shadow else { return vec![] };
        let samples: Vec<_> = shadow.samples(report).cloned().collect();
        samples.iter().for_each(|sample| shadow.take(sample, at));
        samples
    }

    /// The stage before the steps, for a rollout that has one.
    pub fn shadow(&self) -> Option<&Shadow> {
        self.shadow.as_ref()
    }

    /// The judge alone: what decides, without what is only shown.
    pub fn judge_itself(&self) -> &Judge {
        &self.judge
    }

    /// Routes on both sides since the rollout began, at most 200, ascending by route.
    pub fn routes(&self) -> &[RouteTotals] {
        &self.ledger.routes
    }

    /// The first failed attempts on the canary, at most 20.
    pub fn failures(&self) -> &[Failure] {
        &self.ledger.failures
    }

    /// Canary's and stable's outcomes since the rollout began, warm-up included.
    pub fn totals(&self) -> (Outcomes, Outcomes) {
        (self.ledger.totals.canary, self.ledger.totals.stable)
    }

    /// Canary's and stable's latencies since the rollout began, warm-up included.
    pub fn latencies(&self) -> (&Histogram, &Histogram) {
        self.judge.latencies()
    }
}
