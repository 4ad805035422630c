//! Bounds from a process that runs for several values of its parameter side by side.

/// Where the rungs cease to be refuted: they come as `(position, log_e)` from the surest to be refuted to the least
/// sure. `None` when not even the first is, the last when all are. Between two rungs it is interpolated, so the rung
/// that decides is passed exactly when its own process has reached `level`.
///
/// Walking from the sure end makes the interval conservative: if the truth is cut off, the rung nearest to it on the
/// sure side is refuted, though it is a true null.
pub(crate) fn crossing(rungs: impl Iterator<Item = (f64, f64)>, level: f64) -> Option<f64> {
    let mut last: Option<(f64, f64)> = None;
    for (position, log_e) in rungs {
        if log_e >= level {
            last = Some((position, log_e));
            continue;
        }
        let (refuted, above) = last?;
        return Some(refuted + (position - refuted) * (above - level) / (above - log_e));
    }
    last.map(|(position, _)| position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walk_ends_at_the_first_rung_that_stands() {
        let at = |rungs: &[(f64, f64)]| crossing(rungs.iter().copied(), 2.0);
        assert_eq!(at(&[]), None);
        assert_eq!(at(&[(1.0, 1.0), (2.0, 9.0)]), None);
        assert_eq!(at(&[(1.0, 4.0), (2.0, 0.0), (3.0, 9.0)]), Some(1.5));
        assert_eq!(at(&[(1.0, 2.0), (2.0, 0.0)]), Some(1.0), "the rung itself, exactly");
        assert_eq!(at(&[(1.0, 4.0), (2.0, 3.0)]), Some(2.0));
        assert_eq!(at(&[(1.0, f64::NAN)]), None);
    }
}
