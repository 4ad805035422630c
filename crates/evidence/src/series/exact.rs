//! The shift from order statistics of the pairwise differences (Hodges and Lehmann 1963; Hollander, Wolfe, Chicken,
//! Nonparametric Statistical Methods, section 4.3).
//!
//! The interval from the C-th smallest to the C-th largest difference holds the true shift with the confidence, where
//! P(U < C) ≤ α/2 while there is none. Multiplying both series by a number multiplies every difference by it: no
//! verdict depends on the unit.

use super::pairwise::kth_difference;
use super::{NoShift, Samples, Shift, normal};

/// Below this many points on each side, without ties inside a side, the distribution of U is counted out. At the border,
/// which is that of R's `wilcox.test`, the normal approximation gives the same rank or its neighbour.
const COUNTED_BELOW: usize = 50;

pub(super) fn shift(samples: &Samples, confidence: f64) -> Result<Shift, NoShift> {
    let (low, high) = samples.differences().ok_or(NoShift::TooFewPoints)?;
    if !(high - low).is_finite() {
        return Err(NoShift::TooLarge);
    }
    let pairs = samples.experiment().len() as u64 * samples.control().len() as u64;
    let rank = critical_rank(samples, (1.0 - confidence) / 2.0).ok_or(NoShift::TooFewPoints)?;
    let at = |k| kth_difference(samples, k).ok_or(NoShift::TooFewPoints);
    let estimate = at(pairs.div_ceil(2))? / 2.0 + at(pairs / 2 + 1)? / 2.0;
    Ok(Shift { low: at(rank)?, estimate, high: at(pairs + 1 - rank)? })
}

/// The largest C with P(U < C) ≤ `alpha`, if any.
fn critical_rank(samples: &Samples, alpha: f64) -> Option<u64> {
    let (n, m) = (samples.experiment().len(), samples.control().len());
    let ties = ties(samples.experiment()) + ties(samples.control());
    let rank = if ties == 0.0 && n.max(m) < COUNTED_BELOW {
        counted_rank(n, m, alpha)
    } else {
        separation(n, m).filter(|&chance| chance <= alpha).map_or(0, |_| normal_rank(n, m, ties, alpha))
    };
    (rank > 0).then_some(rank)
}

/// The normal approximation with continuity correction. Away from the differences themselves only points of one side
/// can be tied, so those are the ties that lessen the variance.
fn normal_rank(n: usize, m: usize, ties: f64, alpha: f64) -> u64 {
    let (n, m) = (n as f64, m as f64);
    let variance = n * m / 12.0 * (n + m + 1.0 - ties / ((n + m) * (n + m - 1.0)));
    let below = n * m / 2.0 + 0.5 + normal::quantile(alpha) * variance.max(0.0).sqrt();
    // No further than the median, which the smallest confidences would pass.
    below.floor().clamp(0.0, (n * m / 2.0).ceil()) as u64
}

/// By the exact null distribution: the number of ways in which U = u is the coefficient of q^u in the Gaussian binomial
/// coefficient of n + m over n (Mann and Whitney 1947).
fn counted_rank(n: usize, m: usize, alpha: f64) -> u64 {
    // Half the distribution is enough: the critical rank lies below the median.
    let mut ways = vec![0_i128; n * m / 2 + 1];
    ways[0] = 1;
    for i in 1..=n {
        for u in (m + i..ways.len()).rev() {
            ways[u] -= ways[u - m - i];
        }
        for u in i..ways.len() {
            ways[u] += ways[u - i];
        }
    }
    let Some(one_way) = separation(n, m) else { return 0 };
    let cumulative = ways.iter().scan(0_i128, |sum, ways| {
        *sum += ways;
        Some(*sum as f64 * one_way)
    });
    cumulative.take_while(|&chance| chance <= alpha).count() as u64
}

/// The chance that all points of one side lie below all of the other while nothing differs: one in n + m over n. None
/// without points.
fn separation(n: usize, m: usize) -> Option<f64> {
    let (few, many) = (n.min(m), n.max(m));
    (few > 0).then(|| (1..=few).map(|i| i as f64 / (many + i) as f64).product())
}

/// Σ (t³ − t) over the sets of t equal points.
fn ties(sorted: &[f64]) -> f64 {
    sorted.chunk_by(|a, b| a == b).map(|equal| (equal.len() as f64).powi(3) - equal.len() as f64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tables of the Mann-Whitney test print C − 1, the largest U that is significant.
    #[test]
    fn counted_ranks_are_those_of_the_tables() {
        for (n, m, alpha, expected) in [
            (3, 3, 0.05, 1),
            (4, 4, 0.025, 1),
            (4, 4, 0.01, 0),
            (5, 5, 0.025, 3),
            (10, 10, 0.025, 24),
            (8, 12, 0.005, 16),
        ] {
            assert_eq!(counted_rank(n, m, alpha), expected, "{n} {m} {alpha}");
        }
    }

    #[test]
    fn both_ways_to_the_critical_rank_agree_at_the_border() {
        for alpha in [0.05, 0.025, 0.01] {
            let counted = counted_rank(49, 49, alpha);
            assert!(counted.abs_diff(normal_rank(49, 49, 0.0, alpha)) <= 1, "{counted}");
        }
    }
}
