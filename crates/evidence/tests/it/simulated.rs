//! Seeded rollouts: how often an innocent version is blamed, and how fast a guilty one is found.

use staunch_evidence::{Counts, OneSample, RankComparison, RateRatio, detection_bound_requests};

/// SplitMix64: small, seeded, good enough for traffic.
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
    /// Sum of twelve: near enough to a normal deviate.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

const RPS: u64 = 100;
const SHARE: f64 = 0.05;

fn second(chance: &mut Chance, p_c: f64, p_b: f64) -> (Counts, Counts) {
    let (mut canary, mut stable) = ((0, 0), (0, 0));
    for _ in 0..RPS {
        let is_canary = chance.unit() < SHARE;
        let (arm, rate) = if is_canary { (&mut canary, p_c) } else { (&mut stable, p_b) };
        arm.0 += 1;
        arm.1 += u64::from(chance.unit() < rate);
    }
    (Counts::new(canary.0, canary.1), Counts::new(stable.0, stable.1))
}

/// The second in which the error-rate test decides, looking every second with a restart every minute.
fn found_after(chance: &mut Chance, p_c: f64, p_b: impl Fn(u64) -> f64, seconds: u64) -> Option<u64> {
    let mut process = RateRatio::with_restarts(1.0);
    let mut open = (Counts::default(), Counts::default());
    (1..=seconds).find(|at| {
        let base = p_b(*at);
        let (canary, stable) = second(chance, p_c.max(base), base);
        open = (open.0.plus(canary), open.1.plus(stable));
        if !open.0.is_empty() && !open.1.is_empty() {
            process.observe(open.0, open.1);
            open = Default::default();
        }
        if at % 60 == 0 {
            process.restart();
        }
        process.log_e() >= 100_f64.ln()
    })
}

#[test]
fn an_innocent_version_is_rarely_blamed_even_in_shared_outages() {
    let mut chance = Chance(7);
    let outages = |at: u64| if at % 900 < 30 { 0.21 } else { 0.01 };
    let blamed = (0..400).filter(|_| found_after(&mut chance, 0.0, outages, 1_800).is_some()).count();
    assert!(blamed <= 10, "{blamed} of 400");
}

#[test]
fn five_times_the_errors_are_found_near_the_bound() {
    let mut chance = Chance(11);
    let mut delays: Vec<u64> =
        (0..400).map(|_| found_after(&mut chance, 0.05, |_| 0.01, 1_800).expect("found")).collect();
    delays.sort_unstable();
    let bound = detection_bound_requests(0.01, 0.05, SHARE, 0.01) / RPS as f64;
    let median = delays[delays.len() / 2] as f64;
    assert!(median < 1.5 * bound, "median {median} s, bound {bound} s");
}

#[test]
fn a_rate_just_at_the_limit_rarely_passes() {
    let mut chance = Chance(13);
    let passed = (0..400).filter(|_| {
        let mut pass = OneSample::pass(0.01);
        (0..3_000).any(|_| {
            pass.observe(second(&mut chance, 0.01, 0.0).0);
            pass.log_e() >= 20_f64.ln()
        })
    });
    let passed = passed.count();
    assert!(passed <= 28, "{passed} of 400 at a level of 5 %");
}

/// Second in which a lognormal service (σ = 0.6, bins 10 % wide) whose canary is `factor` slower is found.
fn slow_found_after(chance: &mut Chance, factor: f64, seconds: u64) -> Option<u64> {
    let mut test = RankComparison::new(96);
    (1..=seconds).find(|at| {
        let (mut canary, mut stable) = (Vec::new(), Vec::new());
        for _ in 0..RPS {
            let is_canary = chance.unit() < SHARE;
            let log = 0.6 * chance.normal() + if is_canary { factor.ln() } else { 0.0 };
            let bin = (48.0 + log / 1.1_f64.ln()).max(0.0) as u16;
            if is_canary { canary.push((bin, 1)) } else { stable.push((bin, 1)) }
        }
        test.observe(SHARE, &canary, &stable, true);
        if at % 60 == 0 {
            test.restart_harm();
        }
        test.log_e_harm() >= 100_f64.ln()
    })
}

#[test]
fn equal_latency_is_rarely_blamed_and_a_fifth_more_is_found() {
    let mut chance = Chance(17);
    let blamed = (0..200).filter(|_| slow_found_after(&mut chance, 1.0, 600).is_some()).count();
    assert!(blamed <= 5, "{blamed} of 200");
    let mut delays: Vec<u64> =
        (0..100).map(|_| slow_found_after(&mut chance, 1.2, 600).expect("found")).collect();
    delays.sort_unstable();
    assert!(delays[50] <= 45, "median {} s, bound 21 s", delays[50]);
}

#[test]
fn a_canary_that_is_just_as_slow_as_it_may_be_rarely_passes() {
    let mut chance = Chance(19);
    let passed = (0..300).filter(|_| {
        let mut test = RankComparison::new(96);
        (0..150).any(|_| {
            let (mut canary, mut stable) = (Vec::new(), Vec::new());
            for _ in 0..20 {
                let request = ((48.0 + 6.0 * chance.normal()).clamp(0.0, 95.0) as u16, 1);
                if chance.unit() < 0.5 { canary.push(request) } else { stable.push(request) }
            }
            test.observe(0.5, &canary, &stable, true);
            test.log_e_pass() >= 20_f64.ln()
        })
    });
    let passed = passed.count();
    assert!(passed <= 24, "{passed} of 300 at a level of 5 %");
}
