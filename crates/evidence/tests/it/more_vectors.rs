//! Boundaries, bands of means, intensities and culprits against independent numbers; `rel_tol` is theirs.

use serde_json::Value;
use staunch_evidence::{
    Counts, EqualIntensity, GammaExponential, MeanBand, NormalMixture, Sides, bernoulli_confidence_interval,
    double_stitching_bound, e_bh, empirical_process_bound, quantile_ab_log_e,
};

fn cases(function: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_json::from_str(include_str!("more_vectors.json")).unwrap();
    let wanted: Vec<Value> = all.into_iter().filter(|case| case["fn"] == function).collect();
    assert!(!wanted.is_empty(), "no vectors for {function}");
    wanted
}

fn number(case: &Value, name: &str) -> f64 {
    case["args"][name].as_f64().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|item| item.as_f64().unwrap()).collect()
}

fn whole_numbers(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|item| item.as_u64().unwrap()).collect()
}

fn assert_near(got: f64, expected: &Value, case: &Value) {
    let (expected, tolerance) = (expected.as_f64().unwrap(), case["rel_tol"].as_f64().unwrap());
    assert!(
        (got - expected).abs() <= tolerance * expected.abs(),
        "{got} is not {expected}: {}",
        case["args"]
    );
}

fn normal(case: &Value) -> NormalMixture {
    let sides = if case["args"]["is_one_sided"] == true { Sides::One } else { Sides::Both };
    NormalMixture::new(sides, number(case, "v_opt"), number(case, "alpha_opt"))
}

fn gamma(case: &Value) -> GammaExponential {
    GammaExponential::new(number(case, "v_opt"), number(case, "c"), number(case, "alpha_opt"))
}

#[test]
fn normal_mixtures() {
    for case in cases("normal_log_mixture") {
        assert_near(normal(&case).log_e(number(&case, "s"), number(&case, "v")), &case["expected"], &case);
    }
    for case in cases("normal_mixture_bound") {
        assert_near(
            normal(&case).bound(number(&case, "v"), number(&case, "alpha")),
            &case["expected"],
            &case,
        );
    }
}

#[test]
fn gamma_exponential_mixtures() {
    for case in cases("gamma_exponential_log_mixture") {
        assert_near(gamma(&case).log_e(number(&case, "s"), number(&case, "v")), &case["expected"], &case);
    }
    for case in cases("gamma_exponential_mixture_bound") {
        assert_near(gamma(&case).bound(number(&case, "v"), number(&case, "alpha")), &case["expected"], &case);
    }
}

#[test]
fn bounds_of_quantiles() {
    for case in cases("double_stitching_bound") {
        let part = |name: &str| number(&case, name);
        assert_eq!((part("delta"), part("s"), part("eta")), (0.5, 1.4, 2.0), "the published setting");
        let bound = double_stitching_bound(part("quantile_p"), part("t"), part("alpha"), part("t_opt"));
        assert_near(bound, &case["expected"], &case);
    }
    for case in cases("empirical_process_lil_bound") {
        let part = |name: &str| number(&case, name);
        let bound = empirical_process_bound(part("t"), part("alpha"), part("t_min"), part("A"));
        assert_near(bound, &case["expected"], &case);
    }
}

#[test]
fn quantiles_of_two_arms() {
    for case in cases("quantile_ab_p_value") {
        let arms = ["a_values", "b_values"].map(|name| numbers(&case["args"][name]));
        let mut places = arms.concat();
        places.sort_by(f64::total_cmp);
        places.dedup();
        let [a, b] = arms.map(|values| {
            let equal = |place: &f64| values.iter().filter(|value| *value == place).count() as u64;
            places.iter().map(equal).collect::<Vec<u64>>()
        });
        let part = |name: &str| number(&case, name);
        let log_e = quantile_ab_log_e(&a, &b, part("quantile_p"), part("t_opt"), part("alpha_opt"));
        assert_near((-log_e).exp().min(1.0), &case["expected"], &case);
    }
}

#[test]
fn empirical_bernstein_band_of_a_mean() {
    for case in cases("predmix_empbern_twosided_cs") {
        let values = numbers(&case["args"]["x"]);
        let expected = case["expected"].as_array().unwrap();
        for (at, expected) in whole_numbers(&case["args"]["at"]).into_iter().zip(expected) {
            let mut band = MeanBand::new(1.0, number(&case, "alpha"));
            values[..at as usize].iter().for_each(|value| band.observe(*value));
            let (low, high) = band.interval().unwrap();
            assert_near(low, &expected[0], &case);
            assert_near(high, &expected[1], &case);
        }
    }
}

#[test]
fn conjugate_mixture_band_of_a_share() {
    for case in cases("conjmix_bernoulli_cs") {
        let values = numbers(&case["args"]["x"]);
        let expected = case["expected"].as_array().unwrap();
        for (at, expected) in whole_numbers(&case["args"]["at"]).into_iter().zip(expected) {
            let ones: f64 = values[..at as usize].iter().sum();
            let alpha = number(&case, "alpha");
            let counts = Counts::new(at, ones as u64);
            let (low, high) =
                bernoulli_confidence_interval(counts, alpha, number(&case, "t_opt"), alpha / 2.0);
            let grid = 0.001;
            for (got, end) in [(low, &expected[0]), (high, &expected[1])] {
                let end = end.as_f64().unwrap();
                let allowed = grid + case["rel_tol"].as_f64().unwrap() * end;
                assert!((got - end).abs() <= allowed, "{got} is not {end}");
            }
        }
    }
}

#[test]
fn equal_intensity_odds_after_each_look() {
    for case in cases("error_count_multinomial") {
        let shares = numbers(&case["args"]["rho"]);
        assert_eq!(number(&case, "k"), shares.len() as f64, "one pseudo-event per arm");
        let mut process = EqualIntensity::new(&shares);
        for expected in case["expected"].as_array().unwrap() {
            process.observe(&whole_numbers(&expected["x"]));
            assert_near(process.log_e().exp(), &expected["odds"], &case);
        }
    }
}

#[test]
fn culprits_by_the_definition() {
    for case in cases("e_bh") {
        let log_e: Vec<f64> = numbers(&case["args"]["e"]).into_iter().map(f64::ln).collect();
        let expected: Vec<usize> =
            whole_numbers(&case["expected"]).into_iter().map(|at| at as usize).collect();
        assert_eq!(e_bh(&log_e, number(&case, "alpha")), expected, "{}", case["args"]);
    }
}
