//! Every process can be written down and goes on where it stopped.

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};
use staunch_evidence::{
    Counts, Dispersion, EqualIntensity, Exceedance, Exposure, MeanBand, MeanComparison, MeanDifference,
    MeanSide, MeanTest, PairedFailures, PairedLatency, PairedPass, RateSide, ScrapedHistogram, SeriesSign,
    SpikeDetector, SpikeSettings, Tail, Throughput, WorseWhen,
};

/// Writes it down after each of many steps' halves; the copy must go on as the original does.
fn goes_on<T: Clone + Debug + PartialEq + Serialize + DeserializeOwned>(
    mut process: T,
    step: impl Fn(&mut T, u64),
) {
    (0..50).for_each(|at| step(&mut process, at));
    // Through a value, not through text: the text of a number is rounded unless its reader is asked to be exact.
    let mut copy: T = serde_json::from_value(serde_json::to_value(&process).unwrap()).unwrap();
    assert_eq!(copy, process);
    (50..100).for_each(|at| {
        step(&mut process, at);
        step(&mut copy, at);
    });
    assert_eq!(copy, process);
}

#[test]
fn every_process_goes_on_where_it_was_written_down() {
    let settings = SpikeSettings { look_secs: 1.0, false_alarms_per_year: 1.0, tolerated_rate: 0.001 };
    goes_on(SpikeDetector::new(settings), |spike, at| spike.observe(at, Counts::new(40, at % 3)));
    goes_on(PairedFailures::default(), |pairs, at| pairs.observe(at % 2, at % 3));
    goes_on(PairedLatency::new(0.1), |pairs, at| pairs.observe((at % 7) as f64, (at % 5) as f64));
    goes_on(PairedPass::new(0.01), |pairs, at| pairs.observe(10, at % 2, at % 3));
    goes_on(MeanTest::new(MeanSide::Above, 3.0, 7.0), |mean, at| mean.observe((at % 8) as f64));
    goes_on(MeanBand::new(7.0, 0.05), |mean, at| mean.observe((at % 8) as f64));
    goes_on(MeanComparison::new(MeanSide::Below, 1.0, 7.0), |mean, at| {
        mean.observe(&[(at % 8) as f64], &[3.0, 4.0])
    });
    goes_on(MeanDifference::new(0.1, 0.5), |mean, at| mean.observe((at % 8) as f64, 3.0));
    goes_on(SeriesSign::harm(WorseWhen::Higher, 0.1, 4), |sign, at| sign.observe((at % 8) as f64, 3.0));
    goes_on(Dispersion::new(0.05), |dispersion, at| dispersion.observe(at % 4, at % 2));
    goes_on(EqualIntensity::new(&[1.0, 19.0]), |rates, at| rates.observe(&[at % 2, at]));
    goes_on(Throughput::new(RateSide::Lower, 1.1), |rates, at| {
        let arm = |events| Exposure { events, instance_secs: 1.0 };
        rates.observe(arm(at % 5), arm(at % 7));
    });
    goes_on(Exceedance::new(Tail::Slower, &[1.0, 2.0], 0.1), |latency, at| {
        latency.observe(&[at, 3, 4 * at], &[9 * at, 19 * at, 20]);
    });
    goes_on(ScrapedHistogram::new(2), |histogram, at| {
        histogram.scrape(&[at, 3 * at]);
    });
}
