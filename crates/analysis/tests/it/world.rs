//! A small seeded world: traffic in ten reports a second, versions with their ways to fail.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use staunch_analysis::{Hearing, Judgement, Look};
use staunch_model::{
    EdgeReport, EvidenceSpec, Failure, FailureKind, GateLimit, GateSpec, HealthSpec, Histogram, InstanceId,
    Metric, NoData, Outcomes, ProbeSpec, ProbeTarget, Revision, RevisionDigest, RolloutId, RolloutKind,
    RolloutSpec, RunSpec, Sample, ServiceName, SplitGeneration, StopSpec, Strategy, Timestamp, TriggerSpec,
    Weight, bucket_of_micros,
};

/// SplitMix64.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

pub(crate) fn service() -> ServiceName {
    ServiceName::try_from("shop".to_owned()).unwrap()
}

pub(crate) fn revision(id: u8) -> Revision {
    Revision {
        digest: digest(id).clone(),
        service: service(),
        label: format!("v{id}"),
        run: run(),
        files: Vec::new(),
        created: Timestamp(0),
    }
}

/// Digests are written out digit by digit: once is enough for millions of requests.
pub(crate) fn digest(id: u8) -> &'static RevisionDigest {
    static DIGESTS: LazyLock<Vec<RevisionDigest>> =
        LazyLock::new(|| (0..8).map(|id| RevisionDigest::from_sha256([id; 32])).collect());
    &DIGESTS[usize::from(id)]
}

fn run() -> RunSpec {
    let second = Duration::from_secs(1);
    let ready = ProbeSpec { target: ProbeTarget::Tcp, interval: second, timeout: second, fall: 1, rise: 1 };
    RunSpec {
        infra: None,
        command: vec!["./shop".to_owned()],
        dir: "/srv".to_owned(),
        env: BTreeMap::new(),
        health: HealthSpec { ready, live: None, start_timeout: second },
        stop: StopSpec { grace: second, drain: second, ..StopSpec::default() },
    }
}

pub(crate) fn error_limit(max: f64) -> GateSpec {
    GateSpec { metric: Metric::ErrorRate, limit: GateLimit::MaxRatio { max }, no_data: NoData::Hold }
}

pub(crate) fn error_margin(margin: f64) -> GateSpec {
    GateSpec { metric: Metric::ErrorRate, limit: GateLimit::VsStablePoints { margin }, no_data: NoData::Hold }
}

pub(crate) fn latency_margin(metric: Metric, margin: f64) -> GateSpec {
    GateSpec { metric, limit: GateLimit::VsStableRatio { margin }, no_data: NoData::Hold }
}

pub(crate) fn latency_limit(metric: Metric, millis: u64) -> GateSpec {
    GateSpec { metric, limit: GateLimit::MaxMicros { max: millis * 1_000 }, no_data: NoData::Hold }
}

pub(crate) fn spec(gates: Vec<GateSpec>) -> RolloutSpec {
    let long = Duration::from_secs(600);
    RolloutSpec {
        id: RolloutId(1),
        service: service(),
        kind: RolloutKind::Canary,
        from: Some(revision(1)),
        to: revision(2),
        replicas: 2,
        strategy: Strategy { bake: long, ..Strategy::default() },
        gates,
        gauges: Vec::new(),
        triggers: TriggerSpec::default(),
        evidence: EvidenceSpec {
            false_rollback: 0.01,
            false_promotion: 0.05,
            warm_up: Duration::from_secs(30),
            warm_up_requests: 0,
            ..EvidenceSpec::default()
        },
    }
}

/// How one version behaves.
#[derive(Clone)]
pub(crate) struct Version {
    /// Share of requests that fail.
    pub(crate) fails: f64,
    /// This route fails always; one request in ten is for it.
    pub(crate) bad_route: bool,
    pub(crate) median_ms: f64,
    pub(crate) extra_ms: f64,
    /// Share of its requests that are given to warming instances, and the share of these that fails.
    pub(crate) young: f64,
    pub(crate) young_fails: f64,
}

impl Version {
    pub(crate) fn failing(fails: f64) -> Self {
        Self { fails, bad_route: false, median_ms: 20.0, extra_ms: 0.0, young: 0.0, young_fails: fails }
    }
}

pub(crate) struct World {
    pub(crate) judge: Hearing,
    pub(crate) chance: Chance,
    pub(crate) at: Timestamp,
    pub(crate) split: SplitGeneration,
    pub(crate) weight: Weight,
    /// The canary's real share when routing is broken.
    pub(crate) really: Option<f64>,
    pub(crate) per_second: u64,
    /// The time between two reports.
    pub(crate) every: Duration,
    pub(crate) canary: Version,
    pub(crate) stable: Version,
    /// Stable's old instances: then `stable` are twins that were started with the canary.
    pub(crate) beside_twins: Option<Version>,
}

/// Among what an attempt is counted.
#[derive(Clone, Copy, Default, PartialEq)]
struct Kind {
    warming: bool,
    twin: Option<bool>,
    chosen: bool,
}

impl World {
    pub(crate) fn new(seed: u64, gates: Vec<GateSpec>, canary: f64, stable: f64) -> Self {
        let mut world = Self {
            judge: Hearing::new(&spec(gates), false),
            chance: Chance(seed),
            at: Timestamp(1_000_000),
            split: SplitGeneration(0),
            weight: Weight::ZERO,
            really: None,
            per_second: 200,
            every: Duration::from_millis(100),
            canary: Version::failing(canary),
            stable: Version::failing(stable),
            beside_twins: None,
        };
        world.shift(5.0);
        world
    }

    pub(crate) fn shift(&mut self, percent: f64) {
        self.split = self.split.next();
        self.weight = Weight::percent(percent).unwrap();
        self.judge.enter_split(self.split, self.weight);
    }

    /// One report of traffic.
    pub(crate) fn report(&mut self) -> EdgeReport {
        let mut report = EdgeReport { edge: 1, at: self.at, ..EdgeReport::default() };
        for _ in 0..self.per_second * self.every.as_millis() as u64 / 1_000 {
            let (id, twin, version) = self.assigned();
            let on_route = self.chance.unit() < 0.1;
            let route = if on_route { "GET /cart" } else { "GET /" };
            let young = version.young > 0.0 && self.chance.unit() < version.young;
            let fails = if young { version.young_fails } else { version.fails };
            let failed = self.chance.unit() < fails || (version.bad_route && on_route);
            let millis = version.median_ms * (0.5 * self.chance.normal()).exp() + version.extra_ms;
            let kind = Kind { warming: young, twin, chosen: false };
            self.count(&mut report, id, route, kind, failed, (millis * 1_000.0) as u64);
        }
        report
    }

    /// Who serves a request.
    fn assigned(&mut self) -> (u8, Option<bool>, Version) {
        let share = self.really.unwrap_or(self.weight.ratio());
        let twins = share + self.weight.of_twins().ratio();
        let place = self.chance.unit();
        match &self.beside_twins {
            beside if place < share => (2, beside.is_some().then_some(true), self.canary.clone()),
            None => (1, None, self.stable.clone()),
            Some(_) if place < twins => (1, Some(true), self.stable.clone()),
            Some(old) => (1, Some(false), old.clone()),
        }
    }

    pub(crate) fn add(&mut self, report: &mut EdgeReport, id: u8, route: &str, failed: bool, micros: u64) {
        self.count(report, id, route, Kind::default(), failed, micros);
    }

    /// Requests that were sent to the canary by name.
    pub(crate) fn by_name(&mut self, report: &mut EdgeReport, requests: u64, failed: bool) {
        let kind = Kind { chosen: true, ..Kind::default() };
        (0..requests).for_each(|_| self.count(report, 2, "GET /", kind, failed, 20_000));
    }

    fn count(&mut self, report: &mut EdgeReport, id: u8, route: &str, kind: Kind, failed: bool, micros: u64) {
        let client = self.chance.next();
        let Kind { warming, twin, chosen } = kind;
        let sample = sample(report, id, route, kind, (self.split, self.weight));
        sample.outcomes.assigned += 1;
        sample.latency.merge(&Histogram(vec![(bucket_of_micros(micros), 1)]));
        if failed {
            sample.outcomes.server_error += 1;
            report.failures.push(Failure {
                warming,
                twin,
                chosen,
                ..failure(id, route, self.split, client, micros)
            });
        } else {
            sample.outcomes.ok += 1;
        }
    }

    pub(crate) fn step(&mut self) {
        let report = self.report();
        self.take(&report);
    }

    pub(crate) fn take(&mut self, report: &EdgeReport) -> Look {
        self.at = self.at.plus(self.every);
        self.judge.observe(report, self.at, self.canary.young > 0.0 || self.stable.young > 0.0)
    }

    /// Runs until the judgement satisfies `done`; the judgement, or the last one after `seconds`.
    pub(crate) fn until(&mut self, seconds: u64, done: impl Fn(&Judgement) -> bool) -> (bool, Judgement) {
        for _ in 0..seconds * 10 {
            self.step();
            let judgement = self.judge.judge();
            if done(&judgement) {
                return (true, judgement);
            }
        }
        (false, self.judge.judge())
    }
}

fn sample<'a>(
    report: &'a mut EdgeReport,
    id: u8,
    route: &str,
    kind: Kind,
    (generation, weight): (SplitGeneration, Weight),
) -> &'a mut Sample {
    let revision = digest(id);
    let known = report.samples.iter().position(|s| {
        s.revision == *revision
            && s.route == route
            && (s.warming, s.twin, s.chosen) == (kind.warming, kind.twin, kind.chosen)
    });
    let at = known.unwrap_or_else(|| {
        report.samples.push(Sample {
            service: service(),
            revision: revision.clone(),
            generation,
            weight,
            route: route.to_owned(),
            warming: kind.warming,
            twin: kind.twin,
            chosen: kind.chosen,
            outcomes: Outcomes::default(),
            latency: Histogram::default(),
        });
        report.samples.len() - 1
    });
    &mut report.samples[at]
}

pub(crate) fn failure(id: u8, route: &str, generation: SplitGeneration, client: u64, micros: u64) -> Failure {
    let revision = digest(id).clone();
    Failure {
        at: Timestamp(0),
        service: service(),
        instance: InstanceId::new(&service(), &revision, 1),
        revision,
        generation,
        route: route.to_owned(),
        method: "GET".to_owned(),
        path: "/".to_owned(),
        status: Some(500),
        kind: FailureKind::ServerError,
        micros,
        client,
        trace: None,
        shielded: false,
        warming: false,
        twin: None,
        chosen: false,
    }
}
