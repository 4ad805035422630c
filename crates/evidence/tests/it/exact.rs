//! E[factor] ≤ 1 under every null, by summing over all outcomes of small buckets.

use staunch_evidence::{Counts, NonInferiority, OneSample, RateRatio};

fn choose(n: u64, k: u64) -> f64 {
    (0..k).map(|i| (n - i) as f64 / (i + 1) as f64).product()
}

fn chance(n: u64, k: u64, p: f64) -> f64 {
    choose(n, k) * p.powi(k as i32) * (1.0 - p).powi((n - k) as i32)
}

/// Expectation of `e` over binomial failures on both arms.
fn expect(n_c: u64, n_b: u64, p_c: f64, p_b: f64, e: impl Fn(Counts, Counts) -> f64) -> f64 {
    let mut sum = 0.0;
    for k_c in 0..=n_c {
        for k_b in 0..=n_b {
            let chance = chance(n_c, k_c, p_c) * chance(n_b, k_b, p_b);
            sum += chance * e(Counts::new(n_c, k_c), Counts::new(n_b, k_b));
        }
    }
    sum
}

const RATES: [f64; 7] = [0.0, 0.001, 0.02, 0.2, 0.5, 0.9, 1.0];
const SIZES: [(u64, u64); 5] = [(1, 1), (1, 9), (3, 5), (6, 2), (5, 20)];

#[test]
fn rate_ratio_never_gains_when_the_canary_is_no_worse() {
    for (n_c, n_b) in SIZES {
        for p_b in RATES {
            for p_c in RATES.into_iter().filter(|p_c| *p_c <= p_b) {
                let mean = expect(n_c, n_b, p_c, p_b, |canary, stable| {
                    let mut process = RateRatio::with_restarts(1.0);
                    process.observe(canary, stable);
                    process.restart();
                    process.log_e().exp()
                });
                assert!(mean <= 1.0 + 1e-9, "{mean} at {n_c} {n_b} {p_c} {p_b}");
            }
        }
    }
}

#[test]
fn rate_ratio_with_a_tolerance_never_gains_up_to_it() {
    for (n_c, n_b) in SIZES {
        for p_b in [0.001, 0.02, 0.2, 0.5] {
            let mean = expect(n_c, n_b, 1.5 * p_b, p_b, |canary, stable| {
                let mut process = RateRatio::new(1.5);
                process.observe(canary, stable);
                process.log_e().exp()
            });
            assert!(mean <= 1.0 + 1e-9, "{mean}");
        }
    }
}

#[test]
fn one_sample_never_gains_on_the_nulls_side_of_its_limit() {
    for limit in [0.0, 0.001, 0.01, 0.2, 0.6, 0.99, 1.0] {
        for rate in RATES {
            for n in [1, 4, 12] {
                let mean = |process: &OneSample| {
                    expect(n, 0, rate, 0.0, |counts, _| {
                        let mut next = process.clone();
                        next.observe(counts);
                        next.log_e().exp()
                    })
                };
                if rate <= limit {
                    assert!(mean(&OneSample::harm(limit)) <= 1.0 + 1e-6, "harm {limit} {rate} {n}");
                }
                if rate >= limit {
                    assert!(mean(&OneSample::pass(limit)) <= 1.0 + 1e-6, "pass {limit} {rate} {n}");
                }
            }
        }
    }
}

#[test]
fn non_inferiority_never_gains_when_the_canary_is_worse_by_the_margin() {
    let pasts = [(0, 0, 0, 0), (100, 1, 900, 9), (10, 0, 500, 40), (1_000, 0, 10, 5)];
    for margin in [0.005, 0.05, 0.3] {
        for (past_n_c, past_k_c, past_n_b, past_k_b) in pasts {
            let mut past = NonInferiority::new(margin);
            past.observe(Counts::new(past_n_c, past_k_c), Counts::new(past_n_b, past_k_b));
            past.restart();
            for (n_c, n_b) in SIZES {
                for p_b in [0.0, 0.001, 0.02, 0.2, 0.5] {
                    for p_c in [p_b + margin, p_b + 1.5 * margin] {
                        let mean = expect(n_c, n_b, p_c, p_b, |canary, stable| {
                            let mut next = past.clone();
                            next.observe(canary, stable);
                            next.log_e().exp()
                        });
                        assert!(mean <= 1.0 + 1e-6, "{mean} at {margin} {n_c} {n_b} {p_c} {p_b}");
                    }
                }
            }
        }
    }
}
