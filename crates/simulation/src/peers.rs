//! Rules that people use today, to be tried beside the evidence: counting thresholds broken once a minute, and a test
//! that looks again and again without correction.

use crate::looks::Looks;
use crate::rules::{Cumulative, Measured, Threshold};
use crate::traffic::{Arm, Scene, Traffic};

/// A rule to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Peer {
    /// A minute's value above the threshold more than three times.
    Argo,
    /// Five times, noticed a minute later.
    Flagger,
    /// A z-test of both error shares at 1 % each minute, as if each look were the only one.
    NaiveMinute,
    /// The same at every look.
    NaiveLook,
}

impl Peer {
    pub const ALL: [Self; 4] = [Self::Argo, Self::Flagger, Self::NaiveMinute, Self::NaiveLook];

    pub fn name(self) -> &'static str {
        match self {
            Self::Argo => "Argo-style (60 s, failureLimit 3)",
            Self::Flagger => "Flagger-style (60 s, threshold 5)",
            Self::NaiveMinute => "z-test each minute",
            Self::NaiveLook => "z-test at every look",
        }
    }
}

/// What a polling rule compares a minute of the canary with.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// Share of requests that fail.
    Errors(f64),
    /// The 99th percentile in microseconds.
    P99(f64),
}

impl Limit {
    /// Half-way, as a ratio, between what is usual and what the fault brings: the best a person could have guessed.
    /// In a world without a fault, half-way to ten times the errors.
    pub(crate) fn tuned(scene: &Scene) -> Self {
        let world = &scene.world;
        if world.has_fault() && world.canary_errors <= world.errors {
            let (usual, faulty) = scene.laws();
            return Self::P99((usual.quantile_micros(0.99) * faulty.quantile_micros(0.99)).sqrt());
        }
        let usual = world.errors.max(1e-6);
        let faulty = if world.canary_errors > usual { world.canary_errors } else { (10.0 * usual).min(1.0) };
        Self::Errors((usual * faulty).sqrt())
    }

    fn measure(self, minute: &Arm) -> Measured {
        let broken = match self {
            _ if minute.attempts == 0 => return Measured::Error,
            Self::Errors(limit) => minute.failed as f64 / minute.attempts as f64 > limit,
            Self::P99(limit) => p99(minute) > limit,
        };
        if broken { Measured::Bad } else { Measured::Good }
    }

    fn needs_latency(self) -> bool {
        matches!(self, Self::P99(_))
    }
}

fn p99(minute: &Arm) -> f64 {
    let histogram = staunch_model::Histogram(minute.latency.clone());
    histogram.quantile_micros(0.99).unwrap_or(0.0)
}

const MINUTE_MS: i64 = 60_000;

/// When a rule took the canary back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Back {
    /// Seconds since the canary's first user.
    pub(crate) at_secs: f64,
    /// The canary's failures beyond stable's share until then.
    pub(crate) excess: f64,
}

/// When each rule took it back, in the order of [`Peer::ALL`]; `None` when it never did.
pub(crate) type Backs = [Option<Back>; 4];

/// When each rule takes the canary back within the horizon, at one constant share.
pub(crate) fn backs(scene: &Scene, share: f64, limit: Limit, looks: &Looks, seed: u64) -> Backs {
    let mut race = Race::new(limit);
    let mut traffic = Traffic::new(scene, seed, limit.needs_latency(), 0.0, false);
    traffic.serve(&[-scene.world.start_secs]);
    let horizon = (scene.world.horizon_secs * 1e3) as i64;
    let onset = (scene.world.onset_secs * 1e3) as i64;
    let mut at = 0;
    while at < horizon && !race.is_over() {
        let since = if at >= onset { at - onset } else { at };
        let minute = (at / MINUTE_MS + 1) * MINUTE_MS;
        let next = (at + looks.span_ms(since)).min(minute).min(horizon);
        at = if at < onset { next.min(onset) } else { next };
        race.look(&traffic.until(at as f64 / 1e3, share), at);
    }
    race.back
}

/// All rules on the same traffic.
struct Race {
    limit: Limit,
    argo: Cumulative,
    flagger: Threshold,
    minute: Arm,
    canary: (u64, u64),
    stable: (u64, u64),
    excess: f64,
    back: Backs,
}

impl Race {
    fn new(limit: Limit) -> Self {
        Self {
            limit,
            argo: Cumulative::usual(),
            flagger: Threshold::usual(),
            minute: Arm::default(),
            canary: (0, 0),
            stable: (0, 0),
            excess: 0.0,
            back: [None; 4],
        }
    }

    fn is_over(&self) -> bool {
        self.back.iter().all(Option::is_some)
    }

    fn look(&mut self, drawn: &crate::traffic::Drawn, at: i64) {
        self.canary = (self.canary.0 + drawn.canary.attempts, self.canary.1 + drawn.canary.failed);
        self.stable = (self.stable.0 + drawn.stable.attempts, self.stable.1 + drawn.stable.failed);
        self.excess += drawn.excess;
        self.collect(&drawn.canary);
        let differs = z_score(self.canary, self.stable) > Z_LIMIT;
        self.note(Peer::NaiveLook, differs, at);
        if at % MINUTE_MS == 0 {
            let measured = self.limit.measure(&self.minute);
            let (argo, flagger) = (self.argo.failed_after(measured), self.flagger.failed_after(measured));
            self.note(Peer::Argo, argo, at);
            self.note(Peer::Flagger, flagger, at);
            self.note(Peer::NaiveMinute, differs, at);
            self.minute = Arm::default();
        }
    }

    fn collect(&mut self, canary: &Arm) {
        self.minute.attempts += canary.attempts;
        self.minute.failed += canary.failed;
        let mut sum = staunch_model::Histogram(std::mem::take(&mut self.minute.latency));
        for &(bucket, count) in &canary.latency {
            sum.merge(&staunch_model::Histogram(vec![(bucket, count)]));
        }
        self.minute.latency = sum.0;
    }

    fn note(&mut self, peer: Peer, back: bool, at: i64) {
        let place = &mut self.back[peer as usize];
        if back && place.is_none() {
            *place = Some(Back { at_secs: at as f64 / 1e3, excess: self.excess });
        }
    }
}

/// The one-sided 1 % point of the normal law.
const Z_LIMIT: f64 = 2.326_347_874_040_841;

/// The pooled two-proportion statistic of `(attempts, failures)`; 0 when it has no meaning.
fn z_score(canary: (u64, u64), stable: (u64, u64)) -> f64 {
    let (n, m) = (canary.0 as f64, stable.0 as f64);
    let pooled = (canary.1 + stable.1) as f64 / (n + m);
    let spread = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    let z = (canary.1 as f64 / n - stable.1 as f64 / m) / spread;
    if z.is_finite() { z } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    #[test]
    fn a_plain_fault_is_found_when_the_rules_say() {
        let scene = Scene::new(&World::read("errors-0.1-to-50,rps=1000").unwrap(), 2, false);
        let limit = Limit::tuned(&scene);
        let [argo, flagger, minute, look] =
            backs(&scene, 0.05, limit, &Looks::default(), 1).map(Option::unwrap);
        assert_eq!((argo.at_secs, flagger.at_secs, minute.at_secs), (240.0, 360.0, 60.0));
        assert!(look.at_secs < 1.0 && look.excess < argo.excess && argo.excess > 5_000.0);
    }

    #[test]
    fn silence_ends_the_counting_rules_and_no_other() {
        let scene = Scene::new(&World::read("no-traffic").unwrap(), 2, false);
        let [argo, flagger, minute, look] = backs(&scene, 0.05, Limit::Errors(0.01), &Looks::default(), 1);
        assert_eq!(argo.map(|back| back.at_secs), Some(300.0));
        assert_eq!(flagger.map(|back| back.at_secs), Some(360.0));
        assert_eq!((minute, look), (None, None));
    }

    #[test]
    fn a_statistic_without_meaning_is_none() {
        assert_eq!(z_score((0, 0), (10, 1)), 0.0);
        assert_eq!(z_score((10, 0), (10, 0)), 0.0);
        assert!(z_score((100, 10), (1_000, 10)) > 5.0);
    }
}
