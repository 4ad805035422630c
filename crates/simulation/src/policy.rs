//! What is tried: a service's gates, steps and settings, as the file gives them.

use std::collections::BTreeMap;
use std::time::Duration;

use staunch_model::{
    EvidenceSpec, GateLimit, GateSpec, HealthSpec, Metric, NoData, ProbeSpec, ProbeTarget, Revision,
    RevisionDigest, RolloutId, RolloutKind, RolloutSpec, RunSpec, ServiceName, ServiceSpec, Step, StopSpec,
    Strategy, Timestamp, TriggerSpec, Weight,
};

/// Everything of a service that decides how a rollout goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub service: ServiceName,
    pub strategy: Strategy,
    pub gates: Vec<GateSpec>,
    pub triggers: TriggerSpec,
    pub evidence: EvidenceSpec,
    pub replicas: u32,
    /// Users are kept on their side.
    pub sticky: bool,
    health: HealthSpec,
    stop: StopSpec,
}

impl From<&ServiceSpec> for Policy {
    fn from(spec: &ServiceSpec) -> Self {
        Self {
            service: spec.name.clone(),
            // The world has users, not copies, and none of them has a name: what is tried begins with the first step.
            strategy: Strategy { shadow: None, ..spec.strategy.clone() }.by_chance(),
            gates: spec.gates.clone(),
            triggers: spec.triggers.clone(),
            evidence: spec.evidence.clone(),
            replicas: spec.replicas,
            sticky: spec.edge.sticky.is_some(),
            health: spec.health.clone(),
            stop: spec.stop.clone(),
        }
    }
}

impl Policy {
    /// The rollout of the standard table: 5, 25, 50 % for at least ten seconds each, then everyone and a bake of ten
    /// seconds; a blast radius of half a percent, and latency at most a tenth above stable's. Else the defaults.
    pub fn standard(service: ServiceName) -> Self {
        let ten = Duration::from_secs(10);
        let long = Duration::from_secs(86_400);
        let probe = ProbeSpec { target: ProbeTarget::Tcp, interval: ten, timeout: ten, fall: 1, rise: 1 };
        Self {
            service,
            strategy: Strategy {
                steps: [500, 2_500, 5_000].into_iter().filter_map(|points| step(points, ten)).collect(),
                bake: ten,
                holdback: Weight::try_from(500).unwrap_or_default(),
                prepare_deadline: long,
                step_deadline: long,
                pause_deadline: long,
                ..Strategy::default()
            },
            gates: vec![
                GateSpec {
                    metric: Metric::ErrorRate,
                    limit: GateLimit::BlastRadius { share: 0.005 },
                    no_data: NoData::Hold,
                },
                GateSpec {
                    metric: Metric::LatencyP95,
                    limit: GateLimit::VsStableRatio { margin: 0.10 },
                    no_data: NoData::Hold,
                },
            ],
            triggers: TriggerSpec::default(),
            evidence: EvidenceSpec::default(),
            replicas: 2,
            sticky: false,
            health: HealthSpec { ready: probe, live: None, start_timeout: long },
            stop: StopSpec { grace: ten, drain: ten, ..StopSpec::default() },
        }
    }

    /// The same without going on: one share, held until the world ends, so that the evidence is looked at for ever.
    #[must_use]
    pub fn holding(mut self, share: Weight) -> Self {
        let long = Duration::from_secs(30 * 86_400);
        self.strategy.steps = vec![Step { weight: share, hold: long, pause: false }];
        self.strategy.step_deadline = 2 * long;
        self
    }

    /// The same with instances that need no warm-up.
    #[must_use]
    pub fn warmed_up(mut self) -> Self {
        self.evidence.warm_up = Duration::ZERO;
        self
    }

    /// The same with gates on errors alone.
    #[must_use]
    pub fn without_latency(mut self) -> Self {
        self.gates.retain(|gate| gate.metric == Metric::ErrorRate);
        self
    }

    /// The same with one gate: latency, by so much.
    #[must_use]
    pub fn latency_alone(mut self, margin: f64) -> Self {
        let limit = GateLimit::VsStableRatio { margin };
        self.gates = vec![GateSpec { metric: Metric::LatencyP95, limit, no_data: NoData::Hold }];
        self
    }

    #[must_use]
    pub fn with_replicas(mut self, replicas: u32) -> Self {
        self.replicas = replicas;
        self
    }

    /// The same for users who are kept on their side.
    #[must_use]
    pub fn sticky(mut self, sticky: bool) -> Self {
        self.sticky = sticky;
        self
    }

    /// Whether any gate asks about latency.
    pub(crate) fn needs_latency(&self) -> bool {
        self.gates.iter().any(|gate| gate.metric != Metric::ErrorRate)
    }

    /// The quantiles that gates name.
    pub(crate) fn quantiles(&self) -> Vec<f64> {
        self.gates.iter().filter_map(|gate| gate.metric.quantile()).collect()
    }

    /// Some gate takes a canary without data back, and says which data there is not.
    pub(crate) fn ends_on_silence(&self) -> bool {
        self.gates.iter().any(|gate| gate.no_data == NoData::Abort)
    }

    /// The canary's share when users first see it, 0 to 1.
    pub fn first_share(&self) -> f64 {
        self.strategy.steps.first().map_or(1.0, |step| step.weight.ratio())
    }

    /// How much slower than stable the canary may be before a latency gate speaks, the strictest of them.
    pub fn latency_margin(&self) -> Option<f64> {
        let margins = self.gates.iter().filter_map(|gate| match gate.limit {
            GateLimit::VsStableRatio { margin } => Some(margin),
            GateLimit::MaxRatio { .. }
            | GateLimit::MaxMicros { .. }
            | GateLimit::VsStablePoints { .. }
            | GateLimit::BlastRadius { .. } => None,
        });
        margins.min_by(f64::total_cmp)
    }

    pub(crate) fn rollout(&self) -> RolloutSpec {
        RolloutSpec {
            id: RolloutId(1),
            service: self.service.clone(),
            kind: RolloutKind::Canary,
            from: Some(self.revision(1)),
            to: self.revision(2),
            replicas: self.replicas.max(1),
            strategy: self.strategy.clone(),
            gauges: Vec::new(),
            gates: self.gates.clone(),
            triggers: self.triggers.clone(),
            evidence: self.evidence.clone(),
        }
    }

    /// Nothing is ever started from it: the simulation's instances have no process.
    fn revision(&self, number: u8) -> Revision {
        Revision {
            digest: RevisionDigest::from_sha256([number; 32]),
            service: self.service.clone(),
            label: format!("v{number}"),
            run: RunSpec {
                infra: None,
                command: Vec::new(),
                dir: String::new(),
                env: BTreeMap::new(),
                health: self.health.clone(),
                stop: self.stop.clone(),
            },
            files: Vec::new(),
            created: Timestamp(0),
        }
    }
}

/// `points` in hundredths of a percent.
fn step(points: u16, hold: Duration) -> Option<Step> {
    Weight::try_from(points).ok().map(|weight| Step { weight, hold, pause: false })
}
