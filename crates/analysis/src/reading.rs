//! How a gate stands, in numbers and in words.

use staunch_evidence::{Counts, OneSample, Traffic, VerdictRange, bernoulli_band};
use staunch_model::{GateLimit, Histogram};

use crate::absolute::Absolute;
use crate::forecast::Needs;
use crate::gate::{Gate, Present, Test};
use crate::harm::Harm;
use crate::intake::Arms;
use crate::latency::{quantile_band, slow};
use crate::severity::{Severity, severity};
use crate::verdict::{Band, Bounds, GateReading, Outcome, Verdict};
use crate::words;

impl Gate {
    /// `fail` is the sentence with which this gate was blamed, if it was.
    pub(crate) fn reading(
        &self,
        harm: &Harm,
        now: &Present,
        warming: bool,
        fail: Option<&str>,
    ) -> GateReading {
        let bands = self.bands(harm, now);
        let brief = self.brief_reading(harm, now, warming, fail);
        let certain = brief.log_e_harm / brief.harm_limit;
        let severity = self.effect(harm, now).and_then(|effect| severity(effect, certain));
        GateReading {
            severity: if fail.is_some() { Some(Severity::Critical) } else { severity },
            canary: bands.canary,
            bounds: self.bounds(harm),
            allowed: self.allowed(harm, now),
            stable: bands.stable,
            needs: self.needs(harm, now),
            ..brief
        }
    }

    /// The same without what is only shown: estimates, bounds, severity, and how much is needed.
    pub(crate) fn brief_reading(
        &self,
        harm: &Harm,
        now: &Present,
        warming: bool,
        fail: Option<&str>,
    ) -> GateReading {
        let (outcome, because) = match fail {
            Some(because) => (Outcome::Fail, because.to_owned()),
            None => {
                let outcome = self.outcome(harm, now);
                (outcome, self.because(outcome, harm, now, warming))
            }
        };
        GateReading {
            gate: self.spec.name(),
            severity: None,
            verdict: Verdict { outcome, because, under: now.generation },
            no_data: self.spec.no_data,
            canary: None,
            bounds: None,
            stable: None,
            limit: self.limit_words(),
            allowed: None,
            log_e_harm: self.log_e_harm(harm),
            log_e_pass: self.log_e_pass(harm),
            harm_limit: self.source().map_or(harm.limit(), |source| harm.limit_of(source)),
            pass_limit: self.pass_limit(),
            needs: None,
        }
    }

    /// How the gate stands, when it was not blamed.
    pub(crate) fn outcome(&self, harm: &Harm, now: &Present) -> Outcome {
        let unasked = self.test == Test::Unanswerable || now.seen == 0;
        let warm = !now.counts.canary.is_empty();
        if unasked || (warm && self.needs_stable() && now.counts.stable.is_empty()) {
            return Outcome::NoData;
        }
        let shown = warm
            && self.both_bad(harm).is_none()
            && self.log_e_pass(harm) >= self.pass_limit()
            && self.looks_well(now);
        if shown { Outcome::Pass } else { Outcome::Undecided }
    }

    /// The sentence that goes with [`outcome`](Self::outcome).
    fn because(&self, outcome: Outcome, harm: &Harm, now: &Present, warming: bool) -> String {
        if now.counts.canary.is_empty() || outcome == Outcome::NoData {
            return self.unheard(now, warming);
        }
        let numbers = self.numbers(now);
        if outcome == Outcome::Pass {
            return format!("{numbers}: shown with {} certainty", words::exact_percent(1.0 - self.beta));
        }
        if self.both_bad(harm).is_some() {
            return format!("{numbers}: stable breaks the limit too");
        }
        let needs = self.needs(harm, now);
        let more = needs.map_or_else(String::new, |needs| format!(", about {needs} more canary requests"));
        format!("{numbers}: not yet sure{more}")
    }

    fn unheard(&self, now: &Present, warming: bool) -> String {
        if self.test == Test::Unanswerable {
            "the limit does not fit the metric".to_owned()
        } else if now.seen == 0 {
            "no requests reached the canary yet".to_owned()
        } else if now.counts.canary.is_empty() {
            let when = if warming { "the canary is warming up" } else { "the canary has just warmed up" };
            format!("{when}: {} requests set aside", now.seen)
        } else {
            "no requests reached stable: nothing to compare with".to_owned()
        }
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

    /// The limit as a number beside the estimates of [`Self::bands`].
    fn allowed(&self, harm: &Harm, now: &Present) -> Option<f64> {
        let stable = || {
            let counts = if now.counts.canary.is_empty() { harm.compared.whole } else { now.counts };
            counts.stable.rate()
        };
        match self.test {
            Test::ErrorMax { max, .. } | Test::LatencyMax { max, .. } => Some(max),
            Test::ErrorVsStable { margin, .. } => Some(stable()? + margin),
            Test::BlastRadius { share, next, .. } => Some(stable()? + share / next),
            Test::LatencyVsStable { margin, quantile, .. } => {
                Some(now.latency.stable.quantile_micros(quantile)? * (1.0 + margin))
            }
            Test::Unanswerable => None,
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

    /// Canary requests until a pass, if the canary is as good as stable: nine times in ten within the range. What is
    /// not known well yet about the rate that both have makes the range wider.
    pub(crate) fn forecast(&self, harm: &Harm, now: &Present) -> Option<Needs> {
        let level = self.pass_limit();
        let pooled = now.counts.canary.plus(now.counts.stable);
        let range = match &self.test {
            Test::ErrorMax { pass, .. } => around(pooled, |rate| pass.forecast(rate, level)),
            Test::ErrorVsStable { pass, .. } | Test::BlastRadius { pass, .. } => around(pooled, |rate| {
                let traffic = Traffic { p_stable: rate, p_canary: rate, share: now.share };
                pass.deciding().forecast(traffic, level)
            }),
            Test::LatencyMax { pass, max, .. } => {
                let slow = slow(&now.latency.canary, *max).plus(slow(&now.latency.stable, *max));
                around(slow, |rate| pass.forecast(rate, level))
            }
            Test::LatencyVsStable { test, .. } => {
                harm.latency[*test].forecast(&now.latency.stable, now.share, level)
            }
            Test::Unanswerable => None,
        };
        range.map(Needs::of)
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

/// The forecast at the rate that was seen, its ends at one standard error below and above.
fn around(seen: Counts, forecast: impl Fn(f64) -> Option<VerdictRange>) -> Option<VerdictRange> {
    let (rate, attempts, failures) = (seen.rate()?, seen.attempts() as f64, seen.failures() as f64);
    let middle = forecast(rate)?;
    let best = forecast(((failures - libm::sqrt(failures)) / attempts).max(0.0));
    let worst = forecast(((failures + libm::sqrt(failures + 0.5)) / attempts).min(1.0));
    Some(VerdictRange {
        low: best.map_or(middle.low, |best| best.low.min(middle.low)),
        median: middle.median,
        high: worst.map_or(f64::INFINITY, |worst| worst.high.max(middle.high)),
    })
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
