use crate::math::{ln, log_sum_exp};

/// Log of the weighted average of e-processes, given as `(weight, log_e)`; weights are scaled to add up to one.
///
/// The average is an e-process whatever the dependence between its parts. A part at minus infinity contributes
/// nothing and keeps its weight. 0 when there is nothing to average.
pub fn log_average(parts: &[(f64, f64)]) -> f64 {
    let usable = |&&(weight, log_e): &&(f64, f64)| weight > 0.0 && !log_e.is_nan();
    let total: f64 = parts.iter().filter(usable).map(|(weight, _)| weight).sum();
    if total <= 0.0 {
        return 0.0;
    }
    log_sum_exp(parts.iter().filter(usable).map(|(weight, log_e)| ln(weight / total) + log_e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_of_nothing_is_no_evidence() {
        assert_eq!(log_average(&[]), 0.0);
        assert_eq!(log_average(&[(0.0, 9.0), (1.0, f64::NAN)]), 0.0);
    }

    #[test]
    fn parts_count_by_their_weight() {
        let average = log_average(&[(1.0, 8_f64.ln()), (3.0, 0.0)]);
        assert!((average - (11.0_f64 / 4.0).ln()).abs() < 1e-12);
        let halved = log_average(&[(1.0, 8_f64.ln()), (1.0, f64::NEG_INFINITY)]);
        assert!((halved - 4_f64.ln()).abs() < 1e-12);
    }
}
