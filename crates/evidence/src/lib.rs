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
//!
//! [`RateRatioBand`], [`NonInferiorityBand`] and the bounds of [`OneSample`] invert the very test that decides: the end
//! of such a band meets the limit exactly when the verdict falls.
//!
//! Estimates for display are confidence sequences ([`bernoulli_band`]), several processes are joined by
//! [`log_average`], and [`detection_bound_requests`] says what no test can beat.

mod average;
mod chance;
mod counts;
mod ladder;
mod math;
mod mixture;
mod non_inferiority;
mod non_inferiority_band;
mod one_sample;
mod power;
mod rank;
mod rate_ratio;
mod rate_ratio_band;
mod sample_ratio;
mod sequence;

pub use average::log_average;
pub use counts::Counts;
pub use non_inferiority::{NonInferiority, reverse_projection};
pub use non_inferiority_band::NonInferiorityBand;
pub use one_sample::OneSample;
pub use power::{
    LatencyShares, Traffic, VerdictRange, detection_bound_requests, information_per_request,
    log_normal_shares, requests_to_pass,
};
pub use rank::RankComparison;
pub use rate_ratio::RateRatio;
pub use rate_ratio_band::RateRatioBand;
pub use sample_ratio::SampleRatio;
pub use sequence::{bernoulli_band, bernoulli_confidence_interval, beta_binomial_log_e};
