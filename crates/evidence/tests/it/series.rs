//! The series judge against published cases and independent numbers, hostile input, and what must stay true of it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;
use staunch_evidence::series::{
    CanaryAnalysis, Classification, Direction, EffectSize, Iqr, Measure, MetricResult, MetricSeries,
    MetricSpec, Mode, NanStrategy, NoShift, OutlierStrategy, Samples, ScoreClass, Thresholds, classify,
    judge, percentile, score,
};

fn cases(of: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("series.json")).unwrap();
    all[of].as_array().unwrap().clone()
}

fn scipy(function: &str) -> Vec<Value> {
    let wanted: Vec<Value> = cases("scipy").into_iter().filter(|case| case["fn"] == function).collect();
    assert!(!wanted.is_empty(), "no vectors for {function}");
    wanted
}

fn series(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn assert_near(got: f64, expected: f64, tolerance: f64, about: &Value) {
    assert!((got - expected).abs() <= tolerance, "{got} is not {expected}: {about}");
}

/// The options of the published suite's cases: tolerance 0.1 at confidence 0.95.
fn suite() -> MetricSpec {
    MetricSpec {
        name: "latency".to_owned(),
        groups: vec!["speed".to_owned()],
        tolerance: 0.1,
        confidence: 0.95,
        ..MetricSpec::default()
    }
}

fn judged(spec: &MetricSpec, mode: Mode, control: &[f64], experiment: &[f64]) -> MetricResult {
    classify(spec, mode, control, experiment).unwrap()
}

fn label(spec: &MetricSpec, mode: Mode, control: &[f64], experiment: &[f64]) -> Classification {
    judged(spec, mode, control, experiment).classification
}

fn class(name: &str) -> Classification {
    match name {
        "Pass" => Classification::Pass,
        "High" => Classification::High,
        "Low" => Classification::Low,
        "Nodata" => Classification::Nodata,
        other => panic!("no class {other}"),
    }
}

fn published_spec(case: &Value) -> MetricSpec {
    let bound = |name: &str, at: usize| case[name][at].as_f64();
    MetricSpec {
        direction: match case["direction"].as_str().unwrap() {
            "increase" => Direction::Increase,
            "decrease" => Direction::Decrease,
            _ => Direction::Either,
        },
        nan: if case["nan_strategy"] == "replace" { NanStrategy::Replace } else { NanStrategy::Remove },
        effect: EffectSize {
            measure: if case["measure"] == "cles" { Measure::Cles } else { Measure::MeanRatio },
            allowed_decrease: bound("effect_size", 0),
            allowed_increase: bound("effect_size", 1),
            critical_decrease: bound("critical_effect", 0),
            critical_increase: bound("critical_effect", 1),
        },
        critical: case["is_critical"].as_bool().unwrap(),
        tolerance: case["tolerance"].as_f64().unwrap(),
        confidence: case["conf_level"].as_f64().unwrap(),
        ..suite()
    }
}

fn published_mode(case: &Value) -> Mode {
    if case["kind"] == "mean_inequality" { Mode::MeanInequality } else { Mode::Compatible }
}

#[test]
fn published_classifications() {
    for case in cases("classifier") {
        let (spec, mode) = (published_spec(&case), published_mode(&case));
        let result = judged(&spec, mode, &series(&case["control"]), &series(&case["experiment"]));
        if let Some(expected) = case["expected_label"].as_str() {
            assert_eq!(result.classification, class(expected), "{case}");
        }
        if let Some(expected) = case["expected_critical"].as_bool() {
            assert_eq!(result.critical, expected, "{case}");
        }
        if case["expected_deviation"] == "NaN" {
            assert_eq!(result.deviation, None, "{case}");
        }
    }
}

#[test]
fn published_rank_statistics_and_intervals() {
    for case in cases("mann_whitney") {
        let samples = Samples::new(&series(&case["control"]), &series(&case["experiment"]));
        for look in case["wilcoxon_diff"].as_array().unwrap() {
            let part = |name: &str| look[name].as_f64().unwrap();
            let z = samples.rank_z(part("mu")).unwrap() - part("q");
            assert_near(z, part("expected"), part("tol").max(1e-5), look);
        }
        let shift = samples.shift(Mode::Compatible, case["conf_level"].as_f64().unwrap()).unwrap();
        let ends = [("head", shift.low), ("last", shift.high)]
            .map(|(end, at)| (format!("confidenceInterval.{end}"), at));
        for (name, got) in ends.into_iter().chain([("estimate".to_owned(), shift.estimate)]) {
            let expected = &case["expected"][name];
            if let Some(number) = expected[0].as_f64() {
                assert_near(got, number, expected[1].as_f64().unwrap(), expected);
            }
        }
    }
}

#[test]
fn published_scores() {
    for case in cases("scorer") {
        let results: Vec<MetricResult> =
            case["results"].as_array().unwrap().iter().map(published_result).collect();
        let weights = case["weights"].as_object().unwrap().iter();
        let weights = weights.map(|(group, weight)| (group.clone(), weight.as_f64().unwrap())).collect();
        assert_eq!(score(&results, &weights).unwrap().summary, case["expected"].as_f64().unwrap(), "{case}");
    }
}

fn published_result(row: &Value) -> MetricResult {
    let groups = row[2].as_array().unwrap().iter().map(|group| group.as_str().unwrap().to_owned()).collect();
    result(class(row[0].as_str().unwrap()), row[1].as_bool().unwrap(), groups)
}

fn result(classification: Classification, critical: bool, groups: Vec<String>) -> MetricResult {
    MetricResult {
        name: "metric".to_owned(),
        groups,
        muted: false,
        classification,
        critical,
        reason: "as given".to_owned(),
        deviation: None,
        shift: None,
        control_points: 1,
        experiment_points: 1,
    }
}

#[test]
fn published_outliers_and_percentiles() {
    for case in cases("iqr") {
        let iqr = Iqr {
            factor: case["factor"].as_f64().unwrap(),
            reduce_sensitivity: case["reduce"].as_bool().unwrap(),
        };
        let outliers: Vec<u64> =
            iqr.outliers(&series(&case["data"])).into_iter().map(|at| at as u64).collect();
        let expected: Vec<u64> =
            case["outliers"].as_array().unwrap().iter().map(|at| at.as_u64().unwrap()).collect();
        assert_eq!(outliers, expected, "{case}");
    }
    for case in cases("percentile") {
        let got = percentile(&series(&case["data"]), case["p"].as_f64().unwrap()).unwrap();
        assert_near(got, case["expected"].as_f64().unwrap(), 1e-9, &case);
    }
}

#[test]
fn rank_sums_and_percentiles_are_those_of_scipy() {
    for case in scipy("mann_whitney_u") {
        let samples = Samples::new(&series(&case["args"]["y"]), &series(&case["args"]["x"]));
        let (u, p) = (case["expected"]["U"].as_f64().unwrap(), case["expected"]["p"].as_f64().unwrap());
        assert_eq!(samples.u_statistic(), u, "{case}");
        let z = samples.rank_z(0.0).unwrap();
        assert_near(libm::erfc(z / std::f64::consts::SQRT_2) / 2.0, p, 1e-9 * p, &case);
    }
    for case in scipy("percentile_r7") {
        let (values, percents) = (series(&case["args"]["x"]), series(&case["args"]["q"]));
        for (percent, expected) in percents.into_iter().zip(series(&case["expected"])) {
            assert_near(percentile(&values, percent).unwrap(), expected, 1e-12 * expected.abs(), &case);
        }
    }
}

const SLOW: [f64; 5] = [20.0, 22.0, 21.0, 25.0, 30.0];
const FAST: [f64; 5] = [1.0, 2.2, 1.1, 2.5, 3.0];
const BOTH: [Mode; 2] = [Mode::Compatible, Mode::Exact];

#[test]
fn only_the_direction_that_counts_is_blamed() {
    for mode in BOTH {
        let towards = |direction| MetricSpec { direction, ..suite() };
        assert_eq!(label(&towards(Direction::Increase), mode, &FAST, &SLOW), Classification::High);
        assert_eq!(label(&towards(Direction::Decrease), mode, &FAST, &SLOW), Classification::Pass);
        assert_eq!(label(&towards(Direction::Decrease), mode, &SLOW, &FAST), Classification::Low);
        assert_eq!(label(&towards(Direction::Increase), mode, &SLOW, &FAST), Classification::Pass);
    }
}

/// The mean of SLOW is 12 times that of FAST.
#[test]
fn a_critical_metric_fails_the_analysis_from_its_own_bound_on_in_either_direction() {
    for mode in BOTH {
        let critical = |critical_increase, critical_decrease| MetricSpec {
            critical: true,
            effect: EffectSize { critical_increase, critical_decrease, ..EffectSize::default() },
            ..suite()
        };
        for (bounds, expected) in
            [((None, None), true), ((Some(1.2), Some(0.8)), true), ((Some(13.0), Some(0.05)), false)]
        {
            let spec = critical(bounds.0, bounds.1);
            let (high, low) = (judged(&spec, mode, &FAST, &SLOW), judged(&spec, mode, &SLOW, &FAST));
            assert_eq!((high.classification, high.critical), (Classification::High, expected));
            assert_eq!((low.classification, low.critical), (Classification::Low, expected));
        }
        let excused = EffectSize { allowed_increase: Some(13.0), ..EffectSize::default() };
        let spec = MetricSpec { critical: true, effect: excused, ..suite() };
        let result = judged(&spec, mode, &FAST, &SLOW);
        assert_eq!((result.classification, result.critical), (Classification::Pass, false));
    }
}

#[test]
fn a_side_without_data_is_what_the_metric_says_it_is() {
    let nothing: [&[f64]; 2] = [&[], &[f64::NAN; 3]];
    for (mode, empty) in BOTH.into_iter().flat_map(|mode| nothing.map(|empty| (mode, empty))) {
        for (must_have_data, critical, expected) in [
            (false, false, (Classification::Nodata, false)),
            (true, false, (Classification::NodataFailMetric, false)),
            (false, true, (Classification::Nodata, true)),
            (true, true, (Classification::Nodata, true)),
        ] {
            let spec = MetricSpec { must_have_data, critical, ..suite() };
            for (control, experiment) in [(empty, &FAST[..]), (&FAST[..], empty), (empty, empty)] {
                let result = judged(&spec, mode, control, experiment);
                assert_eq!((result.classification, result.critical), expected);
                assert!(result.reason.contains("no data"), "{}", result.reason);
            }
        }
        let replacing = MetricSpec { nan: NanStrategy::Replace, critical: true, ..suite() };
        assert_eq!(label(&replacing, mode, &FAST, &[]), Classification::Pass);
    }
}

#[test]
fn a_missing_point_is_left_out_or_zero() {
    let gaps = [f64::NAN, 20.0, f64::NAN, 21.0, f64::NAN, 22.0, f64::NAN, 23.0, f64::NAN, 24.0, 25.0, 26.0];
    let control = [20.0, 21.0, 22.0, 23.0, 24.0, 25.0, 26.0, 23.5];
    for mode in BOTH {
        let removed = judged(&suite(), mode, &control, &gaps);
        assert_eq!((removed.classification, removed.experiment_points), (Classification::Pass, 7));
        let replaced = judged(&MetricSpec { nan: NanStrategy::Replace, ..suite() }, mode, &control, &gaps);
        assert_eq!(replaced.experiment_points, 12);
        assert!(replaced.deviation < Some(0.7), "{replaced:?}");
    }
}

#[test]
fn the_same_values_in_any_order_pass() {
    for mode in [Mode::Compatible, Mode::Exact, Mode::MeanInequality] {
        assert_eq!(
            label(&suite(), mode, &[1.0, 2.0, 3.0, 4.0, 5.0], &[5.0, 4.0, 3.0, 2.0, 1.0]),
            Classification::Pass
        );
        assert_eq!(label(&suite(), mode, &[7.0; 3], &[7.0; 9]), Classification::Pass);
        assert_eq!(label(&suite(), mode, &[0.0; 3], &[-0.0; 4]), Classification::Pass);
    }
}

#[test]
fn outliers_go_only_when_told_to() {
    let control: Vec<f64> = (0..40).map(|i| 10.0 + f64::from(i % 7)).collect();
    let mut experiment = control.clone();
    experiment[3] = 1e6;
    let iqr = Iqr { factor: 3.0, reduce_sensitivity: false };
    let removing = MetricSpec { outliers: OutlierStrategy::Remove(iqr), ..suite() };
    for mode in BOTH {
        assert_eq!(judged(&removing, mode, &control, &experiment).experiment_points, 39);
        assert_eq!(judged(&suite(), mode, &control, &experiment).experiment_points, 40);
    }
    let within_percentiles = Iqr { reduce_sensitivity: true, ..iqr };
    let many: Vec<f64> = (0..40).map(|i| if i < 2 { 1e6 } else { 10.0 + f64::from(i % 7) }).collect();
    assert_eq!(iqr.outliers(&many), [0, 1]);
    assert_eq!(within_percentiles.outliers(&many), [0_usize; 0], "the 99th percentile is an outlier itself");
}

#[test]
fn the_unit_decides_in_the_published_judge_only() {
    // Half as slow again, in seconds: the whole difference is below what the published root finder resolves.
    let control: Vec<f64> = (0..30).map(|i| 1e-6 + 2e-8 * f64::from(i)).collect();
    let experiment = times(&control, 1.5);
    let in_both_units = |mode| {
        let in_unit = |unit| label(&suite(), mode, &times(&control, unit), &times(&experiment, unit));
        [in_unit(1.0), in_unit(1e6)]
    };
    assert_eq!(in_both_units(Mode::Exact), [Classification::High, Classification::High]);
    assert_eq!(in_both_units(Mode::Compatible), [Classification::Pass, Classification::High]);
}

/// Decimals that lie exactly on a bound, of which a change of unit rounds one side up and the other down.
#[test]
fn what_lies_on_a_bound_lies_on_it_in_every_unit() {
    let in_every_unit =
        |spec: &MetricSpec, control: &[f64], experiment: &[f64]| -> Vec<(Classification, usize)> {
            let unit = |power| 10.0_f64.powi(power);
            let look = |unit| judged(spec, Mode::Exact, &times(control, unit), &times(experiment, unit));
            let result = |power| (look(unit(power)).classification, look(unit(power)).experiment_points);
            (-12..=12).map(result).collect()
        };
    // Lower end 0.07, a tenth of the estimate: tolerated.
    let tolerant = MetricSpec { confidence: 0.98, ..suite() };
    let step = [0.07, 0.7, 0.7, 0.7, 0.7, 0.7];
    assert_eq!(in_every_unit(&tolerant, &[0.0; 6], &step), [(Classification::Pass, 6); 25]);
    // A ratio of 1.3, from which on it counts.
    let effect = EffectSize { allowed_increase: Some(1.3), ..EffectSize::default() };
    let strict = MetricSpec { effect, ..suite() };
    assert_eq!(in_every_unit(&strict, &[0.9; 6], &[1.17; 6]), [(Classification::High, 6); 25]);
    // 1.0 lies on the fence 0.7 + 3·(0.7 − 0.6): no outlier.
    let outliers = OutlierStrategy::Remove(Iqr { factor: 3.0, reduce_sensitivity: false });
    let fenced = MetricSpec { outliers, ..suite() };
    let spread = [0.6, 0.6, 0.6, 0.6, 0.65, 0.7, 0.7, 0.7, 1.0];
    assert_eq!(in_every_unit(&fenced, &[0.6; 9], &spread), [(Classification::Pass, 9); 25]);
}

#[test]
fn the_exact_interval_is_made_of_differences() {
    // One of the 35 orders of 3 and 4 points separates them, so C = 1 at α/2 = 0.03 and none is left at 0.025.
    let samples = Samples::new(&[1.0, 2.0, 4.0], &[10.0, 20.0, 40.0, 80.0]);
    let shift = samples.shift(Mode::Exact, 0.94).unwrap();
    assert_eq!((shift.low, shift.high), (6.0, 79.0));
    assert_eq!(shift.estimate, (19.0 + 36.0) / 2.0);
    assert_eq!(samples.shift(Mode::Exact, 0.95), Err(NoShift::TooFewPoints));
}

/// Every order of 5 and 6 different points is as likely while nothing differs, so the error can be counted.
#[test]
fn the_exact_interval_errs_as_often_as_it_says() {
    let sides = |chosen: u32| -> (Vec<f64>, Vec<f64>) {
        let (experiment, control): (Vec<u32>, Vec<u32>) = (0..11).partition(|place| chosen >> place & 1 == 1);
        (control.into_iter().map(f64::from).collect(), experiment.into_iter().map(f64::from).collect())
    };
    let orders: Vec<u32> = (0..1 << 11).filter(|chosen: &u32| chosen.count_ones() == 5).collect();
    for alpha in [0.02, 0.1, 0.3] {
        let misses = orders.iter().filter(|&&chosen| {
            let (control, experiment) = sides(chosen);
            let shift = Samples::new(&control, &experiment).shift(Mode::Exact, 1.0 - alpha).unwrap();
            shift.low > 0.0 || shift.high < 0.0
        });
        let missed = misses.count() as f64 / orders.len() as f64;
        assert!(missed <= alpha && missed > 0.6 * alpha, "{missed} at {alpha}");
    }
}

#[test]
fn one_point_says_nothing_to_the_exact_judge() {
    let result = judged(&suite(), Mode::Exact, &[1.0], &[1_000.0]);
    assert_eq!(result.classification, Classification::Nodata);
    let reason = "too few points for confidence 0.95: 1 of the control, 1 of the experiment";
    assert_eq!(result.reason, reason);
    let required = MetricSpec { must_have_data: true, ..suite() };
    assert_eq!(label(&required, Mode::Exact, &[1.0], &[1_000.0]), Classification::NodataFailMetric);
}

#[test]
fn two_constants_differ_the_same_way_in_every_run() {
    for mode in BOTH {
        let look = || judged(&suite(), mode, &[1.0; 5], &[10.0; 5]);
        assert_eq!(look().classification, Classification::High);
        assert_eq!(look(), look());
        assert_eq!(label(&suite(), mode, &[0.0; 5], &[4.0; 5]), Classification::High);
    }
}

/// Of two negative means the lower has the larger ratio, which the published judge takes for an increase.
#[test]
fn what_falls_below_zero_is_low() {
    let (control, experiment) = ([-1.0, -1.1, -1.2, -1.3, -1.4], [-10.0, -11.0, -12.0, -13.0, -14.0]);
    assert_eq!(label(&suite(), Mode::Exact, &control, &experiment), Classification::Low);
    assert_eq!(label(&suite(), Mode::Compatible, &control, &experiment), Classification::Pass);
}

#[test]
fn what_cannot_be_compared_is_an_error_of_the_metric() {
    for mode in BOTH {
        for bad in [f64::INFINITY, f64::NEG_INFINITY] {
            let result = judged(&MetricSpec { critical: true, ..suite() }, mode, &FAST, &[1.0, bad]);
            assert_eq!((result.classification, result.critical), (Classification::Error, true));
            assert_eq!(result.reason, "the experiment holds an infinite value");
        }
        let result = judged(&suite(), mode, &[-1.7e308; 6], &[1.7e308; 6]);
        assert_eq!(result.classification, Classification::Error, "{result:?}");
    }
}

#[test]
fn options_without_meaning_are_named() {
    let refused = |spec: MetricSpec| classify(&spec, Mode::Exact, &FAST, &SLOW).unwrap_err().field;
    for tolerance in [-0.1, f64::NAN, f64::INFINITY] {
        assert_eq!(refused(MetricSpec { tolerance, ..suite() }), "tolerance");
    }
    for confidence in [0.0, 1.0, -1.0, 2.0, f64::NAN, 1.0 - 1e-17] {
        assert_eq!(refused(MetricSpec { confidence, ..suite() }), "confidence");
    }
    for factor in [0.0, -3.0, f64::NAN, f64::INFINITY] {
        let outliers = OutlierStrategy::Remove(Iqr { factor, ..Iqr::default() });
        assert_eq!(refused(MetricSpec { outliers, ..suite() }), "outliers.factor");
    }
    let cles = EffectSize { measure: Measure::Cles, critical_increase: Some(1.2), ..EffectSize::default() };
    assert_eq!(refused(MetricSpec { effect: cles, ..suite() }), "critical-increase");
    let negative = EffectSize { allowed_decrease: Some(-0.1), ..EffectSize::default() };
    assert_eq!(refused(MetricSpec { effect: negative, ..suite() }), "allowed-decrease");
    assert_eq!(refused(MetricSpec { name: String::new(), ..suite() }), "name");
    assert_eq!(refused(MetricSpec { groups: Vec::new(), ..suite() }), "groups");
    let message = classify(&MetricSpec { tolerance: -1.0, ..suite() }, Mode::Exact, &[], &[]).unwrap_err();
    assert_eq!(message.to_string(), "metric \"latency\": tolerance must be at least 0 and finite");
}

fn weights(pairs: &[(&str, f64)]) -> BTreeMap<String, f64> {
    pairs.iter().map(|&(group, weight)| (group.to_owned(), weight)).collect()
}

fn in_group(classification: Classification, group: &str) -> MetricResult {
    result(classification, false, vec![group.to_owned()])
}

#[test]
fn weights_are_percentages() {
    let results = [in_group(Classification::Pass, "a"), in_group(Classification::High, "b")];
    for bad in [weights(&[("a", 60.0), ("b", 41.0)]), weights(&[("a", -1.0)]), weights(&[("a", f64::NAN)])] {
        assert_eq!(score(&results, &bad).unwrap_err().field, "group-weights");
    }
    // What is left of 100 is shared by the groups without a weight.
    let third = in_group(Classification::Pass, "c");
    let results = [results[0].clone(), results[1].clone(), third];
    assert_eq!(score(&results, &weights(&[("a", 50.0)])).unwrap().summary, 75.0);
    assert_eq!(score(&results, &weights(&[])).unwrap().summary, 66.67);
}

#[test]
fn silence_is_counted_where_it_is() {
    use Classification::{Error, High, Nodata, NodataFailMetric, Pass};
    let of = |classes: &[Classification]| {
        let results: Vec<MetricResult> = classes.iter().map(|&class| in_group(class, "g")).collect();
        score(&results, &BTreeMap::new()).unwrap()
    };
    assert_eq!(of(&[Pass, Pass, Nodata]).summary, 100.0, "a silent metric costs nothing …");
    assert_eq!(of(&[Pass, Pass, NodataFailMetric]).summary, 66.67, "… unless it must have data");
    assert_eq!(of(&[Pass, Nodata]).summary, 0.0, "half silent is too much");
    assert_eq!(of(&[Pass, Error]).reason.unwrap(), "1 of 2 metrics have no usable data");
    assert_eq!(of(&[Pass, High, High]).summary, 33.33);
    assert_eq!(of(&[]).summary, 0.0);
    let two = [in_group(Pass, "a"), in_group(Pass, "a"), in_group(Nodata, "b")];
    let both = score(&two, &weights(&[("a", 40.0), ("b", 60.0)])).unwrap();
    assert_eq!(both.summary, 100.0);
    assert_eq!((both.groups[1].score, both.groups[1].no_data), (0.0, true));
    let mut muted = in_group(High, "a");
    (muted.muted, muted.critical) = (true, true);
    assert_eq!(score(&[in_group(Pass, "a"), muted], &BTreeMap::new()).unwrap().summary, 100.0);
}

#[test]
fn thresholds_divide_the_scores() {
    let thresholds = Thresholds { pass: 90.0, marginal: 50.0 };
    for (score, expected) in [
        (100.0, ScoreClass::Pass),
        (90.0, ScoreClass::Pass),
        (89.99, ScoreClass::Marginal),
        (50.0, ScoreClass::Marginal),
        (49.99, ScoreClass::Fail),
    ] {
        assert_eq!(thresholds.classify(score), expected, "{score}");
    }
    let refused = |pass, marginal| Thresholds { pass, marginal }.check().unwrap_err().field;
    assert_eq!(refused(101.0, 50.0), "thresholds.pass");
    assert_eq!(refused(50.0, 60.0), "thresholds.marginal");
    assert_eq!(refused(50.0, f64::NAN), "thresholds.marginal");
}

fn analysis(mode: Mode) -> CanaryAnalysis {
    let metric = |name: &str, group: &str, experiment: &[f64]| MetricSeries {
        spec: MetricSpec { name: name.to_owned(), groups: vec![group.to_owned()], ..suite() },
        control: FAST.to_vec(),
        experiment: experiment.to_vec(),
    };
    CanaryAnalysis {
        mode,
        metrics: vec![
            metric("cpu", "resources", &FAST),
            metric("latency", "speed", &SLOW),
            metric("queue", "speed", &[1.5, 2.0, 1.2, 2.6, 2.9]),
        ],
        group_weights: weights(&[("speed", 80.0)]),
        thresholds: Thresholds { pass: 80.0, marginal: 60.0 },
    }
}

#[test]
fn a_whole_analysis_from_series_to_verdict() {
    for mode in BOTH {
        let judgement = judge(&analysis(mode)).unwrap();
        let classes: Vec<Classification> =
            judgement.metrics.iter().map(|metric| metric.classification).collect();
        assert_eq!(classes, [Classification::Pass, Classification::High, Classification::Pass]);
        assert_eq!((judgement.score.summary, judgement.classification), (60.0, ScoreClass::Marginal));
        assert_eq!(judgement, judge(&analysis(mode)).unwrap());
        let mut critical = analysis(mode);
        critical.metrics[1].spec.critical = true;
        let judgement = judge(&critical).unwrap();
        assert_eq!((judgement.score.summary, judgement.classification), (0.0, ScoreClass::Fail));
        assert!(judgement.score.reason.unwrap().starts_with("the critical metric \"latency\" failed"));
    }
}

#[test]
fn an_analysis_that_makes_no_sense_is_refused() {
    let refused = |change: fn(&mut CanaryAnalysis)| {
        let mut analysis = analysis(Mode::Exact);
        change(&mut analysis);
        judge(&analysis).unwrap_err().to_string()
    };
    assert_eq!(
        refused(|it| it.group_weights = weights(&[("sped", 80.0)])),
        "group-weights name the group \"sped\", to which no metric belongs"
    );
    assert_eq!(
        refused(|it| it.group_weights = weights(&[("speed", 80.0), ("resources", 30.0)])),
        "group-weights must not add up to more than 100; they are 110"
    );
    assert_eq!(
        refused(|it| it.metrics[2].spec.confidence = 98.0),
        "metric \"queue\": confidence must be above 0 and below 1"
    );
    let nothing = judge(&CanaryAnalysis::default()).unwrap();
    assert_eq!(
        (nothing.score.summary, nothing.classification),
        (0.0, ScoreClass::Fail),
        "no data is not success"
    );
}

#[cfg(feature = "serde")]
#[test]
fn an_analysis_is_a_file_and_a_judgement_is_json() {
    let text = r#"{
        "mode": "compatible",
        "metrics": [{
            "spec": {
                "name": "latency", "groups": ["speed"], "direction": "increase", "nan": "remove",
                "outliers": { "remove": { "factor": 2.0 } },
                "effect": { "measure": "cles", "allowed-increase": 0.6 }, "must-have-data": true
            },
            "control": [1.0, null, 2.0], "experiment": []
        }],
        "group-weights": { "speed": 100 }
    }"#;
    let analysis: CanaryAnalysis = serde_json::from_str(text).unwrap();
    let spec = &analysis.metrics[0].spec;
    assert_eq!(spec.outliers, OutlierStrategy::Remove(Iqr { factor: 2.0, reduce_sensitivity: true }));
    assert_eq!((spec.tolerance, spec.confidence), (0.25, 0.98));
    assert!(analysis.metrics[0].control[1].is_nan());
    let judgement = judge(&analysis).unwrap();
    let printed = serde_json::to_value(&judgement).unwrap();
    assert_eq!(printed["metrics"][0]["classification"], "nodata-fail-metric");
    assert_eq!(printed["metrics"][0]["control-points"], 2);
    assert_eq!(
        serde_json::from_value::<staunch_evidence::series::CanaryJudgement>(printed).unwrap(),
        judgement
    );
    let again: CanaryAnalysis = serde_json::from_str(&serde_json::to_string(&analysis).unwrap()).unwrap();
    assert_eq!(again.metrics[0].control[2], 2.0);
    let misspelt = serde_json::from_str::<CanaryAnalysis>(&text.replace("must-have-data", "must-have"));
    assert!(misspelt.unwrap_err().to_string().contains("must-have"));
}

/// The page's example is what a user copies first.
#[cfg(feature = "serde")]
#[test]
fn the_example_of_the_book_is_judged() {
    let page = include_str!("../../../../docs/src/series-judge.md");
    let example = page.split("```json").nth(1).unwrap().split("```").next().unwrap();
    let judgement = judge(&serde_json::from_str(example).unwrap()).unwrap();
    assert_eq!(judgement.metrics[0].classification, Classification::High);
    let reason = "the critical metric \"memory\" failed: the experiment is higher: shift 28.7, between 27.5 and 29.9; \
                  ratio of means 1.056";
    assert_eq!(judgement.score.reason.unwrap(), reason);
}

/// A million points: a bounded number of passes of n + m steps, where the pairs would be 210 billion.
#[test]
fn long_series_are_judged_too() {
    let value = |i: u32| f64::from(i.wrapping_mul(2_654_435_761) >> 12);
    let control: Vec<f64> = (0..700_000).map(value).collect();
    let experiment: Vec<f64> = (0..300_000).map(|i| value(i) * 1.01).collect();
    let spec = MetricSpec { tolerance: 0.5, ..suite() };
    for mode in BOTH {
        assert_eq!(label(&spec, mode, &control, &experiment), Classification::High);
    }
}

/// Numbers in [0, 1) that are the same in every run.
fn uniform(seed: u64) -> impl Iterator<Item = f64> {
    let next = |state: &u64| {
        Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    };
    std::iter::successors(Some(seed), next).skip(8).map(|state| (state >> 11) as f64 / 2.0_f64.powi(53))
}

/// Where the distribution is not counted out: many points, and ties inside the sides.
#[test]
fn the_approximate_interval_errs_no_more_than_it_says() {
    let runs = 2_000;
    for (n, m, levels) in [(60, 90, 1e9), (30, 30, 5.0), (12, 200, 20.0)] {
        let misses = (0..runs).filter(|&run| {
            let drawn: Vec<f64> = uniform(run).take(n + m).map(|u| (u * levels).floor()).collect();
            let shift = Samples::new(&drawn[..m], &drawn[m..]).shift(Mode::Exact, 0.9).unwrap();
            shift.low > 0.0 || shift.high < 0.0
        });
        let missed = misses.count() as f64 / runs as f64;
        // Three standard deviations of the simulation above the nominal error.
        assert!(missed < 0.12, "{missed} with {n} and {m} points on {levels} levels");
        assert!(missed > 0.06 || levels < 1e9, "{missed}: the interval is wider than it says");
    }
}

/// As metrics are: decimals of some size, often tied, sometimes negative or missing.
fn decimals(least: usize) -> impl Strategy<Value = Vec<f64>> {
    let point = prop_oneof![
        6 => (-500_i32..2_000).prop_map(|cents| f64::from(cents) / 100.0),
        2 => Just(0.0),
        1 => Just(f64::NAN),
    ];
    prop::collection::vec(point, least..40)
}

fn any_spec() -> impl Strategy<Value = MetricSpec> {
    let direction =
        prop_oneof![Just(Direction::Increase), Just(Direction::Decrease), Just(Direction::Either)];
    let nan = prop_oneof![Just(NanStrategy::Remove), Just(NanStrategy::Replace)];
    let iqr = (1.0..4.0_f64, any::<bool>())
        .prop_map(|(factor, reduce_sensitivity)| OutlierStrategy::Remove(Iqr { factor, reduce_sensitivity }));
    let outliers = prop_oneof![Just(OutlierStrategy::Keep), iqr];
    let measure = prop_oneof![Just(Measure::MeanRatio), Just(Measure::Cles)];
    let bound = || prop_oneof![Just(None), (0.0..1.0_f64).prop_map(Some)];
    let effect = (measure, bound(), bound(), bound(), bound());
    (direction, nan, outliers, effect, any::<bool>(), 0.0..1.0_f64, 0.5..0.999_f64).prop_map(
        |(
            direction,
            nan,
            outliers,
            (measure, up, down, worse_up, worse_down),
            critical,
            tolerance,
            confidence,
        )| {
            let effect = EffectSize {
                measure,
                allowed_increase: up,
                allowed_decrease: down,
                critical_increase: worse_up,
                critical_decrease: worse_down,
            };
            MetricSpec { direction, nan, outliers, effect, critical, tolerance, confidence, ..suite() }
        },
    )
}

fn times(series: &[f64], factor: f64) -> Vec<f64> {
    series.iter().map(|value| value * factor).collect()
}

fn mirrored(class: Classification) -> Classification {
    match class {
        Classification::High => Classification::Low,
        Classification::Low => Classification::High,
        Classification::Pass
        | Classification::Nodata
        | Classification::NodataFailMetric
        | Classification::Error => class,
    }
}

proptest! {
    #[test]
    fn the_exact_verdict_knows_no_unit(
        spec in any_spec(), control in decimals(0), experiment in decimals(0), power in -12_i32..=12,
    ) {
        let factor = 10.0_f64.powi(power);
        let here = judged(&spec, Mode::Exact, &control, &experiment);
        let there = judged(&spec, Mode::Exact, &times(&control, factor), &times(&experiment, factor));
        prop_assert_eq!((here.classification, here.critical), (there.classification, there.critical));
        prop_assert_eq!(here.experiment_points, there.experiment_points);
    }

    #[test]
    fn what_is_higher_one_way_is_lower_the_other(
        control in decimals(0), experiment in decimals(0), cles in any::<bool>(), tolerance in 0.0..1.0_f64,
    ) {
        let measure = if cles { Measure::Cles } else { Measure::MeanRatio };
        let spec = MetricSpec { tolerance, effect: EffectSize { measure, ..EffectSize::default() }, ..suite() };
        let there = label(&spec, Mode::Exact, &control, &experiment);
        let back = label(&spec, Mode::Exact, &experiment, &control);
        prop_assert_eq!(there, mirrored(back));
    }

    #[test]
    fn more_of_it_never_turns_high_into_low(
        spec in any_spec(), control in decimals(5), experiment in decimals(5), more in 0.0..50.0_f64,
    ) {
        let raised: Vec<f64> = experiment.iter().map(|value| value + more).collect();
        for mode in BOTH {
            if label(&spec, mode, &control, &experiment) == Classification::High {
                prop_assert_ne!(label(&spec, mode, &control, &raised), Classification::Low);
            }
        }
    }

    #[test]
    fn the_interval_holds_its_estimate_and_grows_with_confidence(
        control in decimals(8), experiment in decimals(8), confidence in 0.5..0.95_f64,
    ) {
        let samples = Samples::new(&control, &experiment);
        if let (Ok(narrow), Ok(wide)) = (samples.shift(Mode::Exact, confidence), samples.shift(Mode::Exact, 0.96)) {
            prop_assert!(wide.low <= narrow.low && narrow.low <= narrow.estimate);
            prop_assert!(narrow.estimate <= narrow.high && narrow.high <= wide.high);
        }
    }

    #[test]
    fn any_doubles_have_an_answer(
        spec in any_spec(),
        control in prop::collection::vec(any::<f64>(), 0..30),
        experiment in prop::collection::vec(any::<f64>(), 0..30),
    ) {
        for mode in [Mode::Compatible, Mode::Exact, Mode::MeanInequality] {
            let result = judged(&spec, mode, &control, &experiment);
            prop_assert!(!result.reason.is_empty());
            prop_assert!(result.deviation.is_none_or(f64::is_finite));
            prop_assert!(result.shift.is_none_or(|shift| shift.low.is_finite() && shift.high.is_finite()));
        }
    }
}
