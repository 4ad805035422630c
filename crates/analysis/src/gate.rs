//! One gate: the question a person wrote down, the test that answers it, and how it reads.

use serde::{Deserialize, Serialize};
use staunch_evidence::{Counts, NonInferiorityBand, OneSample, bernoulli_band, requests_to_pass};
use staunch_model::{GateLimit, GateSpec, Histogram, SplitGeneration};

use crate::absolute::Absolute;
use crate::harm::{Harm, Source};
use crate::intake::Arms;
use crate::latency::{quantile_band, slow};
use crate::look::SplitLook;
use crate::severity::{Severity, severity};
use crate::verdict::{Band, Bounds, GateReading, Outcome, Verdict};
use crate::words;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Gate {
    pub(crate) spec: GateSpec,
    pub(crate) test: Test,
    beta: f64,
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
    /// The canary's configured share, 0 to 1.
    pub(crate) share: f64,
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
                *pass = NonInferiorityBand::new(*share / next);
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

    /// `fail` is the sentence with which this gate was blamed, if it was.
    pub(crate) fn reading(
        &self,
        harm: &Harm,
        now: &Present,
        warming: bool,
        fail: Option<&str>,
    ) -> GateReading {
        let bands = self.bands(harm, now);
        let bounds = self.bounds(harm);
        let log_e_pass = self.log_e_pass(harm);
        let needs = self.needs(harm, now);
        let verdict = |outcome, because| Verdict { outcome, because, under: now.generation };
        let verdict = match fail {
            Some(because) => verdict(Outcome::Fail, because.to_owned()),
            None => self.open_verdict(harm, now, warming, needs, verdict),
        };
        let log_e_harm = self.log_e_harm(harm);
        let harm_limit = self.source().map_or(harm.limit(), |source| harm.limit_of(source));
        let severity = self.effect(harm, now).and_then(|effect| severity(effect, log_e_harm / harm_limit));
        GateReading {
            gate: self.spec.name(),
            severity: if fail.is_some() { Some(Severity::Critical) } else { severity },
            verdict,
            no_data: self.spec.no_data,
            canary: bands.canary,
            bounds,
            stable: bands.stable,
            limit: self.limit_words(),
            log_e_harm,
            log_e_pass,
            harm_limit,
            pass_limit: self.pass_limit(),
            needs,
        }
    }

    fn open_verdict(
        &self,
        harm: &Harm,
        now: &Present,
        warming: bool,
        needs: Option<u64>,
        verdict: impl Fn(Outcome, String) -> Verdict,
    ) -> Verdict {
        if self.test == Test::Unanswerable {
            return verdict(Outcome::NoData, "the limit does not fit the metric".to_owned());
        }
        if now.seen == 0 {
            return verdict(Outcome::NoData, "no requests reached the canary yet".to_owned());
        }
        if now.counts.canary.is_empty() {
            let because = if warming { "the canary is warming up" } else { "the canary has just warmed up" };
            return verdict(Outcome::Undecided, format!("{because}: {} requests set aside", now.seen));
        }
        if self.needs_stable() && now.counts.stable.is_empty() {
            return verdict(
                Outcome::NoData,
                "no requests reached stable: nothing to compare with".to_owned(),
            );
        }
        let numbers = self.numbers(now);
        if self.both_bad(harm).is_some() {
            return verdict(Outcome::Undecided, format!("{numbers}: stable breaks the limit too"));
        }
        if self.log_e_pass(harm) >= self.pass_limit() && self.looks_well(now) {
            let sure = words::exact_percent(1.0 - self.beta);
            return verdict(Outcome::Pass, format!("{numbers}: shown with {sure} certainty"));
        }
        let more = needs.map_or_else(String::new, |needs| format!(", about {needs} more canary requests"));
        verdict(Outcome::Undecided, format!("{numbers}: not yet sure{more}"))
    }

    fn needs_stable(&self) -> bool {
        match self.test {
            Test::ErrorVsStable { .. } | Test::BlastRadius { .. } | Test::LatencyVsStable { .. } => true,
            Test::ErrorMax { .. } | Test::LatencyMax { .. } | Test::Unanswerable => false,
        }
    }

    /// A rank test speaks of the whole distribution: the quantile that the gate names must agree.
    fn looks_well(&self, now: &Present) -> bool {
        let Test::LatencyVsStable { margin, quantile, .. } = self.test else { return true };
        let of = |histogram: &Histogram| histogram.quantile_micros(quantile);
        match (of(&now.latency.canary), of(&now.latency.stable)) {
            (Some(canary), Some(stable)) => canary <= (1.0 + margin) * stable,
            (None, _) | (_, None) => false,
        }
    }

    /// How many times what is allowed was measured: the canary's rate or latency over its limit, over stable's for a
    /// comparison. `None` without measurements.
    fn effect(&self, harm: &Harm, now: &Present) -> Option<f64> {
        let counts = if now.counts.canary.is_empty() { harm.compared.whole } else { now.counts };
        let worse = |allowed: f64| Some(counts.canary.rate()? / allowed.max(1e-6));
        let slower = |quantile: f64, allowed: f64| {
            Some(now.latency.canary.quantile_micros(quantile)? / allowed.max(1.0))
        };
        match self.test {
            Test::ErrorMax { max, .. } => worse(max),
            Test::ErrorVsStable { .. } | Test::BlastRadius { .. } => worse(counts.stable.rate()?),
            Test::LatencyMax { max, quantile, .. } => slower(quantile, max),
            Test::LatencyVsStable { margin, quantile, .. } => {
                slower(quantile, now.latency.stable.quantile_micros(quantile)? * (1.0 + margin))
            }
            Test::Unanswerable => None,
        }
    }

    fn log_e_harm(&self, harm: &Harm) -> f64 {
        self.source().map_or(0.0, |source| harm.log_e_of(source))
    }

    pub(crate) fn limit_words(&self) -> String {
        if let Test::BlastRadius { share, next, .. } = self.test {
            return format!(
                "stable + {} at {}",
                words::exact_points(share / next),
                words::exact_percent(next)
            );
        }
        match self.spec.limit {
            GateLimit::MaxRatio { max } => words::exact_percent(max),
            GateLimit::MaxMicros { max } => words::micros(max as f64),
            GateLimit::VsStableRatio { margin } => format!("stable + {}", words::exact_percent(margin)),
            GateLimit::VsStablePoints { margin } => format!("stable + {}", words::exact_points(margin)),
            GateLimit::BlastRadius { share } => format!("{} of all requests", words::exact_percent(share)),
        }
    }

    /// The numbers of the present split and the limit, in words.
    pub(crate) fn numbers(&self, now: &Present) -> String {
        let limit = self.limit_words();
        match self.test {
            Test::ErrorMax { .. } => format!("{}, limit {limit}", words::arm("canary", now.counts.canary)),
            Test::ErrorVsStable { .. } | Test::BlastRadius { .. } => {
                format!("{}, limit {limit}", words::both(now.counts))
            }
            Test::LatencyMax { quantile, .. } => {
                format!("{}, limit {limit}", latency_words("canary", &now.latency.canary, quantile))
            }
            Test::LatencyVsStable { quantile, .. } => latencies(&now.latency, quantile, &limit),
            Test::Unanswerable => limit,
        }
    }

    /// What the tests that decide have shown so far.
    fn bounds(&self, harm: &Harm) -> Option<Bounds> {
        let of_share = |test: usize, pass: &OneSample| Bounds {
            least: harm.least_share(test),
            most: pass.upper_bound(self.pass_limit()),
            least_allowed: harm.absolute[test].limit,
            most_allowed: harm.absolute[test].limit,
        };
        match &self.test {
            Test::ErrorMax { absolute, pass, .. } | Test::LatencyMax { absolute, pass, .. } => {
                Some(of_share(*absolute, pass))
            }
            Test::ErrorVsStable { pass, .. } | Test::BlastRadius { pass, .. } => Some(Bounds {
                least: harm.least_ratio(),
                most: pass.upper_bound(self.pass_limit()),
                least_allowed: 1.0,
                most_allowed: pass.deciding().margin(),
            }),
            Test::LatencyVsStable { .. } | Test::Unanswerable => None,
        }
    }

    /// Estimates of the present split; before it has any, of the whole rollout.
    fn bands(&self, harm: &Harm, now: &Present) -> Arms<Option<Band>> {
        let counts = if now.counts.canary.is_empty() { harm.compared.whole } else { now.counts };
        let latency = |quantile: f64, limit: Option<f64>| Arms {
            canary: quantile_band(&now.latency.canary, quantile, limit),
            stable: quantile_band(&now.latency.stable, quantile, limit),
        };
        match self.test {
            Test::ErrorMax { absolute, ref pass, .. } => Arms {
                canary: rate_band(counts.canary).map(|band| Band {
                    low: harm.least_share(absolute).unwrap_or(0.0).min(band.estimate),
                    high: pass.upper_bound(self.pass_limit()).unwrap_or(1.0).max(band.estimate),
                    ..band
                }),
                stable: rate_band(counts.stable),
            },
            Test::ErrorVsStable { .. } | Test::BlastRadius { .. } => {
                Arms { canary: rate_band(counts.canary), stable: rate_band(counts.stable) }
            }
            Test::LatencyMax { max, quantile, .. } => latency(quantile, Some(max)),
            Test::LatencyVsStable { margin, quantile, .. } => {
                let limit =
                    now.latency.stable.quantile_micros(quantile).map(|stable| stable * (1.0 + margin));
                latency(quantile, limit)
            }
            Test::Unanswerable => Arms::default(),
        }
    }

    /// About how many more canary requests until a pass if things stay as they are.
    fn needs(&self, harm: &Harm, now: &Present) -> Option<u64> {
        let missing = self.pass_limit() - self.log_e_pass(harm);
        if missing <= 0.0 {
            return Some(0);
        }
        match &self.test {
            Test::ErrorMax { absolute, pass, clean, .. } => {
                one_sample_needs(&harm.absolute[*absolute], pass, now.counts.canary, *clean, missing)
            }
            Test::LatencyMax { absolute, pass, max, clean, .. } => {
                let counts = slow(&now.latency.canary, *max);
                one_sample_needs(&harm.absolute[*absolute], pass, counts, *clean, missing)
            }
            Test::ErrorVsStable { pass, .. } | Test::BlastRadius { pass, .. } => {
                requests(missing, pass.deciding().growth(now.share))
            }
            Test::LatencyVsStable { .. } => {
                let attempts = now.latency.canary.count();
                let gained = self.log_e_pass(harm);
                // Less than this is noise: nothing to extrapolate from.
                let known = attempts >= 50 && gained > 0.3;
                known.then(|| requests(missing, gained / attempts as f64)).flatten()
            }
            Test::Unanswerable => None,
        }
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

/// Not foreseeable while stable itself is at the limit: a version like it cannot be shown to be below.
fn one_sample_needs(
    absolute: &Absolute,
    pass: &OneSample,
    counts: Counts,
    clean: Option<u64>,
    missing: f64,
) -> Option<u64> {
    let stable = absolute.counts.stable;
    if stable.attempts() >= 100 && stable.rate().is_some_and(|rate| rate >= 0.9 * absolute.limit) {
        return None;
    }
    if counts.failures() == 0 {
        return clean.map(|clean| clean.saturating_sub(counts.attempts()).max(1));
    }
    requests(missing, pass.growth(counts.rate()?))
}

fn requests(missing: f64, growth: f64) -> Option<u64> {
    let needed = missing / growth;
    (growth > 0.0 && needed < 1e12).then(|| needed.ceil() as u64)
}

fn rate_band(counts: Counts) -> Option<Band> {
    let estimate = counts.rate()?;
    let (low, high) = bernoulli_band(counts, 0.05);
    Some(Band { estimate, low, high, requests: counts.attempts(), events: counts.failures() })
}

fn latency_words(name: &str, histogram: &Histogram, quantile: f64) -> String {
    match histogram.quantile_micros(quantile) {
        Some(micros) => format!("{name} {} ({} requests)", words::micros(micros), histogram.count()),
        None => format!("{name} without requests"),
    }
}

pub(crate) fn latencies(latency: &Arms<Histogram>, quantile: f64, limit: &str) -> String {
    let canary = latency_words("canary", &latency.canary, quantile);
    let stable = latency_words("stable", &latency.stable, quantile);
    format!("{canary}, {stable}, limit {limit}")
}
