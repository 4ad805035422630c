//! Anytime-valid statistics for comparing two versions of a service under live traffic.
//!
//! Everything that decides is an **e-process**: a non-negative quantity whose expectation is at most 1 at every
//! stopping time while its null hypothesis is true. One may therefore look after every request, for ever, and the
//! chance that it ever reaches `1/α` is at most `α` (Ville's inequality). All values are natural logarithms; `ln` and
//! `exp` come from `libm`, so that a verdict replays to the same bits on every platform.
//!
//! | question | process |
//! |---|---|
//! | does the canary fail more often than stable? | [`RateRatio`] |
//! | does it fail more (or less) often than a limit? | [`OneSample`] |
//! | is it worse than stable by less than a margin? | [`NonInferiority`] |
//! | is it slower (or not slower) than stable? | [`RankComparison`] |
//! | is traffic split as configured? | [`SampleRatio`] |
//! | do failures rise above the usual, outside of rollouts? | [`SpikeDetector`] |
//! | does a shadow fail where live does not, or answer later? | [`PairedFailures`], [`PairedLatency`], [`PairedPass`] |
//! | is a mean above (or below) a limit, or stable's? | [`MeanTest`], [`MeanComparison`] |
//! | are there more (or fewer) events per second? | [`Throughput`], [`EqualIntensity`] |
//! | is a scraped histogram slower (or not)? | [`Exceedance`] |
//! | is a scraped metric worse (or not)? | [`SeriesSign`], [`MeanDifference`] |
//! | which of many metrics are to blame? | [`e_bh`] |
//! | do failures come in bursts? | [`Dispersion`] |
//!
//! [`RateRatioBand`], [`NonInferiorityBand`] and the bounds of [`OneSample`] invert the very test that decides: the end
//! of such a band meets the limit exactly when the verdict falls.
//!
//! Metrics that come as time series have a judge of their own, for a single look: [`series`].
//!
//! Estimates for display are confidence sequences ([`bernoulli_band`], [`MeanBand`], [`quantile_band`]), several processes
//! are joined by [`log_average`], and [`detection_bound_requests`] says what no test can beat.

mod average;
mod bounded;
mod chance;
mod change_point;
mod confseq;
mod counts;
mod dispersion;
mod ebh;
mod exceedance;
mod ladder;
mod math;
mod mean_band;
mod mean_difference;
mod means;
mod mixture;
mod non_inferiority;
mod non_inferiority_band;
mod one_sample;
mod paired;
mod power;
mod quantile_band;
mod quantile_test;
mod rank;
mod rate_ratio;
mod rate_ratio_band;
mod sample_ratio;
mod scraped_histogram;
mod sequence;
pub mod series;
mod series_sign;
mod sign;
mod special;
mod spike;
mod throughput;
mod usual_rate;

pub use average::log_average;
pub use bounded::ValuesSeen;
pub use change_point::Attribution;
pub use confseq::{GammaExponential, NormalMixture, Sides};
pub use counts::Counts;
pub use dispersion::{Dispersion, DispersionFinding};
pub use ebh::e_bh;
pub use exceedance::{Exceedance, Tail};
pub use mean_band::MeanBand;
pub use mean_difference::MeanDifference;
pub use means::{MeanComparison, MeanSide, MeanTest};
pub use non_inferiority::{NonInferiority, reverse_projection};
pub use non_inferiority_band::NonInferiorityBand;
pub use one_sample::OneSample;
pub use paired::{PairedFailures, PairedLatency, PairedPass};
pub use power::{
    LatencyShares, Traffic, VerdictRange, detection_bound_requests, information_per_request,
    log_normal_shares, requests_to_pass,
};
pub use quantile_band::{double_stitching_bound, empirical_process_bound, quantile_band};
pub use quantile_test::quantile_ab_log_e;
pub use rank::RankComparison;
pub use rate_ratio::RateRatio;
pub use rate_ratio_band::RateRatioBand;
pub use sample_ratio::SampleRatio;
pub use scraped_histogram::{Scrape, ScrapedHistogram};
pub use sequence::{bernoulli_band, bernoulli_confidence_interval, beta_binomial_log_e};
pub use series_sign::{SeriesSign, WorseWhen, decorrelation_scrapes};
pub use spike::{ShiryaevRoberts, SpikeDetector, SpikeSettings};
pub use throughput::{EqualIntensity, Exposure, RateSide, Throughput};
