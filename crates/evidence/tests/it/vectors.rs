//! Expected values from independent libraries; `rel_tol` is theirs.

use serde_json::Value;
use staunch_evidence::{
    Counts, RateRatio, SampleRatio, bernoulli_confidence_interval, beta_binomial_log_e,
    detection_bound_requests, reverse_projection,
};

fn cases(function: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_json::from_str(include_str!("vectors.json")).unwrap();
    let wanted: Vec<Value> = all.into_iter().filter(|case| case["fn"] == function).collect();
    assert!(!wanted.is_empty(), "no vectors for {function}");
    wanted
}

fn number(case: &Value, name: &str) -> f64 {
    case["args"][name].as_f64().unwrap()
}

fn whole(case: &Value, name: &str) -> u64 {
    case["args"][name].as_u64().unwrap()
}

fn assert_near(got: f64, expected: &Value, case: &Value) {
    let (expected, tolerance) = (expected.as_f64().unwrap(), case["rel_tol"].as_f64().unwrap());
    let allowed = tolerance * expected.abs().max(1e-3);
    assert!((got - expected).abs() <= allowed.max(1e-12), "{got} is not {expected}: {case}");
}

#[test]
fn rate_ratio_follows_exact_arithmetic_after_each_bucket() {
    for case in cases("rate_ratio_e_process.log_e") {
        let mut process = RateRatio::new(number(&case, "rho"));
        let buckets = case["args"]["buckets"].as_array().unwrap();
        for (bucket, expected) in buckets.iter().zip(case["expected"].as_array().unwrap()) {
            let part = |at: usize| bucket[at].as_u64().unwrap();
            process.observe(Counts::new(part(0), part(1)), Counts::new(part(2), part(3)));
            assert_near(process.log_e(), expected, &case);
        }
    }
}

#[test]
fn the_projection_minimises_the_divergence() {
    for case in cases("ripr_diff") {
        let part = |name: &str| number(&case, name);
        let (p_c, p_b) =
            reverse_projection(part("n_c"), part("n_b"), part("theta_c"), part("theta_b"), part("delta"));
        assert_near(p_c, &case["expected"][0], &case);
        assert_near(p_b, &case["expected"][1], &case);
    }
}

#[test]
fn beta_binomial_mixture() {
    for case in cases("beta_binomial_log_e") {
        let counts = Counts::new(whole(&case, "n"), whole(&case, "k"));
        let log_e = beta_binomial_log_e(counts, number(&case, "p0"), number(&case, "a"), number(&case, "b"));
        assert_near(log_e, &case["expected"], &case);
    }
}

#[test]
fn bernoulli_interval() {
    for case in cases("bernoulli_confidence_interval") {
        let counts = Counts::new(whole(&case, "num_trials"), whole(&case, "num_successes"));
        let part = |name: &str| number(&case, name);
        let (low, high) =
            bernoulli_confidence_interval(counts, part("alpha"), part("t_opt"), part("alpha_opt"));
        assert_near(low, &case["expected"][0], &case);
        assert_near(high, &case["expected"][1], &case);
    }
}

#[test]
fn sample_ratio_odds_after_each_look() {
    for case in cases("srm_multinomial") {
        let shares: Vec<f64> =
            case["args"]["theta0"].as_array().unwrap().iter().map(|share| share.as_f64().unwrap()).collect();
        let mut process = SampleRatio::new(&shares);
        for look in case["expected"].as_array().unwrap() {
            let counts: Vec<u64> =
                look["x"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).collect();
            process.observe(&counts);
            assert_near(process.log_e().exp(), &look["odds"], &case);
        }
    }
}

#[test]
fn detection_bound() {
    for case in cases("detection_bound_requests") {
        let part = |name: &str| number(&case, name);
        let bound = detection_bound_requests(part("p_b"), part("p_c"), part("w"), part("alpha"));
        assert_near(bound, &case["expected"], &case);
    }
}
