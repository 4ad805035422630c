//! How a shadow stands, in numbers and words.

use serde::{Deserialize, Serialize};
use staunch_model::{ShadowCounts, ShadowExample};

use super::Shadow;
use crate::Outcome;
use crate::words::{exact_percent, percent};

/// Logarithms beyond this are shown as this: JSON has no infinity.
const MOST: f64 = 700.0;

/// How a shadow stands now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShadowReading {
    pub outcome: Outcome,
    /// One sentence with the numbers.
    pub because: String,
    pub counts: ShadowCounts,
    /// Pairs that were timed one after the other, and those of them in which the shadow took too long.
    pub timed: u64,
    pub slower: u64,
    pub tests: Vec<ShadowTest>,
    /// Natural logarithm of all evidence of harm together, and where it decides.
    pub log_e_harm: f64,
    pub harm_limit: f64,
    /// About how many more pairs until a pass if things stay as they are; `None` when not foreseeable.
    pub needs: Option<u64>,
    /// What differs between two answers of stable itself, and is not compared.
    pub volatile: Vec<String>,
    /// The first pairs that differ.
    pub examples: Vec<ShadowExample>,
}

/// One question about a shadow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShadowTest {
    /// `errors`, `latency` or `differences`.
    pub test: String,
    pub passed: bool,
    /// What was seen, and what is allowed.
    pub because: String,
    pub log_e_harm: f64,
    pub log_e_pass: f64,
    pub pass_limit: f64,
    pub needs: Option<u64>,
}

impl Shadow {
    /// How it stands. Does not change anything: ask as often as you like.
    pub fn reading(&self) -> ShadowReading {
        let tests = self.tests();
        let (outcome, because) = self.outcome(&tests);
        ShadowReading {
            outcome,
            because,
            counts: self.counts,
            timed: self.timed,
            slower: self.slower,
            log_e_harm: bounded(self.log_e_harm()),
            harm_limit: self.harm_limit,
            needs: self.needs(&tests),
            tests,
            volatile: self.volatile.iter().cloned().collect(),
            examples: self.examples.clone(),
        }
    }

    /// The test that speaks loudest against the shadow, in words.
    pub(super) fn blame(&self) -> String {
        let tests = self.tests();
        let loudest = tests.iter().max_by(|a, b| a.log_e_harm.total_cmp(&b.log_e_harm));
        let sure = 100.0 * (1.0 - libm::exp(-self.harm_limit));
        loudest.map_or_else(String::new, |test| format!("{} ({sure:.0} % sure)", test.because))
    }

    fn outcome(&self, tests: &[ShadowTest]) -> (Outcome, String) {
        let seen = self.seen();
        if let Some(because) = &self.failed {
            return (Outcome::Fail, because.clone());
        }
        if self.counts.pairs == 0 {
            return (Outcome::NoData, "no copy of a request has been answered yet".to_owned());
        }
        let open = tests.iter().find(|test| !test.passed);
        match open {
            Some(test) => (Outcome::Undecided, format!("{seen}; not sure yet: {}", test.because)),
            None if self.counts.pairs < self.spec.requests => {
                (Outcome::Undecided, format!("{seen} of {} that are asked for", self.spec.requests))
            }
            None => (Outcome::Pass, format!("{seen}, no worse: {}", joined(tests))),
        }
    }

    fn seen(&self) -> String {
        let counts = &self.counts;
        let dropped = counts.dropped + counts.too_large;
        let dropped = if dropped == 0 { String::new() } else { format!(" ({dropped} not copied)") };
        format!("{} pairs{dropped}", counts.pairs)
    }

    fn needs(&self, tests: &[ShadowTest]) -> Option<u64> {
        let asked = self.spec.requests.saturating_sub(self.counts.pairs);
        let open = tests.iter().filter(|test| !test.passed);
        open.map(|test| test.needs).try_fold(asked, |most, needs| Some(most.max(needs?)))
    }

    fn tests(&self) -> Vec<ShadowTest> {
        let mut tests = vec![self.errors()];
        if self.has_controls() {
            tests.push(self.latencies());
        }
        if self.compares_answers() {
            tests.push(self.answers());
        }
        tests
    }

    fn errors(&self) -> ShadowTest {
        let ShadowCounts { pairs, shadow_failed, stable_failed, .. } = self.counts;
        let allowed = exact_percent(self.spec.max_errors);
        let because = format!(
            "errors: of {pairs} pairs {shadow_failed} failed on the shadow alone and {stable_failed} on stable alone \
             (at most {allowed} more)"
        );
        self.test("errors", because, self.failures.0.log_e(), self.failures.1.log_e())
    }

    fn latencies(&self) -> ShadowTest {
        let (slower, timed) = (self.slower, self.timed);
        let margin = exact_percent(self.spec.max_slower);
        let because = format!(
            "latency: {slower} of {timed} timed pairs took over {margin} longer on the shadow (at most half may)"
        );
        self.test("latency", because, self.latency.0.log_e(), self.latency.1.log_e())
    }

    fn answers(&self) -> ShadowTest {
        let ShadowCounts { pairs, different, .. } = self.counts;
        let share = percent(different as f64 / pairs.max(1) as f64);
        let allowed = exact_percent(self.spec.max_differences);
        let because =
            format!("differences: {different} of {pairs} answers differ, {share} (limit {allowed})");
        self.test("differences", because, self.differences.0.log_e(), self.differences.1.log_e())
    }

    fn test(&self, test: &str, because: String, log_e_harm: f64, log_e_pass: f64) -> ShadowTest {
        ShadowTest {
            test: test.to_owned(),
            passed: log_e_pass >= self.pass_limit,
            because,
            log_e_harm: bounded(log_e_harm),
            log_e_pass: bounded(log_e_pass),
            pass_limit: self.pass_limit,
            needs: self.more_pairs(log_e_pass),
        }
    }

    /// At the pace at which the evidence has grown until now.
    fn more_pairs(&self, log_e: f64) -> Option<u64> {
        let missing = self.pass_limit - log_e;
        if missing <= 0.0 {
            return Some(0);
        }
        let more = missing * self.counts.pairs as f64 / log_e;
        (log_e > 0.0 && more < 1e12).then_some(more.ceil() as u64)
    }
}

fn joined(tests: &[ShadowTest]) -> String {
    tests.iter().map(|test| test.because.as_str()).collect::<Vec<_>>().join("; ")
}

fn bounded(log_e: f64) -> f64 {
    if log_e.is_nan() { 0.0 } else { log_e.clamp(-MOST, MOST) }
}
