//! What `plan` says a step will take is what whole simulated rollouts take, nine times in ten.

use std::time::Duration;

use staunch_analysis::{Outlook, canary_requests};
use staunch_model::{GateLimit, GateSpec, Metric, NoData, Step, Weight};
use staunch_simulation::{Policy, Progress, Simulation};

use super::{simulation, standard_policy};

const SEEDS: u64 = 300;

/// One step of 5 % without a hold, and one gate.
fn one_step(limit: GateLimit) -> Policy {
    let mut policy = standard_policy().warmed_up();
    let weight = Weight::percent(5.0).unwrap();
    policy.strategy.steps = vec![Step { weight, hold: Duration::ZERO, pause: false }];
    policy.gates = vec![GateSpec { metric: Metric::ErrorRate, limit, no_data: NoData::Hold }];
    policy
}

/// Share of the rollouts that were promoted within the foreseen time.
fn held(limit: GateLimit, rps: f64, errors: f64) -> f64 {
    let policy = one_step(limit);
    let outlook = Outlook { stable: errors, share: 0.05, next: 1.0, false_promotion: 0.05 };
    let needs = canary_requests(&policy.gates[0], outlook).unwrap();
    let world = format!("plain,rps={rps},errors={errors},canary-errors={errors}");
    let asked = Simulation { ..simulation(policy, &world, SEEDS) };
    let results = asked.run(2, &Progress::default()).unwrap();
    let per_second = rps * 0.05;
    // Requests come at random, looks grow apart with time, and a promotion is routed one look later.
    let slack = |secs: f64| 0.5 + 0.05 * secs + 1.0 / per_second;
    let within = results.runs.iter().filter_map(|run| run.full_secs).filter(|&took| {
        let (low, high) =
            (needs.low as f64 / per_second, needs.high.map_or(f64::MAX, |high| high as f64 / per_second));
        took + slack(took) >= low && took <= high + slack(took)
    });
    within.count() as f64 / SEEDS as f64
}

#[test]
fn steps_take_as_long_as_planned() {
    for (limit, rps, errors) in [
        (GateLimit::BlastRadius { share: 0.02 }, 1_000.0, 0.001),
        (GateLimit::BlastRadius { share: 0.02 }, 200.0, 0.01),
        (GateLimit::MaxRatio { max: 0.02 }, 1_000.0, 0.004),
    ] {
        let share = held(limit, rps, errors);
        assert!((0.85..=1.0).contains(&share), "{share} of {limit:?} at {rps}/s with {errors}");
    }
}
