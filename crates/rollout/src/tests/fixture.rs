//! Revisions, specs and judgements with small numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use staunch_analysis::{CohortReading, Finding, GateReading, Judgement, Outcome, ShadowReading, Verdict};
use staunch_model::{
    EvidenceSpec, FileHash, GateLimit, GateSpec, HealthSpec, Metric, MirrorSpec, NoData, ProbeSpec,
    ProbeTarget, RequestPart, Revision, RevisionDigest, RolloutId, RolloutKind, RolloutSpec, RunSpec,
    ServiceName, ShadowCounts, ShadowSpec, ShadowThen, SplitGeneration, Step, StopSpec, Strategy, Timestamp,
    TriggerSpec, Weight, WhoRule, WhoSpec,
};

pub(super) const START: Timestamp = Timestamp(1_000_000);
pub(super) const PREPARE: Duration = Duration::from_secs(5);
pub(super) const STEP: Duration = Duration::from_secs(8);
pub(super) const PAUSE: Duration = Duration::from_secs(12);
pub(super) const BAKE: Duration = Duration::from_secs(2);
pub(super) const HOLD: Duration = Duration::from_millis(300);
pub(super) const DRAIN: Duration = Duration::from_secs(1);
pub(super) const UNREADY: Duration = Duration::from_secs(3);

pub(super) fn name() -> ServiceName {
    ServiceName::try_from("shop".to_owned()).unwrap()
}

pub(super) fn percent(percent: f64) -> Weight {
    Weight::percent(percent).unwrap()
}

/// `v1`, `v2`, …: each with its own digest.
pub(super) fn revision(number: u8) -> Revision {
    let target = ProbeTarget::Http { path: "/healthz".to_owned() };
    let probe = ProbeSpec { target, interval: HOLD, timeout: HOLD, fall: 3, rise: 1 };
    let run = RunSpec {
        infra: None,
        command: vec!["./shop".to_owned(), number.to_string()],
        dir: "/srv/shop".to_owned(),
        env: BTreeMap::new(),
        health: HealthSpec { ready: probe, live: None, start_timeout: PREPARE },
        stop: StopSpec { grace: DRAIN, drain: DRAIN, ..StopSpec::default() },
    };
    Revision {
        digest: RevisionDigest::from_sha256([number; 32]),
        service: name(),
        label: format!("v{number}"),
        run,
        files: vec![FileHash { path: "shop".to_owned(), sha256: format!("{number}") }],
        created: START,
    }
}

/// Four instances, steps 5, 25 and 50 %, one gate on the error rate.
pub(super) fn spec(id: u64, kind: RolloutKind, from: Option<u8>, to: u8) -> RolloutSpec {
    let step = |share| Step { weight: percent(share), hold: HOLD, pause: false };
    RolloutSpec {
        id: RolloutId(id),
        service: name(),
        kind,
        from: from.map(revision),
        to: revision(to),
        replicas: 4,
        strategy: Strategy {
            steps: vec![step(5.0), step(25.0), step(50.0)],
            bake: BAKE,
            prepare_deadline: PREPARE,
            step_deadline: STEP,
            pause_deadline: PAUSE,
            ..Strategy::default()
        },
        gates: vec![GateSpec {
            metric: Metric::ErrorRate,
            limit: GateLimit::MaxRatio { max: 0.01 },
            no_data: NoData::Hold,
        }],
        gauges: vec![],
        triggers: TriggerSpec {
            unready_for: UNREADY,
            memory_bytes: Some(1_000_000_000),
            ..TriggerSpec::default()
        },
        evidence: EvidenceSpec {
            false_rollback: 0.05,
            false_promotion: 0.05,
            warm_up: Duration::ZERO,
            warm_up_requests: 0,
            ..EvidenceSpec::default()
        },
    }
}

/// What the analysis says in a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Say {
    /// The source is silent: there is no judgement at all.
    Nothing,
    Pass,
    /// A pass earned under an earlier split.
    StalePass,
    Fail,
    /// A failure carried on from an earlier split.
    StaleFail,
    Harm,
    Undecided,
    NoData(NoData),
    /// Passing gates, but stable breaks the limit too.
    Finding,
}

impl Say {
    pub(super) const ALL: [Self; 10] = [
        Self::Nothing,
        Self::Pass,
        Self::StalePass,
        Self::Fail,
        Self::StaleFail,
        Self::Harm,
        Self::Undecided,
        Self::NoData(NoData::Hold),
        Self::NoData(NoData::Abort),
        Self::Finding,
    ];

    /// What was sent by name, whether or not anything is.
    fn cohort(self) -> CohortReading {
        let requests = if matches!(self, Self::NoData(_)) { 0 } else { 30 };
        let failed = if self.outcome() == Outcome::Fail { requests } else { 0 };
        CohortReading { requests, failed, assigned: requests, surplus: 0, all: 900, most: percent(20.0) }
    }

    fn outcome(self) -> Outcome {
        match self {
            Self::Pass | Self::StalePass | Self::Finding => Outcome::Pass,
            Self::Fail | Self::StaleFail => Outcome::Fail,
            Self::Nothing | Self::Harm | Self::Undecided => Outcome::Undecided,
            Self::NoData(_) => Outcome::NoData,
        }
    }

    /// The judgement while `present` is the split's generation.
    pub(super) fn judgement(self, present: SplitGeneration) -> Option<Judgement> {
        let stale = matches!(self, Self::StalePass | Self::StaleFail);
        let under = if stale { SplitGeneration(present.0.saturating_sub(1)) } else { present };
        let no_data = if let Self::NoData(means) = self { means } else { NoData::Hold };
        let finding =
            Finding::StableIsBadToo { gate: "error-rate".to_owned(), because: "stable 7 %".to_owned() };
        (self != Self::Nothing).then(|| Judgement {
            under,
            gates: vec![reading(self.outcome(), under, no_data)],
            harm: (self == Self::Harm).then(|| "9 of 10 requests failed".to_owned()),
            findings: if self == Self::Finding { vec![finding] } else { vec![] },
            log_e_harm: 5.0,
            harm_limit: 4.6,
            sources: vec![],
            carried: false,
            confidence: 50.0,
            requests_now: if matches!(self, Self::NoData(_)) { 0 } else { 100 },
            requests_total: 100,
            failed_total: 6,
            warming: false,
            shadow: Some(shadow_reading(self.outcome())),
            cohort: Some(self.cohort()),
        })
    }
}

/// Users who get the new revision by a header, a fifth of all at most; `alone` for a while before the first step.
pub(super) fn by_name(strategy: &mut Strategy, alone: bool) {
    let (part, name) = (RequestPart::Header, "x-beta".to_owned());
    let rules = vec![WhoRule { part, name, values: vec![] }];
    strategy.who = Some(WhoSpec { rules, allow: None, most: percent(20.0), requests: 10 });
    if alone {
        strategy.steps.insert(0, Step { weight: Weight::ZERO, hold: HOLD, pause: false });
    }
}

/// A stage before the steps, in which half of the requests are copied.
pub(super) fn shadow(then: ShadowThen) -> ShadowSpec {
    let mirror = MirrorSpec {
        share: percent(50.0),
        methods: ["GET".to_owned()].into(),
        headers: vec![],
        ignore: vec![],
        max_body: 1_000,
        concurrency: 8,
    };
    ShadowSpec {
        mirror,
        hold: HOLD,
        requests: 10,
        max_differences: 0.01,
        max_errors: 0.01,
        max_slower: 0.5,
        then,
    }
}

fn shadow_reading(outcome: Outcome) -> ShadowReading {
    ShadowReading {
        outcome,
        because: "12 of 95 answers differ".to_owned(),
        counts: ShadowCounts { pairs: 95, different: 12, ..ShadowCounts::default() },
        timed: 20,
        slower: 3,
        tests: vec![],
        log_e_harm: 4.65,
        harm_limit: 4.605_170_185_988_091,
        needs: Some(40),
        volatile: vec![],
        examples: vec![],
    }
}

fn reading(outcome: Outcome, under: SplitGeneration, no_data: NoData) -> GateReading {
    GateReading {
        gate: "error-rate".to_owned(),
        verdict: Verdict { outcome, because: "canary 6.32 % (6 of 95), limit 1 %".to_owned(), under },
        no_data,
        severity: None,
        canary: None,
        stable: None,
        bounds: None,
        limit: "1 %".to_owned(),
        allowed: Some(0.01),
        log_e_harm: 4.65,
        log_e_pass: 0.0,
        harm_limit: 4.605_170_185_988_091,
        pass_limit: 3.0,
        needs: Some(40),
    }
}
