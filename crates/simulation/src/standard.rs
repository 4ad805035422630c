//! The standard table: one policy against every world that a claim is made about, and whether the claim holds.

use serde::{Deserialize, Serialize};
use staunch_model::{ServiceName, Weight};

use crate::looks::Looks;
use crate::many::Progress;
use crate::policy::Policy;
use crate::presets::{ALIKE, preset};
use crate::trial::{Simulation, SimulationError, Summary};
use crate::world::{World, WorldError};

/// What a row of the table is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// An hour of continuous looking at two versions that are alike, 5 % on the canary.
    Alike,
    /// A fault, 5 % on the canary, instances warm: how soon it is found.
    Delay,
    /// A bad release through all steps, with the default warm-up: what users bear.
    Bad,
    /// A good release through all steps: how soon everyone has it.
    Good,
}

/// One claim.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    FalseRollbacks,
    /// The median (mean) delay as a multiple of the information bound.
    MedianOverBound,
    MeanOverBound,
    MeanExcess,
    P95Excess,
    /// Median seconds until the promotion was routed.
    MedianFull,
}

/// A target and the most it may be.
type Claim = (Target, f64);

/// One claim and what was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Check {
    pub target: Target,
    pub most: f64,
    /// `None` when there was nothing to measure: not held.
    pub value: Option<f64>,
    pub held: bool,
}

/// One line of the table before it is simulated.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    pub part: Part,
    /// In what the policy differs from the defaults.
    pub setting: &'static str,
    pub simulation: Simulation,
    targets: Vec<Claim>,
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Row {
    pub part: Part,
    /// In what the policy differs from the defaults.
    pub setting: String,
    pub summary: Summary,
    pub checks: Vec<Check>,
}

impl Case {
    pub fn run(&self, workers: usize, progress: &Progress) -> Result<Row, SimulationError> {
        let summary = self.simulation.run(workers, progress)?.summary;
        let checks = self.targets.iter().map(|(target, most)| target.check(*most, &summary)).collect();
        Ok(Row { part: self.part, setting: self.setting.to_owned(), summary, checks })
    }
}

impl Row {
    pub fn held(&self) -> bool {
        self.checks.iter().all(|check| check.held)
    }
}

impl Target {
    fn check(self, most: f64, summary: &Summary) -> Check {
        let value = self.value(summary);
        Check { target: self, most, value, held: value.is_some_and(|value| value <= most) }
    }

    fn value(self, summary: &Summary) -> Option<f64> {
        let bound = summary.bound_secs;
        match self {
            Self::FalseRollbacks => Some(summary.false_rollbacks.value()),
            Self::MedianOverBound => Some(summary.delay_secs?.median / bound?),
            Self::MeanOverBound => Some(summary.delay_secs?.mean / bound?),
            Self::MeanExcess => Some(summary.excess_failures?.mean),
            Self::P95Excess => Some(summary.excess_failures?.p95),
            Self::MedianFull => Some(summary.full_secs?.median),
        }
    }
}

/// Faults, requests per second, and the claims about their delay.
const ERRORS: [Claim; 2] = [(Target::MedianOverBound, 1.25), (Target::MeanOverBound, 1.45)];
const LATENCY: [Claim; 1] = [(Target::MedianOverBound, 1.5)];
const LATE: [Claim; 1] = [(Target::MedianOverBound, 2.5)];
type Delay = (&'static str, f64, &'static str, &'static [Claim]);
/// A claim about one kind of fault is made of the gate that asks about it; beside it, what the usual two gates do.
const DELAYS: [Delay; 15] = [
    ("errors-0.1-to-1", 100.0, ERRORS_ALONE, &ERRORS),
    ("errors-0.1-to-1", 1_000.0, ERRORS_ALONE, &ERRORS),
    ("errors-1-to-5", 100.0, ERRORS_ALONE, &ERRORS),
    ("errors-1-to-5", 1_000.0, ERRORS_ALONE, &ERRORS),
    ("late-fault", 100.0, ERRORS_ALONE, &LATE),
    ("slower-20", 100.0, LATENCY_ALONE, &LATENCY),
    ("slower-20", 1_000.0, LATENCY_ALONE, &LATENCY),
    ("errors-0.1-to-1", 1_000.0, USUAL, &[]),
    ("errors-1-to-5", 1_000.0, USUAL, &[]),
    ("errors-0.1-to-50", 1_000.0, USUAL, &[]),
    ("slower-20", 1_000.0, USUAL, &[]),
    ("slower-100", 1_000.0, USUAL, &[]),
    ("tail", 1_000.0, USUAL, &[]),
    ("late-fault", 100.0, USUAL, &[]),
    ("late-fault", 1_000.0, USUAL, &[]),
];
const ERRORS_ALONE: &str = "blast radius alone";
const LATENCY_ALONE: &str = "latency +5 % alone";
const USUAL: &str = "";
const EXCESS: [Claim; 2] = [(Target::MeanExcess, 6.5), (Target::P95Excess, 15.0)];
const BAD: [&str; 3] = ["errors-0.1-to-1", "errors-1-to-5", "errors-0.1-to-50"];
const RATES: [f64; 2] = [100.0, 1_000.0];
/// A good release is with everyone within so many seconds, by the rates above.
const FULL: [f64; 2] = [90.0, 45.0];
const FALSE_ROLLBACKS: f64 = 0.01;

/// What the claims about whole rollouts are measured with, beside the defaults.
const BARE: &str = "blast radius alone, instances warm";

/// Every line of the table, in the order in which it is shown.
pub fn standard(service: &ServiceName, seeds: u64, looks: Looks) -> Result<Vec<Case>, WorldError> {
    let table = Table { ramp: Policy::standard(service.clone()), seeds, looks };
    let mut cases = table.alike();
    cases.extend(table.delays()?);
    let bare = table.ramp.clone().warmed_up().without_latency();
    cases.extend(table.bad(BARE, &bare, true)?);
    cases.extend(table.bad(USUAL, &table.ramp, false)?);
    cases.extend(table.good(BARE, &bare, true));
    cases.extend(table.good(USUAL, &table.ramp, false));
    Ok(cases)
}

/// What all lines have in common.
struct Table {
    ramp: Policy,
    seeds: u64,
    looks: Looks,
}

impl Table {
    fn case(&self, part: Part, policy: &Policy, world: World, targets: &[Claim]) -> Case {
        let compare = matches!(part, Part::Alike | Part::Delay);
        let simulation =
            Simulation { policy: policy.clone(), world, looks: self.looks, seeds: self.seeds, compare };
        Case { part, setting: "", simulation, targets: targets.to_vec() }
    }

    /// 5 %, held.
    fn hold(&self) -> Policy {
        self.ramp.clone().holding(Weight::try_from(500).unwrap_or_default())
    }

    fn alike(&self) -> Vec<Case> {
        let worlds =
            RATES.iter().flat_map(|rps| ALIKE.iter().map(|preset| World { rps: *rps, ..preset.world() }));
        let case = |world: World| {
            // Who fails in bursts is a user with a session, and sessions are kept on their side.
            let policy = self.hold().sticky(world.burst > 1.0);
            // 5 % of forty instances are two: one instance alone is a sample of one.
            let policy = if world.instances_sd > 0.0 { policy.with_replicas(40) } else { policy };
            self.case(Part::Alike, &policy, world, &[(Target::FalseRollbacks, FALSE_ROLLBACKS)])
        };
        worlds.map(case).collect()
    }

    fn delays(&self) -> Result<Vec<Case>, WorldError> {
        let warm = self.hold().warmed_up();
        let case = |(name, rps, setting, targets): &Delay| {
            let world = World { rps: *rps, ..preset(name)? };
            let policy = match *setting {
                ERRORS_ALONE => warm.clone().without_latency(),
                LATENCY_ALONE => warm.clone().latency_alone(0.05),
                _ => warm.clone(),
            };
            Ok(Case { setting, ..self.case(Part::Delay, &policy, world, targets) })
        };
        DELAYS.iter().map(case).collect()
    }

    /// `claims`: what is measured is what is claimed.
    fn bad(&self, setting: &'static str, policy: &Policy, claims: bool) -> Result<Vec<Case>, WorldError> {
        let claims: &[Claim] = if claims { &EXCESS } else { &[] };
        let worlds = RATES.iter().flat_map(|rps| BAD.iter().map(move |name| (*rps, *name)));
        let case = |(rps, name)| {
            let world = World { rps, ..preset(name)? };
            Ok(Case { setting, ..self.case(Part::Bad, policy, world, claims) })
        };
        worlds.map(case).collect()
    }

    fn good(&self, setting: &'static str, policy: &Policy, claims: bool) -> Vec<Case> {
        let case = |(rps, full)| {
            let world = World { rps, ..World::default() };
            let claim = [(Target::MedianFull, full)];
            let claims: &[Claim] = if claims { &claim } else { &[] };
            Case { setting, ..self.case(Part::Good, policy, world, claims) }
        };
        RATES.into_iter().zip(FULL).map(case).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_claim_has_its_line() {
        let name = ServiceName::try_from("shop".to_owned()).unwrap();
        let cases = standard(&name, 1, Looks::fine()).unwrap();
        let count = |part| cases.iter().filter(|case| case.part == part).count();
        assert_eq!([Part::Alike, Part::Delay, Part::Bad, Part::Good].map(count), [14, 15, 12, 4]);
        for case in &cases {
            let fault = case.simulation.world.has_fault();
            assert_eq!(fault, matches!(case.part, Part::Delay | Part::Bad), "{}", case.simulation.world.name);
        }
    }

    #[test]
    fn what_was_not_measured_is_not_held() {
        let name = ServiceName::try_from("shop".to_owned()).unwrap();
        let cases = standard(&name, 0, Looks::fine()).unwrap();
        let claimed = cases.iter().rfind(|case| !case.targets.is_empty());
        let row = claimed.unwrap().run(1, &Progress::default()).unwrap();
        assert_eq!((row.checks[0].value, row.held()), (None, false));
    }
}
