//! The series judge: compares two versions by metrics that come as time series, and scores the whole from 0 to 100.
//!
//! For each metric a rank test gives a confidence interval of the shift between the two series (Mann and Whitney; Hodges
//! and Lehmann). A metric is high when the whole interval lies above a tolerated part of the estimated shift, and the
//! effect is large enough to matter. Metrics belong to groups, groups have weights, and one critical metric can fail all.
//!
//! This is what the judge published as NetflixACAJudge-v1.0 with Kayenta does, and [`Mode::Compatible`] gives its
//! verdicts. It differs in two things on purpose: noise is a fixed sequence, and an error of a metric counts as no data,
//! or as a failure if the metric is critical, where the published judge lets it pass.
//!
//! Unlike everything else in this crate it is a test for **one** look: looking again and again raises the
//! chance of a false alarm, and points that depend on each other break it.

mod classify;
mod clean;
mod compatible;
mod effect;
mod exact;
mod judge;
#[cfg(feature = "serde")]
mod missing;
mod noise;
mod normal;
mod pairwise;
mod percentile;
mod samples;
mod score;
mod shift;
mod spec;
mod words;
mod zeroin;

pub use classify::{Classification, MetricResult, classify};
pub use judge::{CanaryAnalysis, CanaryJudgement, MetricSeries, judge};
pub use percentile::percentile;
pub use samples::Samples;
pub use score::{GroupScore, Score, ScoreClass, Thresholds, score};
pub use shift::{NoShift, Shift};
pub use spec::{
    Direction, EffectSize, Iqr, Measure, MetricSpec, Mode, NanStrategy, OutlierStrategy, SpecError,
};
