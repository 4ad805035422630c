//! The verdict comes within the shown range nine times in ten.

use staunch_evidence::{
    Counts, LatencyShares, NonInferiority, OneSample, RankComparison, RateRatio, Traffic, VerdictRange,
    log_normal_shares,
};

use crate::simulated::Chance;

const ALARM: f64 = 4.605;
const PASS: f64 = 2.996;
const RUNS: usize = 400;

fn percent(p_stable: f64, p_canary: f64, share: f64) -> Traffic {
    Traffic { p_stable: p_stable / 100.0, p_canary: p_canary / 100.0, share }
}

/// Of so many requests the canary gets its share by chance, and each fails by chance.
fn look(chance: &mut Chance, traffic: Traffic, requests: usize) -> (Counts, Counts) {
    let (mut canary, mut stable) = ((0, 0), (0, 0));
    for _ in 0..requests {
        let is_canary = chance.unit() < traffic.share;
        let (arm, rate) =
            if is_canary { (&mut canary, traffic.p_canary) } else { (&mut stable, traffic.p_stable) };
        arm.0 += 1;
        arm.1 += u64::from(chance.unit() < rate);
    }
    (Counts::new(canary.0, canary.1), Counts::new(stable.0, stable.1))
}

/// The real process in looks of `size` requests; asserts how many of the runs decide within the range.
fn assert_nine_in_ten<P>(range: VerdictRange, traffic: Traffic, size: usize, process: impl Fn() -> P)
where
    P: FnMut(Counts, Counts) -> bool,
{
    let mut chance = Chance(99);
    let mut decided_after = || {
        let (mut decides, mut requests) = (process(), 0);
        let mut open = (Counts::default(), Counts::default());
        while (requests as f64) < 2.0 * range.high {
            let (canary, stable) = look(&mut chance, traffic, size);
            requests += canary.attempts();
            open = (open.0.plus(canary), open.1.plus(stable));
            if open.0.is_empty() || open.1.is_empty() {
                continue;
            }
            if decides(open.0, open.1) {
                break;
            }
            open = Default::default();
        }
        requests as f64
    };
    let within = (0..RUNS).filter(|_| (range.low..=range.high).contains(&decided_after())).count();
    let part = within as f64 / RUNS as f64;
    assert!((0.85..=0.97).contains(&part), "{part} within {range:?} at {traffic:?}");
}

fn harm(process: &RateRatio) -> impl FnMut(Counts, Counts) -> bool + use<> {
    let (mut process, mut looks) = (process.clone(), 0);
    move |canary, stable| {
        process.observe(canary, stable);
        looks += 1;
        // A minute of looks.
        if looks % 600 == 0 {
            process.restart();
        }
        process.log_e() >= ALARM
    }
}

fn margin(process: &NonInferiority) -> impl FnMut(Counts, Counts) -> bool + use<> {
    let mut process = process.clone();
    move |canary, stable| {
        process.observe(canary, stable);
        process.log_e() >= PASS
    }
}

#[test]
fn harm_against_stable() {
    let fresh = RateRatio::with_restarts(1.0);
    for (p_b, p_c, w) in
        [(0.1, 1.0, 0.05), (1.0, 5.0, 0.05), (1.0, 2.0, 0.5), (0.1, 20.0, 0.05), (5.0, 15.0, 0.2)]
    {
        let traffic = percent(p_b, p_c, w);
        let range = fresh.forecast(traffic, ALARM).expect("a difference");
        assert_nine_in_ten(range, traffic, 20, || harm(&fresh));
    }
}

#[test]
fn within_the_margin() {
    let cases = [
        (0.1, 0.1, 0.05, 2.0),
        (1.0, 1.0, 0.25, 1.0),
        (0.1, 0.1, 0.5, 0.5),
        (5.0, 5.0, 0.5, 2.0),
        (1.0, 1.5, 0.25, 2.0),
    ];
    for (p_b, p_c, w, points) in cases {
        let (traffic, fresh) = (percent(p_b, p_c, w), NonInferiority::new(points / 100.0));
        let range = fresh.forecast(traffic, PASS).expect("within the margin");
        assert_nine_in_ten(range, traffic, 20, || margin(&fresh));
    }
}

#[test]
fn above_and_below_a_limit() {
    // Rates at which a run without any failure is rare: such runs all end with the same request.
    for (limit, rate) in [(1.0, 2.0), (1.0, 10.0), (20.0, 60.0), (1.0, 0.4), (5.0, 3.0), (0.5, 0.25)] {
        let (traffic, limit) = (percent(0.0, rate, 0.5), limit / 100.0);
        let above = traffic.p_canary > limit;
        let (fresh, level) =
            if above { (OneSample::harm(limit), ALARM) } else { (OneSample::pass(limit), PASS) };
        let range = fresh.forecast(traffic.p_canary, level).expect("the rate is not the limit");
        assert_nine_in_ten(range, traffic, 4, || {
            let mut process = fresh.clone();
            move |canary, _| {
                process.observe(canary);
                process.log_e() >= level
            }
        });
    }
}

#[test]
fn what_is_left_while_it_runs() {
    let traffic = percent(1.0, 5.0, 0.05);
    let mut running = RateRatio::with_restarts(1.0);
    running.observe(Counts::new(50, 2), Counts::new(950, 9));
    let range = running.forecast(traffic, ALARM).expect("a difference");
    assert_nine_in_ten(range, traffic, 20, || harm(&running));

    let traffic = percent(1.0, 1.0, 0.25);
    let mut running = NonInferiority::new(0.01);
    running.observe(Counts::new(300, 3), Counts::new(900, 9));
    running.observe(Counts::new(300, 3), Counts::new(900, 9));
    let range = running.forecast(traffic, PASS).expect("within the margin");
    assert_nine_in_ten(range, traffic, 20, || margin(&running));
}

#[test]
fn what_has_been_decided_needs_no_more() {
    let mut decided = OneSample::harm(0.01);
    decided.observe(Counts::new(100, 50));
    let range = decided.forecast(0.5, ALARM).expect("decided");
    assert_eq!((range.low, range.median, range.high), (0.0, 0.0, 0.0));
}

#[test]
fn what_will_not_be_decided_has_no_range() {
    let ratio = RateRatio::with_restarts(1.0);
    for traffic in [
        percent(1.0, 1.0, 0.05),
        percent(1.0, f64::NAN, 0.05),
        percent(f64::NAN, 1.0, 0.05),
        percent(1.0, 50.0, 0.0),
        percent(1.0, 50.0, 1.0),
        percent(1.0, 500.0, 0.5),
        percent(1.0, 1.000_001, 0.5),
    ] {
        assert_eq!(ratio.forecast(traffic, ALARM), None, "{traffic:?}");
    }
    assert_eq!(NonInferiority::new(0.01).forecast(percent(1.0, 2.0, 0.05), PASS), None);
    for rate in [0.01, f64::NAN] {
        assert_eq!(OneSample::harm(0.01).forecast(rate, ALARM), None);
        assert_eq!(OneSample::pass(0.01).forecast(rate, PASS), None);
    }
}

#[test]
fn at_no_traffic_it_takes_for_ever() {
    let range = OneSample::pass(0.01).forecast(0.0, PASS).expect("a clean canary passes");
    assert_eq!(range.seconds(0.0).low, f64::INFINITY);
    assert!((range.seconds(5.0).median - range.median / 5.0).abs() < 1e-9);
}

/// Log-normal latencies on bins of 10 %, the canary's logarithms `shift` of their deviations greater; requests of the
/// canary until a verdict.
fn latency_verdict(chance: &mut Chance, shift: f64, share: f64, passes: bool, most: f64) -> f64 {
    let mut process = RankComparison::new(96);
    let mut requests = 0.0;
    let decided = |process: &RankComparison| {
        if passes { process.log_e_pass() >= PASS } else { process.log_e_harm() >= ALARM }
    };
    while requests < most && !decided(&process) {
        let (mut canary, mut stable) = (Vec::new(), Vec::new());
        for _ in 0..40 {
            let is_canary = chance.unit() < share;
            let deviations = chance.normal() + if is_canary { shift } else { 0.0 };
            let bin = (48.0 + 6.0 * deviations).clamp(0.0, 95.0) as u16;
            if is_canary { canary.push((bin, 1)) } else { stable.push((bin, 1)) }
        }
        requests += canary.len() as f64;
        process.observe(share, &canary, &stable, true);
    }
    requests
}

#[test]
fn slower_and_not_slower() {
    for (shift, share) in [(0.3, 0.05), (0.9, 0.05), (0.3, 0.5), (-0.3, 0.05), (-0.3, 0.5)] {
        let (canary, stable) = (log_normal_shares(shift), log_normal_shares(0.0));
        let latency = LatencyShares { canary: &canary, stable: &stable };
        let fresh = RankComparison::new(12);
        let range = if shift > 0.0 {
            fresh.forecast_harm(latency, share, ALARM)
        } else {
            fresh.forecast_pass(latency, share, PASS)
        };
        let range = range.expect("a shift");
        let mut chance = Chance(5);
        let runs = 200;
        let within = (0..runs).filter(|_| {
            let requests = latency_verdict(&mut chance, shift, share, shift < 0.0, 2.0 * range.high);
            (range.low..=range.high).contains(&requests)
        });
        let part = within.count() as f64 / f64::from(runs);
        // So large a shift is found while stable is still being learnt, which takes a few requests more or less.
        let least = if shift > 0.5 { 0.8 } else { 0.85 };
        assert!((least..=0.98).contains(&part), "{part} within {range:?} at {shift} {share}");
    }
}

#[test]
fn equal_latencies_are_never_told_apart() {
    let shares = log_normal_shares(0.0);
    let latency = LatencyShares { canary: &shares, stable: &shares };
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert_eq!(RankComparison::new(12).forecast_harm(latency, 0.05, ALARM), None);
    let nothing = LatencyShares { canary: &[], stable: &[] };
    assert_eq!(RankComparison::new(12).forecast_pass(nothing, 0.05, ALARM), None);
    let broken = LatencyShares { canary: &[f64::NAN, 2.0], stable: &[-1.0, f64::INFINITY] };
    assert_eq!(RankComparison::new(12).forecast_harm(broken, 0.05, ALARM), None);
}
