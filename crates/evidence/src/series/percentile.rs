/// The value below which `percent` of the points lie, interpolated between the two nearest: definition 7 of Hyndman and
/// Fan, "Sample Quantiles in Statistical Packages" (1996).
///
/// NaN is left out and a percentage outside 0 to 100 is the nearest inside; None without points or for a NaN percentage.
pub fn percentile(values: &[f64], percent: f64) -> Option<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    if percent.is_nan() {
        return None;
    }
    let position = (percent / 100.0).clamp(0.0, 1.0) * last as f64;
    let below = position.floor();
    let (low, high) = (sorted[below as usize], sorted[(below as usize + 1).min(last)]);
    Some(low + (position - below) * (high - low))
}
