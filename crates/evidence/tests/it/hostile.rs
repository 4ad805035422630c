//! Whatever comes in, a number comes out, and more harm is never less evidence of harm.

use proptest::prelude::*;
use staunch_evidence::{
    Counts, NonInferiority, OneSample, RankComparison, RateRatio, SampleRatio, bernoulli_band,
    requests_to_pass, reverse_projection,
};

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0_u64..50, 0_u64..1_000_000, Just(1_000_000_000_000)]
}

fn counts() -> impl Strategy<Value = Counts> {
    (count(), count()).prop_map(|(n, k)| Counts::new(n, k))
}

fn share() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(1.0), Just(f64::NAN), 0.0..1.0_f64, Just(-3.0), Just(1e-300)]
}

proptest! {
    #[test]
    fn never_not_a_number(
        buckets in prop::collection::vec((counts(), counts()), 1..20),
        limit in share(),
        bins in prop::collection::vec((any::<u16>(), count()), 0..6),
    ) {
        let (mut ratio, mut worse, mut below) =
            (RateRatio::with_restarts(limit), OneSample::harm(limit), OneSample::pass(limit));
        let mut margin = NonInferiority::new(limit);
        let mut rank = RankComparison::new(16);
        let mut split = SampleRatio::new(&[0.05, 0.95, 0.0]);
        for (canary, stable) in buckets {
            ratio.observe(canary, stable);
            worse.observe(canary);
            below.observe(canary);
            margin.observe(canary, stable);
            rank.observe(limit, &bins, &bins, true);
            rank.observe(limit / 2.0, &bins, &bins, false);
            split.observe(&[canary.attempts(), stable.attempts(), 7]);
            ratio.restart();
            worse.restart();
            rank.restart_harm();
            let (low, high) = bernoulli_band(canary, 0.05);
            prop_assert!(0.0 <= low && low <= high && high <= 1.0);
            let logs = [
                ratio.log_e(), worse.log_e(), below.log_e(), margin.log_e(), margin.growth(limit),
                rank.log_e_harm(), rank.log_e_pass(), split.log_e(),
            ];
            prop_assert!(logs.iter().all(|log| log.is_finite()), "{logs:?}");
        }
    }

    #[test]
    fn one_more_canary_failure_is_more_harm_and_less_pass(
        n in 1_u64..500, k in 0_u64..499, stable in counts(), limit in 0.001..0.9_f64,
    ) {
        prop_assume!(k < n);
        let (fewer, more) = (Counts::new(n, k), Counts::new(n, k + 1));
        let ratio = |canary| { let mut e = RateRatio::new(1.0); e.observe(canary, stable); e.log_e() };
        let harm = |canary| { let mut e = OneSample::harm(limit); e.observe(canary); e.log_e() };
        let pass = |canary| { let mut e = OneSample::pass(limit); e.observe(canary); e.log_e() };
        prop_assert!(ratio(more) >= ratio(fewer));
        prop_assert!(harm(more) >= harm(fewer));
        prop_assert!(pass(more) <= pass(fewer));
        let grossly = Counts::new(n, n);
        prop_assert!(harm(grossly) > harm(fewer).max(0.0) && pass(grossly) < 0.0);
    }

    #[test]
    fn a_band_holds_its_estimate_and_narrows(n in 1_u64..10_000, k in 0_u64..10_000) {
        prop_assume!(k <= n);
        let rate = k as f64 / n as f64;
        let (low, high) = bernoulli_band(Counts::new(n, k), 0.05);
        prop_assert!(low <= rate && rate <= high);
        let (lower, higher) = bernoulli_band(Counts::new(100 * n, 100 * k), 0.05);
        prop_assert!(higher - lower < high - low);
    }

    /// Stands on the line, where the slope of the distance (which is convex along it) changes its sign.
    #[test]
    fn a_projection_is_the_nearest_point(
        n_c in 1.0..1e5_f64, n_b in 1.0..1e7_f64, theta_b in 1e-7..0.6_f64, part in 0.0..1.0_f64,
        margin in 1e-4..0.39_f64,
    ) {
        let theta_c = theta_b * part + margin * part / 2.0;
        let (p_c, p_b) = reverse_projection(n_c, n_b, theta_c, theta_b, margin);
        prop_assert!((p_c - p_b - margin).abs() < 1e-12);
        let slope = |p_b: f64| {
            n_c * (p_b + margin - theta_c) / ((p_b + margin) * (1.0 - p_b - margin))
                + n_b * (p_b - theta_b) / (p_b * (1.0 - p_b))
        };
        prop_assert!(slope(p_b * (1.0 - 1e-9)) <= 0.0 && slope(p_b * (1.0 + 1e-9)) >= 0.0);
    }

    #[test]
    fn a_stricter_limit_needs_more_requests(limit in 0.0005..0.4_f64) {
        prop_assert!(requests_to_pass(limit, 0.05) >= requests_to_pass(limit * 1.5, 0.05));
    }
}
