use crate::math::{ln, ln_beta};

/// Is traffic split as configured? Dirichlet-multinomial Bayes factor of "some other split" to the configured one.
///
/// A mismatch is a routing fault and makes every comparison untrustworthy; it never blames a version.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SampleRatio {
    shares: Vec<f64>,
    counts: Vec<u64>,
}

/// How strongly the alternatives are gathered around the configured split, in pseudo-assignments.
const CONCENTRATION: f64 = 100.0;

impl SampleRatio {
    /// `shares` add up to one. Arms with no share are left out: whatever reaches them is ignored here.
    pub fn new(shares: &[f64]) -> Self {
        Self { shares: shares.to_vec(), counts: vec![0; shares.len()] }
    }

    /// Assignments per arm since the last look, in the order of the shares.
    pub fn observe(&mut self, assigned: &[u64]) {
        for (count, more) in self.counts.iter_mut().zip(assigned) {
            *count = count.saturating_add(*more);
        }
    }

    pub fn log_e(&self) -> f64 {
        dirichlet_log_e(&self.shares, CONCENTRATION, &self.counts)
    }

    pub fn counts(&self) -> &[u64] {
        &self.counts
    }
}

/// `ln B(kθ + counts) − ln B(kθ) − Σ counts ln θ` (Lindon and Malek, 2022).
pub(crate) fn dirichlet_log_e(shares: &[f64], concentration: f64, counts: &[u64]) -> f64 {
    let mut before = 0.0;
    let mut seen = 0.0;
    let mut log_e = 0.0;
    for (&share, &count) in shares.iter().zip(counts).filter(|(share, _)| **share > 0.0) {
        let (prior, count) = (concentration * share, count as f64);
        // ln B of the arms so far with this one: the multivariate beta function, one arm at a time.
        if before > 0.0 {
            log_e += ln_beta(before + seen, prior + count) - ln_beta(before, prior);
        }
        before += prior;
        seen += count;
        log_e -= count * ln(share);
    }
    log_e
}
