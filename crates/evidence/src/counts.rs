use crate::math::ln;

/// Attempts of one arm since the last look, and how many of them failed (or were slow, or whatever is counted).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(from = "(u64, u64)", into = "(u64, u64)"))]
pub struct Counts {
    attempts: u64,
    failures: u64,
}

impl Counts {
    /// More failures than attempts cannot be: the surplus is dropped.
    pub fn new(attempts: u64, failures: u64) -> Self {
        Self { attempts, failures: failures.min(attempts) }
    }
    pub fn attempts(self) -> u64 {
        self.attempts
    }
    pub fn failures(self) -> u64 {
        self.failures
    }
    pub fn is_empty(self) -> bool {
        self.attempts == 0
    }
    /// The share that failed, 0 to 1; `None` without attempts.
    pub fn rate(self) -> Option<f64> {
        (self.attempts > 0).then(|| self.failures as f64 / self.attempts as f64)
    }
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            attempts: self.attempts.saturating_add(other.attempts),
            failures: self.failures.saturating_add(other.failures),
        }
    }
    /// What came after `start`, an earlier state of these counts.
    pub(crate) fn minus(self, start: Self) -> Self {
        Self::new(self.attempts.saturating_sub(start.attempts), self.failures.saturating_sub(start.failures))
    }
    pub(crate) fn n(self) -> f64 {
        self.attempts as f64
    }
    pub(crate) fn k(self) -> f64 {
        self.failures as f64
    }
    /// Log likelihood ratio of the rate `p` to the rate `q`; both lie strictly between 0 and 1.
    pub(crate) fn log_ratio(self, p: f64, q: f64) -> f64 {
        let failed = if self.failures > 0 { self.k() * ln(p / q) } else { 0.0 };
        failed + (self.n() - self.k()) * ln((1.0 - p) / (1.0 - q))
    }
}

/// Attempts and failures: a checkpoint keeps many of them.
impl From<(u64, u64)> for Counts {
    fn from((attempts, failures): (u64, u64)) -> Self {
        Self::new(attempts, failures)
    }
}

impl From<Counts> for (u64, u64) {
    fn from(counts: Counts) -> Self {
        (counts.attempts, counts.failures)
    }
}
