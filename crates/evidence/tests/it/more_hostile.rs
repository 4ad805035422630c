//! Whatever comes in, a number comes out, and one more failure is never less evidence.

use proptest::prelude::*;
use staunch_evidence::{
    Counts, Dispersion, DispersionFinding, EqualIntensity, Exceedance, Exposure, MeanBand, MeanComparison,
    MeanDifference, MeanSide, MeanTest, PairedFailures, PairedLatency, PairedPass, RateSide, SeriesSign,
    ShiryaevRoberts, SpikeDetector, SpikeSettings, Tail, Throughput, WorseWhen, e_bh,
};

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0_u64..50, 0_u64..1_000_000, Just(1_000_000_000_000), Just(u64::MAX)]
}

fn number() -> impl Strategy<Value = f64> {
    let wild = [0.0, -0.0, 1.0, -3.0, 1e-300, 1e300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    prop_oneof![prop::sample::select(wild.to_vec()), 0.0..1.0_f64, -1e6..1e6_f64]
}

proptest! {
    #[test]
    fn counts_of_any_size_give_a_number(
        steps in prop::collection::vec((count(), count(), count(), number()), 1..20),
        setting in number(),
    ) {
        let settings =
            SpikeSettings { look_secs: setting, false_alarms_per_year: setting, tolerated_rate: setting };
        let mut spike = SpikeDetector::new(settings);
        let (mut failures, mut pass) = (PairedFailures::default(), PairedPass::new(setting));
        let mut dispersion = Dispersion::new(setting);
        let mut lower = Throughput::new(RateSide::Lower, setting);
        let mut equal = EqualIntensity::new(&[setting, 1.0, 0.0]);
        let mut scraped = Exceedance::new(Tail::Faster, &[1.0, 2.0], setting);
        for (a, b, c, secs) in steps {
            spike.observe(a, Counts::new(b, c));
            failures.observe(a, b);
            pass.observe(a, b, c);
            dispersion.observe(a, b);
            lower.observe(
                Exposure { events: a, instance_secs: secs },
                Exposure { events: b, instance_secs: 1.0 },
            );
            equal.observe(&[a, b, c]);
            scraped.observe(&[a, b, c], &[c, b, a]);
            lower.restart();
            scraped.restart();
            let logs = [
                spike.log_m(), spike.log_threshold(), failures.log_e(), pass.log_e(), lower.log_e(),
                equal.log_e(), scraped.log_e(),
            ];
            prop_assert!(logs.iter().all(|log| log.is_finite()), "{logs:?}");
            let (DispersionFinding::TooFew { seen: first, needed: second }
            | DispersionFinding::Independent { phi: first, error: second }
            | DispersionFinding::Bursts { phi: first, error: second }) = dispersion.finding();
            prop_assert!(first.is_finite() && second.is_finite());
        }
    }

    #[test]
    fn values_of_any_size_give_a_number(
        values in prop::collection::vec((number(), number()), 1..30),
        setting in number(),
        bound in number(),
    ) {
        let mut mean = MeanTest::new(MeanSide::Above, setting, bound);
        let mut comparison = MeanComparison::new(MeanSide::Below, setting, bound);
        let mut band = MeanBand::new(bound, setting);
        let mut difference = MeanDifference::new(setting, bound);
        let mut latency = PairedLatency::new(setting);
        let mut sign = SeriesSign::pass(WorseWhen::Lower, setting, 2);
        for (a, b) in values {
            mean.observe(a);
            comparison.observe(&[a, b], &[b]);
            band.observe(a);
            difference.observe(a, b);
            latency.observe(a, b);
            sign.observe(a, b);
            let logs = [
                mean.log_e(), comparison.log_e(), difference.log_e(), latency.log_e(), sign.log_e(),
            ];
            prop_assert!(logs.iter().all(|log| log.is_finite()), "{logs:?}");
            prop_assert!(band.interval().is_none_or(|(low, high)| 0.0 <= low && low <= high));
        }
    }

    #[test]
    fn one_more_failure_is_never_less_evidence(n in 1_u64..500, k in 0_u64..499, rate in 0.0001..0.9_f64) {
        prop_assume!(k < n);
        let spike = |failures| {
            let mut detector = ShiryaevRoberts::default();
            detector.observe(Counts::new(n, failures), rate);
            detector.log_m()
        };
        prop_assert!(spike(k + 1) >= spike(k));
        let shadow = |failures| { let mut e = PairedFailures::default(); e.observe(failures, k); e.log_e() };
        prop_assert!(shadow(n + 1) >= shadow(n));
        let passes = |failures| { let mut e = PairedPass::new(rate); e.observe(n, failures, 0); e.log_e() };
        prop_assert!(passes(k + 1) <= passes(k));
    }

    #[test]
    fn more_evidence_never_clears_a_culprit(log_e in prop::collection::vec(-5.0..12.0_f64, 1..20), more in 0.0..5.0_f64) {
        let raised: Vec<f64> = log_e.iter().map(|log| log + more).collect();
        let (before, after) = (e_bh(&log_e, 0.1), e_bh(&raised, 0.1));
        prop_assert!(before.iter().all(|culprit| after.contains(culprit)));
    }
}
