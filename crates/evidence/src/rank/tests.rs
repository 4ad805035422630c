use super::*;
use crate::math::exp;

const BINS: usize = 8;

fn warmed(baseline: &[u64; BINS]) -> RankComparison {
    let mut test = RankComparison::new(BINS as u16);
    let stable: Vec<(u16, u64)> = (0..).zip(baseline.iter().copied()).collect();
    test.observe(0.5, &[], &stable, true);
    test
}

/// Exact expectations of harm and pass after one request whose bins follow `canary` and `stable`.
fn expectations(test: &RankComparison, w: f64, canary: &[f64; BINS], stable: &[f64; BINS]) -> (f64, f64) {
    let mut sums = (0.0, 0.0);
    for bin in 0..BINS {
        let request = [(bin as u16, 1)];
        let mut add = |chance: f64, canary: &[(u16, u64)], stable: &[(u16, u64)]| {
            let mut next = test.clone();
            next.observe(w, canary, stable, true);
            sums.0 += chance * exp(next.log_e_harm());
            sums.1 += chance * exp(next.log_e_pass());
        };
        add(w * canary[bin], &request, &[]);
        add((1.0 - w) * stable[bin], &[], &request);
    }
    sums
}

const EVEN: [f64; BINS] = [0.125; BINS];
const LEFT: [f64; BINS] = [0.4, 0.2, 0.15, 0.1, 0.05, 0.05, 0.03, 0.02];
const RIGHT: [f64; BINS] = [0.02, 0.03, 0.05, 0.05, 0.1, 0.15, 0.2, 0.4];

#[test]
fn no_null_gains_whatever_the_baseline_looked_like() {
    let baselines = [[20; BINS], [0, 0, 0, 500, 0, 0, 0, 0], [1, 3, 900, 50, 20, 9, 2, 0]];
    for baseline in &baselines {
        let test = warmed(baseline);
        for w in [0.01, 0.05, 0.5, 0.95] {
            for (fast, slow) in [(&EVEN, &EVEN), (&LEFT, &EVEN), (&EVEN, &RIGHT), (&LEFT, &RIGHT)] {
                assert!(expectations(&test, w, fast, slow).0 <= 1.0 + 1e-12);
                assert!(expectations(&test, w, slow, fast).1 <= 1.0 + 1e-12);
            }
        }
    }
}

#[test]
fn nothing_leaks_at_equality() {
    // Rounding down costs less than a nat in ten million requests.
    let (harm, pass) = expectations(&warmed(&[20; BINS]), 0.05, &EVEN, &EVEN);
    assert!(harm > 1.0 - 1e-7 && pass > 1.0 - 1e-7, "{harm} {pass}");
}

#[test]
fn the_alternatives_gain() {
    let test = warmed(&[20; BINS]);
    let (slower, _) = expectations(&test, 0.5, &RIGHT, &EVEN);
    let (_, faster) = expectations(&test, 0.5, &LEFT, &EVEN);
    assert!(slower > 1.01 && faster > 1.01, "{slower} {faster}");
}

#[test]
fn nothing_is_bet_before_stable_is_known_or_without_a_coin() {
    let mut test = RankComparison::new(BINS as u16);
    test.observe(0.5, &[(7, 1_000)], &[(0, 99)], true);
    test.observe(0.5, &[(7, 1_000)], &[(0, 1)], true);
    test.observe(0.0, &[(7, 1_000)], &[], true);
    test.observe(1.0, &[(7, 1_000)], &[], true);
    assert!(test.log_e_harm().abs() < 1e-12 && test.log_e_pass().abs() < 1e-12);
    test.observe(0.5, &[(7, 10)], &[], true);
    assert!(test.log_e_harm() > 1.0 && test.log_e_pass() < 0.0);
}

#[test]
fn bins_beyond_the_last_are_the_last() {
    let (mut inside, mut beyond) = (warmed(&[20; BINS]), warmed(&[20; BINS]));
    inside.observe(0.1, &[(7, 3)], &[(7, 1)], true);
    beyond.observe(0.1, &[(900, 3)], &[(u16::MAX, 1)], true);
    assert_eq!(inside, beyond);
}

#[test]
fn a_late_sample_speaks_of_harm_in_the_same_bits_and_never_of_a_pass() {
    let (mut present, mut late) = (warmed(&[20; BINS]), warmed(&[20; BINS]));
    present.observe(0.25, &[(7, 3), (2, 1)], &[(1, 4)], true);
    late.observe(0.25, &[(7, 3), (2, 1)], &[(1, 4)], false);
    assert_eq!(present.log_e_harm().to_bits(), late.log_e_harm().to_bits());
    assert!(late.log_e_pass() == 0.0 && present.log_e_pass() < 0.0);
}

#[test]
fn a_lost_cache_changes_no_bit() {
    let (mut kept, mut lost) = (warmed(&[20; BINS]), warmed(&[20; BINS]));
    for look in 0..50 {
        let share = if look % 7 == 0 { 0.25 } else { 0.1 };
        lost.cache = None;
        for test in [&mut kept, &mut lost] {
            test.observe(share, &[(look % 8, 1)], &[(look % 5, 3), (7, 2)], look % 3 != 0);
        }
    }
    assert_eq!(kept, lost);
}

#[test]
fn a_pass_starts_anew_and_harm_goes_on() {
    let mut test = warmed(&[20; BINS]);
    test.observe(0.5, &[(7, 10)], &[], true);
    let harm = test.log_e_harm();
    test.restart_pass();
    assert!(test.log_e_pass().abs() < 1e-12 && test.log_e_harm() == harm);
}

#[test]
fn the_state_is_bounded_whatever_the_traffic() {
    let mut test = RankComparison::new(48);
    let spread = |count: u64| (0..48).map(|bin| (bin, count)).collect::<Vec<(u16, u64)>>();
    for count in [10, 1_000, 1_000_000_000_000, 3] {
        test.observe(0.05, &spread(1), &spread(count), true);
        test.restart_harm();
    }
    assert!(test.state_bytes() < 4_000, "{} bytes", test.state_bytes());
    assert!(test.log_e_harm().is_finite());
}
