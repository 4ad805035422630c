//! One gate: the question a person wrote down, the test that answers it, and how it reads.

use serde::{Deserialize, Serialize};
use staunch_evidence::{Counts, NonInferiorityBand, OneSample, requests_to_pass};
use staunch_model::{GateLimit, GateSpec, Histogram, SplitGeneration};

use crate::absolute::Absolute;
use crate::cohort::alone;
use crate::harm::{Harm, Source};
use crate::intake::Arms;
use crate::latency::{first_bucket_from, slow};
use crate::look::{ArmLook, SplitLook};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Gate {
    pub(crate) spec: GateSpec,
    pub(crate) test: Test,
    pub(crate) beta: f64,
}

/// The pass side of a gate, and where its harm side is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Test {
    /// At most a share of requests fails; `clean` requests without a failure make a pass.
    ErrorMax {
        absolute: usize,
        pass: OneSample,
        max: f64,
        clean: Option<u64>,
    },
    ErrorVsStable {
        pass: NonInferiorityBand,
        margin: f64,
    },
    /// At most a share `1 − quantile` of requests is slower than `max` microseconds.
    LatencyMax {
        absolute: usize,
        pass: OneSample,
        max: f64,
        quantile: f64,
        clean: Option<u64>,
    },
    LatencyVsStable {
        test: usize,
        margin: f64,
        quantile: f64,
    },
    /// At the `next` share of the traffic, at most `share` of all requests fails for the canary's sake: it fails at
    /// most `share / next` more often than stable. The first step that would break this has a true null, so one
    /// chance of error serves the whole ramp.
    BlastRadius {
        pass: NonInferiorityBand,
        share: f64,
        next: f64,
    },
    /// The limit does not fit the metric; `validate` refuses it, and here it never opens.
    Unanswerable,
}

/// What the present split has shown so far, warm-up left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Present {
    pub(crate) generation: SplitGeneration,
    /// The canary's configured share of what is compared, 0 to 1.
    pub(crate) share: f64,
    /// A look has said so.
    #[serde(default)]
    pub(crate) shared: bool,
    pub(crate) counts: Arms<Counts>,
    pub(crate) latency: Arms<Histogram>,
    /// Canary attempts judged under this split, warm-up included.
    pub(crate) seen: u64,
}

impl Gate {
    pub(crate) fn new(spec: &GateSpec, beta: f64, harm: &mut Harm) -> Self {
        let beta = beta.clamp(1e-12, 0.5);
        Self { spec: spec.clone(), test: Test::new(spec, beta, harm), beta }
    }

    /// `next` is the share of the traffic that a pass will open.
    pub(crate) fn enter_split(&mut self, next: f64) {
        match &mut self.test {
            Test::ErrorMax { pass, max, .. } => *pass = OneSample::pass(*max),
            Test::LatencyMax { pass, quantile, .. } => *pass = OneSample::pass(1.0 - *quantile),
            Test::ErrorVsStable { pass, .. } => pass.restart(),
            Test::BlastRadius { pass, share, next: opens } => {
                *opens = next;
                *pass = pass.for_margin(*share / next);
            }
            Test::LatencyVsStable { .. } | Test::Unanswerable => {}
        }
    }

    /// One split's counts: they feed harm always, the pass under the present split alone.
    pub(crate) fn observe(&mut self, harm: &mut Harm, split: &SplitLook, present: bool) {
        match &mut self.test {
            Test::ErrorMax { absolute, pass, .. } => {
                harm.absolute[*absolute].observe(split.distinct());
                if present {
                    pass.observe(split.raw().canary);
                }
            }
            Test::LatencyMax { absolute, pass, max, .. } => {
                let latency = split.latency();
                let counts = Arms { canary: slow(latency.canary, *max), stable: slow(latency.stable, *max) };
                harm.absolute[*absolute].observe(counts);
                if present {
                    pass.observe(counts.canary);
                }
            }
            Test::ErrorVsStable { .. }
            | Test::BlastRadius { .. }
            | Test::LatencyVsStable { .. }
            | Test::Unanswerable => {}
        }
    }

    /// What was sent by name breaks a limit like any other request, and opens no gate.
    pub(crate) fn observe_chosen(&self, harm: &mut Harm, chosen: &ArmLook) {
        match &self.test {
            Test::ErrorMax { absolute, .. } => harm.absolute[*absolute].observe(alone(chosen.raw())),
            Test::LatencyMax { absolute, max, .. } => {
                harm.absolute[*absolute].observe(alone(slow(&chosen.latency, *max)));
            }
            Test::ErrorVsStable { .. }
            | Test::BlastRadius { .. }
            | Test::LatencyVsStable { .. }
            | Test::Unanswerable => {}
        }
    }

    /// A closed bucket of the present split.
    pub(crate) fn compare(&mut self, raw: Arms<Counts>) {
        if let Test::ErrorVsStable { pass, .. } | Test::BlastRadius { pass, .. } = &mut self.test {
            pass.observe(raw.canary, raw.stable);
        }
    }

    pub(crate) fn pass_limit(&self) -> f64 {
        -libm::log(self.beta)
    }

    pub(crate) fn log_e_pass(&self, harm: &Harm) -> f64 {
        match &self.test {
            Test::ErrorMax { pass, .. } | Test::LatencyMax { pass, .. } => pass.log_e(),
            Test::ErrorVsStable { pass, .. } | Test::BlastRadius { pass, .. } => pass.log_e(),
            Test::LatencyVsStable { test, .. } => harm.latency[*test].log_e_pass(),
            Test::Unanswerable => 0.0,
        }
    }

    /// Where this gate's evidence of harm is kept.
    pub(crate) fn source(&self) -> Option<Source> {
        match self.test {
            Test::ErrorMax { absolute, .. } | Test::LatencyMax { absolute, .. } => {
                Some(Source::Absolute(absolute))
            }
            Test::ErrorVsStable { .. } | Test::BlastRadius { .. } => Some(Source::Errors),
            Test::LatencyVsStable { test, .. } => Some(Source::Latency(test)),
            Test::Unanswerable => None,
        }
    }

    /// The first bucket that is slower than an absolute limit.
    pub(crate) fn latency_edge(&self) -> Option<u16> {
        match self.test {
            Test::LatencyMax { max, .. } => Some(first_bucket_from(max)),
            Test::ErrorMax { .. }
            | Test::ErrorVsStable { .. }
            | Test::BlastRadius { .. }
            | Test::LatencyVsStable { .. }
            | Test::Unanswerable => None,
        }
    }

    /// The absolute test when stable breaks its limit as the canary does.
    pub(crate) fn both_bad<'a>(&self, harm: &'a Harm) -> Option<&'a Absolute> {
        let absolute = match self.test {
            Test::ErrorMax { absolute, .. } | Test::LatencyMax { absolute, .. } => &harm.absolute[absolute],
            Test::ErrorVsStable { .. }
            | Test::BlastRadius { .. }
            | Test::LatencyVsStable { .. }
            | Test::Unanswerable => return None,
        };
        absolute.both_bad(harm.limit()).then_some(absolute)
    }
}

impl Test {
    fn new(spec: &GateSpec, beta: f64, harm: &mut Harm) -> Self {
        let quantile = spec.metric.quantile();
        match (spec.limit, quantile) {
            (GateLimit::MaxRatio { max }, None) => Self::ErrorMax {
                absolute: harm.absolute_test(max),
                pass: OneSample::pass(max),
                max,
                clean: requests_to_pass(max, beta),
            },
            (GateLimit::VsStablePoints { margin }, None) => {
                Self::ErrorVsStable { pass: NonInferiorityBand::new(margin), margin }
            }
            (GateLimit::BlastRadius { share }, None) => {
                Self::BlastRadius { pass: NonInferiorityBand::new(share), share, next: 1.0 }
            }
            (GateLimit::MaxMicros { max }, Some(quantile)) => Self::LatencyMax {
                absolute: harm.absolute_test(1.0 - quantile),
                pass: OneSample::pass(1.0 - quantile),
                max: max as f64,
                quantile,
                clean: requests_to_pass(1.0 - quantile, beta),
            },
            (GateLimit::VsStableRatio { margin }, Some(quantile)) => {
                Self::LatencyVsStable { test: harm.latency_test(margin), margin, quantile }
            }
            (
                GateLimit::MaxRatio { .. } | GateLimit::VsStablePoints { .. } | GateLimit::BlastRadius { .. },
                Some(_),
            )
            | (GateLimit::MaxMicros { .. } | GateLimit::VsStableRatio { .. }, None) => Self::Unanswerable,
        }
    }
}
