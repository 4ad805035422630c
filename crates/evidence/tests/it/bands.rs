//! The end of a band meets the limit exactly when the verdict falls.

use proptest::prelude::*;
use staunch_evidence::{Counts, NonInferiorityBand, OneSample, RateRatioBand};

/// A path of buckets with failures that jump around, and a restart now and then.
fn path() -> impl Strategy<Value = Vec<(Counts, Counts, bool)>> {
    let counts = || (1_u64..400, 0.0..0.3_f64).prop_map(|(n, rate)| Counts::new(n, (rate * n as f64) as u64));
    prop::collection::vec((counts(), counts(), prop::bool::weighted(0.3)), 1..90)
}

const LEVELS: [f64; 4] = [0.1, 3.0, 4.6, 12.0];

fn assert_ascending(bounds: &[Option<f64>]) {
    for pair in bounds.windows(2) {
        // None is below every number: nothing is refuted at a higher level that is not at a lower one.
        assert!(pair[0] >= pair[1], "{bounds:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_limit_is_broken_when_the_lower_bound_has_reached_it(path in path(), limit in 0.0005..0.4_f64) {
        let mut process = OneSample::harm(limit);
        for (counts, _, restart) in path {
            process.observe(counts);
            if restart {
                process.restart();
            }
            for level in LEVELS {
                let reached = process.lower_bound(level).is_some_and(|bound| bound >= limit);
                prop_assert_eq!(reached, process.log_e() >= level);
            }
        }
        assert_ascending(&LEVELS.map(|level| process.lower_bound(level)));
    }

    #[test]
    fn a_limit_is_kept_when_the_upper_bound_has_reached_it(path in path(), limit in 0.0005..0.9_f64) {
        let mut process = OneSample::pass(limit);
        for (counts, ..) in path {
            process.observe(counts);
            for level in LEVELS {
                let reached = process.upper_bound(level).is_some_and(|bound| bound <= limit);
                prop_assert_eq!(reached, process.log_e() >= level);
            }
        }
        assert_ascending(&LEVELS.map(|level| process.upper_bound(level).map(|bound| -bound)));
    }

    /// The bound of one process is the limit at which another one would just decide.
    #[test]
    fn a_bound_is_where_another_limit_would_decide(path in path(), limit in 0.0005..0.4_f64) {
        let run = |mut process: OneSample| {
            for (counts, _, restart) in &path {
                process.observe(*counts);
                if *restart {
                    process.restart();
                }
            }
            process
        };
        let level = 4.6;
        if let Some(bound) = run(OneSample::harm(limit)).lower_bound(level) {
            prop_assert!(run(OneSample::harm(bound * (1.0 - 1e-5))).log_e() >= level);
            prop_assert!(run(OneSample::harm(bound * (1.0 + 1e-5))).log_e() < level);
        }
        if let Some(bound) = run(OneSample::pass(limit)).upper_bound(level) {
            prop_assert!(run(OneSample::pass(bound * (1.0 + 1e-5))).log_e() >= level);
            prop_assert!(run(OneSample::pass(bound * (1.0 - 1e-5))).log_e() < level);
        }
    }

    #[test]
    fn the_tolerated_ratio_is_broken_when_the_lower_bound_has_reached_it(path in path(), rho in 0.5..3.0_f64) {
        let mut process = RateRatioBand::with_restarts(rho);
        for (canary, stable, restart) in path {
            process.observe(canary, stable);
            if restart {
                process.restart();
            }
            for level in LEVELS {
                let reached = process.lower_bound(level).is_some_and(|bound| bound >= rho);
                prop_assert_eq!(reached, process.log_e() >= level);
            }
        }
        assert_ascending(&LEVELS.map(|level| process.lower_bound(level)));
    }

    #[test]
    fn the_margin_is_kept_when_the_upper_bound_has_reached_it(path in path(), margin in 0.002..0.3_f64) {
        let mut process = NonInferiorityBand::new(margin);
        for (canary, stable, _) in path {
            process.observe(canary, stable);
            for level in LEVELS {
                let bound = process.upper_bound(level);
                let reached = bound.is_some_and(|bound| bound <= margin);
                prop_assert_eq!(reached, process.log_e() >= level, "{:?} {} {:?}", bound, level, process);
            }
        }
        assert_ascending(&LEVELS.map(|level| process.upper_bound(level).map(|bound| -bound)));
    }
}
