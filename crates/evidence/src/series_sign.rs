//! Metrics that come as a value per scrape: processor, memory, queues, any query.

use crate::sign::Sign;

/// Chances, to bet on, that the canary's value is the worse one.
const CHANCES: [f64; 4] = [0.6, 0.75, 0.9, 0.98];

/// Which way is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum WorseWhen {
    Higher,
    Lower,
}

/// Is a metric of the canary worse than stable's by more than a tolerance (harm), or by less (pass)?
///
/// Null of harm: given the past, the canary's value is worse than stable's and the tolerance with probability at most
/// one half; of pass: better than that with probability at most one half. Nine blocks on one side decide at 1 %.
///
/// Scrapes that follow from each other break it. So values are gathered into blocks, as long as stable's own series
/// remembers ([`decorrelation_scrapes`]), and a block counts once, by the medians of its two arms. Also broken by a
/// difference between instances that is none between versions: compare more than one, or widen the tolerance.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SeriesSign {
    question: Question,
    worse: WorseWhen,
    tolerance: f64,
    block: usize,
    canary: Vec<f64>,
    stable: Vec<f64>,
    missing: u64,
    sign: Sign,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Question {
    Harm,
    Pass,
}

/// Scrapes in the longest block: at 15 s, a quarter of an hour.
const LONGEST_BLOCK: usize = 60;

impl SeriesSign {
    /// `tolerance` relative to stable's value, 0.1 = 10 %; what is not a positive number counts as 0. `block` in
    /// scrapes, 1 to 60.
    pub fn harm(worse: WorseWhen, tolerance: f64, block: usize) -> Self {
        Self::new(Question::Harm, worse, tolerance, block)
    }

    pub fn pass(worse: WorseWhen, tolerance: f64, block: usize) -> Self {
        Self::new(Question::Pass, worse, tolerance, block)
    }

    /// Holds back half of the mass for a fault that begins late: one block more until a decision at the beginning.
    /// To be called before the first scrape.
    #[must_use]
    pub fn with_restarts(mut self) -> Self {
        self.sign = Sign::with_restarts(CHANCES);
        self
    }

    fn new(question: Question, worse: WorseWhen, tolerance: f64, block: usize) -> Self {
        let sign = Sign::plain(CHANCES);
        let tolerance = if tolerance.is_finite() { tolerance.max(0.0) } else { 0.0 };
        let block = block.clamp(1, LONGEST_BLOCK);
        Self { question, worse, tolerance, block, canary: Vec::new(), stable: Vec::new(), missing: 0, sign }
    }

    /// One scrape of both arms. When one of them has no finite value, the scrape is missing for both.
    pub fn observe(&mut self, canary: f64, stable: f64) {
        if !canary.is_finite() || !stable.is_finite() {
            self.missing = self.missing.saturating_add(1);
            return;
        }
        self.canary.push(canary);
        self.stable.push(stable);
        if self.canary.len() >= self.block {
            self.close_block();
        }
    }

    fn close_block(&mut self) {
        let (canary, stable) = (median(&mut self.canary), median(&mut self.stable));
        self.canary.clear();
        self.stable.clear();
        let allowance = self.tolerance * stable.abs();
        let excess = match self.worse {
            WorseWhen::Higher => canary - stable - allowance,
            WorseWhen::Lower => stable - canary - allowance,
        };
        // A tie speaks for neither claim: it counts against the one that is argued.
        let argued = match self.question {
            Question::Harm => excess > 0.0,
            Question::Pass => excess < 0.0,
        };
        self.sign.observe(u64::from(argued), u64::from(!argued));
    }

    /// Bets fresh mass, of what [`with_restarts`](Self::with_restarts) held back.
    pub fn restart(&mut self) {
        self.sign.restart();
    }

    pub fn log_e(&self) -> f64 {
        self.sign.log_e()
    }

    /// Scrapes left out.
    pub fn missing(&self) -> u64 {
        self.missing
    }
}

/// The middle value, or the mean of the two; not called without any.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let (below, above) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
    below + (above - below) / 2.0
}

/// After how many scrapes a series has forgotten itself: the first lag at which its autocorrelation is below what
/// chance gives, `2/√n` (Bartlett, 1946), up to the longest block. Measure it on the difference of two halves of stable.
///
/// `None` when it has not by then, or with fewer than four times as many finite values as lags looked at; then a sign
/// test on it cannot be trusted. A constant series has nothing to forget: 1.
pub fn decorrelation_scrapes(series: &[f64]) -> Option<usize> {
    let finite: Vec<f64> = series.iter().copied().filter(|value| value.is_finite()).collect();
    let count = finite.len() as f64;
    let mean = finite.iter().map(|value| value / count).sum::<f64>();
    let from_mean: Vec<f64> = finite.iter().map(|value| value - mean).collect();
    let covariance = |lag: usize| from_mean.iter().zip(&from_mean[lag..]).map(|(a, b)| a * b).sum::<f64>();
    let chance = 2.0 / count.sqrt();
    let lags = (finite.len() / 4).min(LONGEST_BLOCK);
    (1..=lags).find(|&lag| covariance(lag) <= chance * covariance(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(mut test: SeriesSign, scrapes: u32, canary: f64, stable: f64) -> SeriesSign {
        (0..scrapes).for_each(|_| test.observe(canary, stable));
        test
    }

    #[test]
    fn nine_scrapes_on_one_side_decide_even_with_mass_held_back() {
        let harm = SeriesSign::harm(WorseWhen::Higher, 0.1, 1);
        let pass = SeriesSign::pass(WorseWhen::Higher, 0.1, 1);
        let held_back = harm.clone().with_restarts();
        for (test, canary, needed) in [(harm, 1.2, 9), (pass, 1.0, 9), (held_back, 1.2, 9)] {
            let decides = |scrapes| after(test.clone(), scrapes, canary, 1.0).log_e() >= 100_f64.ln();
            assert!(decides(needed) && !decides(needed - 1), "{test:?}");
        }
    }

    #[test]
    fn a_late_fault_is_found_sooner_with_fresh_mass() {
        let scrapes_to_find = |mut test: SeriesSign| {
            for scrape in 0..200 {
                test.observe(f64::from(scrape % 2), 0.5);
                test.restart();
            }
            (0..200).find(|_| {
                test.observe(1.0, 0.5);
                test.log_e() >= 100_f64.ln()
            })
        };
        let plain = scrapes_to_find(SeriesSign::harm(WorseWhen::Higher, 0.0, 1));
        let fresh = scrapes_to_find(SeriesSign::harm(WorseWhen::Higher, 0.0, 1).with_restarts());
        assert!(fresh.is_some_and(|fresh| plain.is_some_and(|plain| fresh < plain)), "{fresh:?} {plain:?}");
    }

    #[test]
    fn worse_is_on_the_side_that_was_said_even_for_negative_values() {
        for (worse, canary, stable, is_worse) in [
            (WorseWhen::Higher, 12.0, 10.0, true),
            (WorseWhen::Higher, 10.5, 10.0, false),
            (WorseWhen::Lower, 8.0, 10.0, true),
            (WorseWhen::Lower, 12.0, 10.0, false),
            (WorseWhen::Higher, -10.5, -10.0, false),
            (WorseWhen::Higher, -8.0, -10.0, true),
        ] {
            let harm = after(SeriesSign::harm(worse, 0.1, 1), 20, canary, stable).log_e();
            let pass = after(SeriesSign::pass(worse, 0.1, 1), 20, canary, stable).log_e();
            assert_eq!((harm > 0.0, pass > 0.0), (is_worse, !is_worse), "{worse:?} {canary} {stable}");
        }
    }

    #[test]
    fn a_block_counts_once_by_its_medians() {
        let mut blocks = SeriesSign::harm(WorseWhen::Higher, 0.0, 3);
        for canary in [100.0, 0.0, 0.0] {
            blocks.observe(canary, 1.0);
        }
        assert_eq!(blocks, after(SeriesSign::harm(WorseWhen::Higher, 0.0, 3), 3, 0.0, 1.0));
        assert!(blocks.log_e() < 0.0, "two of three are lower");
    }

    #[test]
    fn ties_are_no_evidence_of_harm() {
        assert!(after(SeriesSign::harm(WorseWhen::Higher, 0.0, 1), 9, 0.0, 0.0).log_e() < 0.0);
        assert!(after(SeriesSign::pass(WorseWhen::Higher, 0.0, 1), 9, 0.0, 0.0).log_e() < 0.0);
    }

    #[test]
    fn what_is_not_a_number_is_missing() {
        let mut test = SeriesSign::harm(WorseWhen::Higher, f64::NAN, 0);
        for (canary, stable) in [(f64::NAN, 1.0), (1.0, f64::INFINITY), (f64::NAN, f64::NAN)] {
            test.observe(canary, stable);
        }
        assert_eq!((test.missing(), test.log_e().abs() < 1e-12), (3, true));
        test.observe(f64::MAX, -f64::MAX);
        assert!(test.log_e() > 0.0);
    }

    /// A seeded series in which each value keeps `memory` of the one before.
    fn remembering(memory: f64) -> Vec<f64> {
        let (mut state, mut value) = (9_u64, 0.0);
        let mut step = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            value = memory * value + (state >> 40) as f64 / (1_u64 << 24) as f64 - 0.5;
            value
        };
        (0..2_000).map(|_| step()).collect()
    }

    #[test]
    fn longer_memory_needs_longer_blocks() {
        assert_eq!(decorrelation_scrapes(&remembering(0.0)), Some(1));
        let some = decorrelation_scrapes(&remembering(0.7)).unwrap();
        let much = decorrelation_scrapes(&remembering(0.9)).unwrap();
        assert!((5..15).contains(&some) && some < much, "{some} {much}");
        let ramp: Vec<f64> = (0..400).map(f64::from).collect();
        assert_eq!(decorrelation_scrapes(&ramp), None, "a trend is never forgotten");
    }

    #[test]
    fn too_short_or_constant_series() {
        assert_eq!(decorrelation_scrapes(&[1.0, f64::NAN, 2.0]), None);
        assert_eq!(decorrelation_scrapes(&[5.0; 8]), Some(1));
        assert_eq!(decorrelation_scrapes(&[]), None);
    }
}
