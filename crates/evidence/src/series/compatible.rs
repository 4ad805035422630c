//! The shift as the published judge finds it.

use super::zeroin::zeroin;
use super::{NoShift, Samples, Shift, normal};

/// Inverts the rank statistic by root finding: within an absolute 10⁻⁴ whatever the unit, so the ends may even cross for
/// values that small.
pub(super) fn shift(samples: &Samples, confidence: f64) -> Result<Shift, NoShift> {
    let (low, high) = samples.differences().ok_or(NoShift::TooFewPoints)?;
    if !(high - low).is_finite() {
        return Err(NoShift::TooLarge);
    }
    let above = |shift: f64, quantile: f64| samples.rank_z(shift).map(|z| z - quantile);
    let root = |quantile| zeroin(low, high, |shift| above(shift, quantile));
    let end = |quantile| {
        if above(low, quantile)? <= 0.0 {
            Some(low)
        } else if above(high, quantile)? >= 0.0 {
            Some(high)
        } else {
            root(quantile)
        }
    };
    let quantile = normal::quantile((1.0 - confidence) / 2.0);
    let found = || Some(Shift { low: end(-quantile)?, high: end(quantile)?, estimate: root(0.0)? });
    found().ok_or(NoShift::AllTied)
}
