//! What a look costs: nanoseconds per look and bytes of checkpoint, for each process.
//!
//! `cargo run --release -p staunch-evidence --example speed --features serde`

#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
#![expect(clippy::print_stdout, reason = "its result is a table")]

use std::hint::black_box;
use std::time::Instant;

use staunch_evidence::{
    Counts, LatencyShares, NonInferiority, NonInferiorityBand, OneSample, RankComparison, RateRatio,
    RateRatioBand, SampleRatio, Traffic, VerdictRange, log_normal_shares,
};

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A tenth of a second of traffic with 1 % failures, 5 % of it on the canary.
struct Look {
    canary: Counts,
    stable: Counts,
    canary_bins: Vec<(u16, u64)>,
    stable_bins: Vec<(u16, u64)>,
}

const SHARE: f64 = 0.05;
const LOOKS: usize = 10_000;
const ROUNDS: usize = 15;
const STRETCH: usize = 100;
/// A minute of looks.
const RESTART: usize = 600;

fn look(chance: &mut Chance, requests: u64) -> Look {
    let mut arms = [(0, 0, [0_u64; 48]), (0, 0, [0_u64; 48])];
    for _ in 0..requests {
        let arm = &mut arms[usize::from(chance.unit() >= SHARE)];
        arm.0 += 1;
        arm.1 += u64::from(chance.unit() < 0.01);
        // The sum of six is near enough to a bell over thirty of the bins.
        arm.2[(0..6).map(|_| 7.0 * chance.unit()).sum::<f64>() as usize] += 1;
    }
    let bins = |of: &[u64; 48]| (0..).zip(*of).filter(|(_, count)| *count > 0).collect();
    let [canary, stable] = &arms;
    Look {
        canary: Counts::new(canary.0, canary.1),
        stable: Counts::new(stable.0, stable.1),
        canary_bins: bins(&canary.2),
        stable_bins: bins(&stable.2),
    }
}

/// Every round does the same, stretch by stretch: of each stretch the quickest counts, since what else the machine does
/// only ever adds.
fn measure<P: Clone>(
    name: &str,
    looks: &[Look],
    fresh: P,
    mut observe: impl FnMut(&mut P, usize, &Look),
) -> P {
    let mut quickest = vec![f64::INFINITY; looks.len().div_ceil(STRETCH)];
    let mut process = fresh.clone();
    for _ in 0..ROUNDS {
        process = fresh.clone();
        for (at, stretch) in looks.chunks(STRETCH).enumerate() {
            let begin = Instant::now();
            for (inside, look) in stretch.iter().enumerate() {
                observe(&mut process, at * STRETCH + inside, black_box(look));
            }
            quickest[at] = quickest[at].min(begin.elapsed().as_nanos() as f64);
        }
    }
    let nanos = quickest.iter().sum::<f64>() / looks.len() as f64;
    // Of 5 000 metrics at ten looks a second, in percent of a core.
    let core = nanos * 1e-9 * 10.0 * 5_000.0 * 100.0;
    println!("{name:<18} {nanos:>6.0} ns a look   {core:>5.1} % of a core");
    process
}

fn bytes(name: &str, checkpoint: &impl serde::Serialize) {
    let json = serde_json::to_string(checkpoint).unwrap_or_default();
    println!("{name:<18} {:>6} bytes of checkpoint", json.len());
}

/// What a plan costs.
fn forecasts() {
    let traffic = |p_canary, share| Traffic { p_stable: 0.001, p_canary, share };
    let time = |name: &str, forecast: &dyn Fn() -> Option<VerdictRange>| {
        let begin = Instant::now();
        let range = black_box(forecast());
        let mut millis = begin.elapsed().as_secs_f64() * 1e3;
        for _ in 1..ROUNDS {
            let begin = Instant::now();
            black_box(forecast());
            millis = millis.min(begin.elapsed().as_secs_f64() * 1e3);
        }
        println!("{name:<28} {millis:>6.2} ms   {range:.0?}");
    };
    let (ratio, margin) = (RateRatio::with_restarts(1.0), NonInferiority::new(0.005));
    time("ten times the errors", &|| ratio.forecast(traffic(0.01, 0.05), 4.6));
    time("1.5 times the errors", &|| ratio.forecast(traffic(0.0015, 0.05), 4.6));
    time("within half a point", &|| margin.forecast(traffic(0.001, 0.5), 3.0));
    let (canary, stable) = (log_normal_shares(0.3), log_normal_shares(0.0));
    let (slower, faster) = (
        LatencyShares { canary: &canary, stable: &stable },
        LatencyShares { canary: &stable, stable: &canary },
    );
    let rank = RankComparison::new(12);
    time("slower by 0.3 deviations", &|| rank.forecast_harm(slower, 0.05, 4.6));
    time("not slower, margin 0.3", &|| rank.forecast_pass(faster, 0.05, 3.0));
    time("2 %, limit 1 %", &|| OneSample::harm(0.01).forecast(0.02, 4.6));
    time("0.4 %, limit 1 %", &|| OneSample::pass(0.01).forecast(0.004, 3.0));
}

fn main() {
    forecasts();
    let mut chance = Chance(1);
    for rps in [1_000, 10_000] {
        println!(
            "\n{rps} requests/s, 5 % of them on the canary; share of a core for 5 000 metrics, 10 looks/s"
        );
        let looks: Vec<Look> = (0..LOOKS).map(|_| look(&mut chance, rps / 10)).collect();
        let ratio = measure("RateRatio", &looks, RateRatio::with_restarts(1.0), |process, at, look| {
            process.observe(look.canary, look.stable);
            if at % RESTART == 0 {
                process.restart();
            }
            black_box(process.log_e());
        });
        let ratios = RateRatioBand::with_restarts(1.0);
        let ratios = measure("RateRatioBand", &looks, ratios, |process, at, look| {
            process.observe(look.canary, look.stable);
            if at % RESTART == 0 {
                process.restart();
            }
            black_box(process.log_e());
        });
        let harm = measure("OneSample harm", &looks, OneSample::harm(0.02), |process, at, look| {
            process.observe(look.canary);
            if at % RESTART == 0 {
                process.restart();
            }
            black_box(process.log_e());
        });
        measure("OneSample pass", &looks, OneSample::pass(0.02), |process, _, look| {
            process.observe(look.canary);
            black_box(process.log_e());
        });
        let margin = measure("NonInferiority", &looks, NonInferiority::new(0.02), |process, _, look| {
            process.observe(look.canary, look.stable);
            black_box(process.log_e());
        });
        let margins = NonInferiorityBand::new(0.02);
        let margins = measure("NonInferiorityBand", &looks, margins, |process, _, look| {
            process.observe(look.canary, look.stable);
            black_box(process.log_e());
        });
        let rank = measure("RankComparison", &looks, RankComparison::new(48), |process, at, look| {
            process.observe(SHARE, &look.canary_bins, &look.stable_bins, true);
            if at % RESTART == 0 {
                process.restart_harm();
            }
            black_box((process.log_e_harm(), process.log_e_pass()));
        });
        let split = measure("SampleRatio", &looks, SampleRatio::new(&[0.05, 0.95]), |process, _, look| {
            process.observe(&[look.canary.attempts(), look.stable.attempts()]);
            black_box(process.log_e());
        });
        println!("RankComparison     {:>6} bytes of memory", rank.state_bytes());
        measure("OneSample bound", &looks[..200], harm.clone(), |process, _, _| {
            black_box(process.lower_bound(4.6));
        });
        bytes("RankComparison", &rank);
        bytes("RateRatio", &ratio);
        bytes("RateRatioBand", &ratios);
        bytes("OneSample", &harm);
        bytes("NonInferiority", &margin);
        bytes("NonInferiorityBand", &margins);
        bytes("SampleRatio", &split);
    }
}
