use crate::math::{ln, open_unit};

/// Which of many metrics are to blame: e-BH (Wang and Ramdas, 2022). Of the nulls it rejects, the expected share of
/// true ones is at most `alpha`, whatever the dependence between the metrics.
///
/// Null: one for each metric. Takes the logarithms of their e-values and returns the positions of the culprits,
/// ascending. A value that is not a number is a metric without evidence, and still one of those looked at.
pub fn e_bh(log_e: &[f64], alpha: f64) -> Vec<usize> {
    let mut descending: Vec<usize> = (0..log_e.len()).filter(|&at| !log_e[at].is_nan()).collect();
    descending.sort_by(|&a, &b| log_e[b].total_cmp(&log_e[a]));
    let needed = |rank: usize| ln(log_e.len() as f64 / (rank as f64 * open_unit(alpha)));
    let last = (1..=descending.len()).rev().find(|&rank| {
        // Rounding of the logarithm must not lose a value that lies on its threshold.
        log_e[descending[rank - 1]] >= needed(rank) - 1e-12
    });
    descending.truncate(last.unwrap_or(0));
    descending.sort_unstable();
    descending
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_blamed_without_evidence() {
        assert_eq!(e_bh(&[], 0.1), Vec::<usize>::new());
        assert_eq!(e_bh(&[f64::NAN, f64::NEG_INFINITY, 0.0], 0.1), Vec::<usize>::new());
        assert_eq!(e_bh(&[f64::NAN, f64::INFINITY], f64::NAN), vec![1]);
    }

    #[test]
    fn a_metric_without_a_number_still_counts_as_looked_at() {
        let evidence = 15_f64.ln();
        assert_eq!(e_bh(&[evidence], 0.1), vec![0]);
        assert_eq!(e_bh(&[evidence, f64::NAN], 0.1), Vec::<usize>::new());
    }
}
