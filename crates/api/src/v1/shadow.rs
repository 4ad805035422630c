//! How a shadow stands.

use serde::{Deserialize, Serialize};
use staunch_analysis as analysis;
use staunch_model as model;
use utoipa::ToSchema;

use super::{Time, wire_name};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Shadow {
    /// `pass`, `fail`, `undecided` or `no-data`.
    pub outcome: String,
    pub because: String,
    pub counts: ShadowCounts,
    /// Pairs that were timed one after the other, and those of them in which the shadow took too long.
    pub timed: u64,
    pub slower: u64,
    pub tests: Vec<ShadowTest>,
    /// Natural logarithm of all evidence of harm together, and where it decides.
    pub log_e_harm: f64,
    pub harm_limit: f64,
    /// About how many more pairs until a pass, if things stay as they are.
    pub needs_pairs: Option<u64>,
    /// What differs between two answers of the running version itself, and is not compared.
    pub volatile: Vec<String>,
    /// The first pairs that differ.
    pub examples: Vec<ShadowExample>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShadowCounts {
    pub pairs: u64,
    /// Pairs in which only the shadow failed, and only stable did.
    pub shadow_failed: u64,
    pub stable_failed: u64,
    pub different: u64,
    /// Pairs that differ only where the running version differs from itself.
    pub volatile: u64,
    /// Answers too large to be compared beyond status and headers.
    pub unread: u64,
    /// Requests that were not copied: too many at once, or too large.
    pub dropped: u64,
    pub too_large: u64,
    /// Copies sent to the running version.
    pub controls: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShadowTest {
    /// `errors`, `latency` or `differences`.
    pub test: String,
    pub passed: bool,
    pub because: String,
    pub log_e_harm: f64,
    pub log_e_pass: f64,
    pub pass_limit: f64,
    pub needs_pairs: Option<u64>,
}

/// Two answers to one request that should be the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShadowExample {
    pub at: Time,
    pub method: String,
    /// Without its query.
    pub path: String,
    /// How each side ended: a status, `timeout`, `connect-error` or `reset`.
    pub stable: String,
    pub shadow: String,
    pub differences: Vec<ShadowDifference>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShadowDifference {
    /// `status`, `header NAME`, `body`, or a path into JSON.
    pub place: String,
    pub stable: String,
    pub shadow: String,
}

impl From<&analysis::ShadowReading> for Shadow {
    fn from(reading: &analysis::ShadowReading) -> Self {
        Self {
            outcome: wire_name(reading.outcome),
            because: reading.because.clone(),
            counts: reading.counts.into(),
            timed: reading.timed,
            slower: reading.slower,
            tests: reading.tests.iter().map(ShadowTest::from).collect(),
            log_e_harm: reading.log_e_harm,
            harm_limit: reading.harm_limit,
            needs_pairs: reading.needs,
            volatile: reading.volatile.clone(),
            examples: reading.examples.iter().map(ShadowExample::from).collect(),
        }
    }
}

impl From<model::ShadowCounts> for ShadowCounts {
    fn from(counts: model::ShadowCounts) -> Self {
        let model::ShadowCounts {
            pairs,
            shadow_failed,
            stable_failed,
            different,
            volatile,
            unread,
            dropped,
            too_large,
            controls,
        } = counts;
        Self {
            pairs,
            shadow_failed,
            stable_failed,
            different,
            volatile,
            unread,
            dropped,
            too_large,
            controls,
        }
    }
}

impl From<&analysis::ShadowTest> for ShadowTest {
    fn from(test: &analysis::ShadowTest) -> Self {
        Self {
            test: test.test.clone(),
            passed: test.passed,
            because: test.because.clone(),
            log_e_harm: test.log_e_harm,
            log_e_pass: test.log_e_pass,
            pass_limit: test.pass_limit,
            needs_pairs: test.needs,
        }
    }
}

impl From<&model::ShadowExample> for ShadowExample {
    fn from(example: &model::ShadowExample) -> Self {
        let difference = |one: &model::ShadowDifference| ShadowDifference {
            place: one.place.clone(),
            stable: one.stable.clone(),
            shadow: one.shadow.clone(),
        };
        Self {
            at: example.at.into(),
            method: example.method.clone(),
            path: example.path.clone(),
            stable: example.stable.clone(),
            shadow: example.shadow.clone(),
            differences: example.differences.iter().map(difference).collect(),
        }
    }
}
