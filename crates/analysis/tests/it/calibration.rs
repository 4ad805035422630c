//! How often the whole judge errs, over many seeded rollouts. A suite of its own: `-- --ignored`.

use std::time::Duration;

use staunch_analysis::Hearing;
use staunch_model::{EdgeReport, Metric};

use crate::world::{World, digest, error_limit, error_margin, latency_margin, spec};

const ROLLOUTS: u64 = 100;
const SECONDS: u64 = 600;

fn world(seed: u64, rate: f64) -> World {
    let gates = vec![error_limit(0.02), error_margin(0.005), latency_margin(Metric::LatencyP95, 0.1)];
    let mut world = World::new(seed, gates, rate, rate);
    world.per_second = 100;
    world.every = Duration::from_secs(1);
    world
}

/// Share of rollouts that were rolled back at any time, though both versions are the same: harm once decided stays.
fn blamed(seed: u64, rate: f64, day: impl Fn(&mut World, u64)) -> f64 {
    let blamed = (0..ROLLOUTS).filter(|at| {
        let mut world = world(seed + at, rate);
        for second in 0..SECONDS {
            day(&mut world, second);
            world.step();
        }
        world.judge.judge().failed().is_some()
    });
    blamed.count() as f64 / ROLLOUTS as f64
}

#[test]
#[ignore = "minutes of simulation"]
fn quiet_days_blame_nobody() {
    for (seed, rate) in [(10_000, 0.001), (20_000, 0.01)] {
        let share = blamed(seed, rate, |_, _| {});
        assert!(share <= 0.02, "{share} at {rate}");
    }
}

#[test]
#[ignore = "minutes of simulation"]
fn shared_outages_blame_nobody() {
    let share = blamed(30_000, 0.002, |world, second| {
        let rate = if second % 300 < 30 { 0.2 } else { 0.002 };
        world.canary.fails = rate;
        world.stable.fails = rate;
    });
    assert!(share <= 0.02, "{share}");
}

#[test]
#[ignore = "minutes of simulation"]
fn rising_weights_blame_nobody() {
    let share = blamed(40_000, 0.01, |world, second| {
        if second > 0 && second % 200 == 0 {
            world.shift([5.0, 25.0, 50.0, 75.0][(second / 200 % 4) as usize]);
        }
    });
    assert!(share <= 0.02, "{share}");
}

#[test]
#[ignore = "minutes of simulation"]
fn sticky_clients_that_fail_in_bursts_blame_nobody() {
    let gates = || vec![error_limit(0.05), error_margin(0.01)];
    let blamed = (0..ROLLOUTS).filter(|at| {
        let mut world = world(50_000 + at, 0.0005);
        world.judge = Hearing::new(&spec(gates()), true);
        world.judge.enter_split(world.split, world.weight);
        for _ in 0..SECONDS {
            let report = with_bursts(&mut world);
            world.take(&report);
        }
        world.judge.judge().failed().is_some()
    });
    let share = blamed.count() as f64 / ROLLOUTS as f64;
    assert!(share <= 0.02, "{share}");
}

/// Each failing client fails four times more in the same second.
fn with_bursts(world: &mut World) -> EdgeReport {
    let mut report = world.report();
    for failure in report.failures.clone() {
        let id = if failure.revision == *digest(2) { 2 } else { 1 };
        for _ in 0..4 {
            world.add(&mut report, id, &failure.route, true, failure.micros);
            report.failures.last_mut().unwrap().client = failure.client;
        }
    }
    report
}

#[test]
#[ignore = "minutes of simulation"]
fn versions_at_the_limit_rarely_pass() {
    for canary in [(error_limit(0.01), 0.01), (error_margin(0.01), 0.012)] {
        let passed = (0..ROLLOUTS).filter(|at| {
            let mut world = World::new(60_000 + at, vec![canary.0.clone()], canary.1, 0.002);
            (world.per_second, world.every) = (100, Duration::from_secs(1));
            world.shift(25.0);
            (0..SECONDS).any(|_| {
                world.step();
                // The harm side would end it before: what is asked here is the pass side alone.
                let gate = &world.judge.judge().gates[0];
                gate.log_e_pass >= gate.pass_limit
            })
        });
        let share = passed.count() as f64 / ROLLOUTS as f64;
        assert!(share <= 0.07, "{share} with {:?}", canary.0);
    }
}
