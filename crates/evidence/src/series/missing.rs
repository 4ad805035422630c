//! Series in formats that have no NaN, such as JSON: a missing point is null.

use serde::{Deserialize, Deserializer, Serializer};

pub(super) fn serialize<S: Serializer>(series: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(series.iter().map(|value| (!value.is_nan()).then_some(value)))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    let series = Vec::<Option<f64>>::deserialize(deserializer)?;
    Ok(series.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect())
}
