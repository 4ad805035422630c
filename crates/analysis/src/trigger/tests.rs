//! Whole rules against described worlds: each fires on its fault and stays silent on what only looks like it.

use std::time::Duration;

use staunch_model::{
    DependencyLook, DependencySpec, DependencyTarget, EdgeReport, Histogram, Metric, Outcomes, RolloutSpec,
    Sample, SharedFault, Signal, Timestamp, TriggerRule, bucket_of_micros,
};

use super::*;
use crate::fixture::{rollout_of, shop};

const SECOND: Duration = Duration::from_secs(1);

fn rule(signal: Signal, rollback: f64, sustain: u64) -> TriggerRule {
    TriggerRule {
        signal,
        warn: None,
        rollback: Some(rollback),
        sustain: Duration::from_secs(sustain),
        cooldown: 60 * SECOND,
    }
}

fn rollout(rule: TriggerRule) -> RolloutSpec {
    let mut spec = rollout_of(&shop());
    spec.triggers.rules = vec![rule];
    spec
}

/// What happens in one second.
#[derive(Debug, Clone, Default)]
struct Second {
    /// Requests and failed ones.
    canary: (u64, u64),
    stable: (u64, u64),
    micros: u64,
    facts: Facts,
}

fn sample(spec: &RolloutSpec, canary: bool, (all, failed): (u64, u64), micros: u64) -> Sample {
    let of = if canary { Some(&spec.to) } else { spec.from.as_ref() };
    Sample {
        service: spec.service.clone(),
        revision: of.map(|revision| revision.digest.clone()).unwrap(),
        generation: staunch_model::SplitGeneration(1),
        weight: staunch_model::Weight::ZERO,
        route: "GET /".to_owned(),
        warming: false,
        twin: None,
        chosen: false,
        outcomes: Outcomes { assigned: all, ok: all - failed, server_error: failed, ..Outcomes::default() },
        latency: Histogram(vec![(bucket_of_micros(micros), all)]),
    }
}

/// Everything that fired within so many seconds, with when.
fn run(rule: TriggerRule, seconds: i64, world: impl Fn(i64) -> Second) -> Vec<(i64, Firing)> {
    let spec = rollout(rule);
    let mut triggers = Triggers::new(&spec);
    let mut fired = vec![];
    for second in 0..seconds {
        let Second { canary, stable, micros, facts } = world(second);
        let samples = vec![sample(&spec, true, canary, micros), sample(&spec, false, stable, micros)];
        triggers.observe(&EdgeReport { samples, ..EdgeReport::default() });
        let firings = triggers.look(&facts, Timestamp(second * 1_000));
        fired.extend(firings.into_iter().map(|firing| (second, firing)));
        assert_eq!(triggers.fired().is_some(), fired.iter().any(|(_, f)| f.means == Means::Rollback));
    }
    fired
}

fn traffic(canary: (u64, u64), stable: (u64, u64)) -> Second {
    Second { canary, stable, micros: 1_000, ..Second::default() }
}

#[test]
fn an_error_rate_fires_after_its_time_with_its_numbers() {
    let error_rate = rule(Signal::ErrorRate { min_count: 20 }, 0.05, 30);
    let fired = run(error_rate, 120, |second| traffic((50, if second >= 20 { 10 } else { 0 }), (950, 0)));
    let (at, firing) = &fired[0];
    assert!((50..=60).contains(at), "{at}");
    assert_eq!((firing.code.name(), firing.means), ("trigger-threshold", Means::Rollback));
    assert!(
        firing.because.contains("20.0 % (") && firing.because.contains("above 5 % for 30 s"),
        "{firing:?}"
    );
}

#[test]
fn a_quantile_is_broken_by_many_slow_requests_and_not_by_one() {
    let p99 = || rule(Signal::Latency { metric: Metric::LatencyP99, min_count: 20 }, 2e6, 10);
    let slow =
        |second| Second { micros: if second >= 20 { 3_000_000 } else { 1_000 }, ..traffic((30, 0), (0, 0)) };
    assert!(!run(p99(), 60, slow).is_empty());
    let once =
        |second| Second { micros: if second == 20 { 3_000_000 } else { 1_000 }, ..traffic((3, 0), (0, 0)) };
    assert_eq!(run(p99(), 120, once), []);
}

fn spike(increase: f64) -> TriggerRule {
    rule(Signal::ErrorSpike { window: 60 * SECOND, min_count: 20 }, increase, 0)
}

#[test]
fn a_spike_is_one_against_stable() {
    let fired = run(spike(0.5), 120, |second| traffic((50, if second >= 20 { 5 } else { 0 }), (950, 5)));
    assert!(fired.first().is_some_and(|(at, _)| *at < 60), "{fired:?}");
    assert!(fired[0].1.because.contains("stable"), "{fired:?}");
}

#[test]
fn what_only_looks_like_a_spike_does_not_fire() {
    let rare = |second: i64| traffic(if second % 20 == 0 { (1, 1) } else { (0, 0) }, (50, 0));
    assert_eq!(run(spike(0.5), 900, rare), [], "every one of three requests a minute fails");
    let noisy = |second: i64| {
        let storm = second % 40 < 10;
        traffic((50, if storm { 20 } else { 1 }), (950, if storm { 380 } else { 19 }))
    };
    assert_eq!(run(spike(0.5), 900, noisy), [], "stable storms too");
    assert_eq!(run(spike(0.5), 900, |_| traffic((50, 50), (0, 0))), [], "nothing to compare with");
}

fn dependency(of_stable: bool, shared: SharedFault) -> TriggerRule {
    let target = DependencyTarget::Postgres { address: "127.0.0.1:5432".to_owned() };
    let spec = DependencySpec {
        name: "db".to_owned(),
        target,
        interval: SECOND,
        timeout: SECOND,
        fall: 3,
        shared,
        of_stable: Some(of_stable),
    };
    rule(Signal::Dependency(spec), 0.0, 10)
}

/// Down from second 60 on.
fn database(second: i64) -> Second {
    let row = u32::try_from(second - 59).unwrap_or(0);
    let look = DependencyLook {
        name: "db".to_owned(),
        looks: second as u64 + 1,
        failures_in_row: row,
        words: if row > 0 { "connection refused" } else { "answers" }.to_owned(),
    };
    let facts = Facts { dependencies: vec![look], ..Facts::default() };
    Second { facts, ..traffic((50, 0), (950, 0)) }
}

#[test]
fn a_dependency_of_the_new_version_alone_takes_it_back() {
    let fired = run(dependency(false, SharedFault::Page), 120, database);
    assert_eq!((fired[0].0, fired[0].1.means), (72, Means::Rollback));
    assert!(fired[0].1.because.contains("only the new version needs it"), "{fired:?}");
}

#[test]
fn a_shared_dependency_pages_once_per_cooldown_unless_told_otherwise() {
    let fired = run(dependency(true, SharedFault::Page), 220, database);
    let when: Vec<_> = fired.iter().map(|(at, firing)| (*at, firing.means)).collect();
    assert_eq!(
        when,
        [(72, Means::SharedDependency), (142, Means::SharedDependency), (212, Means::SharedDependency)]
    );
    assert!(fired[0].1.because.contains("shared: stable needs it too"), "{fired:?}");
    let told = run(dependency(true, SharedFault::Rollback), 120, database);
    assert_eq!(told[0].1.means, Means::Rollback);
}

#[test]
fn errors_of_stable_that_rise_with_it_make_a_dependency_shared() {
    let suffers =
        |second: i64| Second { stable: (950, if second >= 60 { 300 } else { 1 }), ..database(second) };
    let fired = run(dependency(false, SharedFault::Page), 120, suffers);
    assert_eq!(fired[0].1.means, Means::SharedDependency);
    assert!(fired[0].1.because.contains("stable's errors have risen"), "{fired:?}");
}

#[test]
fn a_probe_that_has_gone_silent_is_not_a_dependency_that_fails() {
    let stuck = |second: i64| {
        let mut seen = database(second);
        seen.facts.dependencies[0].looks = 5;
        seen.facts.dependencies[0].failures_in_row = 9;
        seen
    };
    assert_eq!(run(dependency(false, SharedFault::Page), 120, stuck), []);
}

fn fleet(cpu_ratio: f64, memory_bytes: u64) -> Fleet {
    Fleet { instances: vec![Usage { instance: "shop-2".to_owned(), cpu_ratio, memory_bytes }], exits: vec![] }
}

#[test]
fn resources_are_held_against_limits_and_against_stable() {
    let with = |new: Fleet, stable: Fleet| {
        move |second: i64| {
            let busy = second >= 20;
            let new = if busy { new.clone() } else { stable.clone() };
            Second {
                facts: Facts { new, stable: stable.clone(), ..Facts::default() },
                ..traffic((50, 0), (50, 0))
            }
        }
    };
    let (usual, greedy) = (fleet(0.3, 100_000_000), fleet(0.95, 300_000_000));
    let fires = |signal: Signal, limit: f64| {
        run(rule(signal, limit, 10), 60, with(greedy.clone(), usual.clone())).first().map(|(at, _)| *at)
    };
    assert_eq!(fires(Signal::Cpu, 0.9), Some(30));
    assert_eq!(fires(Signal::Cpu, 0.96), None);
    assert_eq!(fires(Signal::CpuVsStable, 0.5), Some(30));
    assert_eq!(fires(Signal::Memory, 2e8), Some(30));
    assert_eq!(fires(Signal::MemoryVsStable, 0.5), Some(30));
    assert_eq!(fires(Signal::MemoryVsStable, 2.5), None);
}

#[test]
fn more_cpu_for_more_traffic_is_no_fault() {
    let (busy, idle) = (fleet(0.8, 1), fleet(0.05, 1));
    let promoted = move |_: i64| Second {
        facts: Facts { new: busy.clone(), stable: idle.clone(), ..Facts::default() },
        ..traffic((950, 0), (50, 0))
    };
    assert_eq!(run(rule(Signal::CpuVsStable, 0.5, 10), 120, promoted), []);
}

#[test]
fn missing_instances_count_in_parts_of_what_is_needed() {
    let healthy = || rule(Signal::Healthy, 0.8, 10);
    let with =
        |ready| move |_: i64| Second { facts: Facts { ready, ..Facts::default() }, ..Second::default() };
    assert_eq!(run(healthy(), 60, with(Some((7, 10))))[0].0, 10);
    assert_eq!(run(healthy(), 60, with(Some((8, 10)))), []);
    assert_eq!(run(healthy(), 60, with(None)), []);
}

#[test]
fn ends_of_processes_are_counted_in_a_window_and_kills_for_memory_at_once() {
    let exit = |at: i64, out_of_memory| Ended {
        instance: "shop-2".to_owned(),
        at: Timestamp(at * 1_000),
        status: "killed by SIGKILL".to_owned(),
        out_of_memory,
    };
    let world = move |exits: Vec<Ended>| {
        move |second: i64| {
            let known = exits.iter().filter(|exit| exit.at <= Timestamp(second * 1_000)).cloned().collect();
            let new = Fleet { instances: vec![], exits: known };
            Second { facts: Facts { new, ..Facts::default() }, ..Second::default() }
        }
    };
    let restarts = || rule(Signal::Restarts { window: 60 * SECOND }, 1.0, 0);
    assert_eq!(run(restarts(), 200, world(vec![exit(10, false), exit(50, false)]))[0].0, 50);
    assert_eq!(run(restarts(), 200, world(vec![exit(10, false), exit(90, false)])), []);
    let oom = || rule(Signal::OutOfMemory, 0.0, 0);
    assert_eq!(run(oom(), 60, world(vec![exit(10, true)]))[0].1.code.name(), "trigger-out-of-memory");
    assert_eq!(run(oom(), 60, world(vec![exit(10, false)])), [], "killed, and not for want of memory");
}

#[test]
fn a_warning_tells_cools_down_and_takes_nothing_back() {
    let rule = TriggerRule { warn: Some(0.02), ..rule(Signal::ErrorRate { min_count: 20 }, 0.5, 10) };
    let fired = run(rule, 200, |_| traffic((50, 5), (0, 0)));
    assert!(fired.len() >= 2 && fired.iter().all(|(_, firing)| firing.means == Means::Warning), "{fired:?}");
    assert!(fired.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 70));
}

#[test]
fn the_state_survives_being_written_down() {
    let spec = rollout(rule(Signal::ErrorRate { min_count: 20 }, 0.05, 30));
    let mut triggers = Triggers::new(&spec);
    for second in 0..25 {
        let samples = vec![sample(&spec, true, (50, 10), 1_000)];
        triggers.observe(&EdgeReport { samples, ..EdgeReport::default() });
        triggers.look(&Facts::default(), Timestamp(second * 1_000));
    }
    let written = serde_json::to_string(&triggers).unwrap();
    let read: Triggers = serde_json::from_str(&written).unwrap();
    assert_eq!(read, triggers);
    assert!(matches!(read.readings()[0].state, TriggerState::Suspected { .. }), "{:?}", read.readings());
}
