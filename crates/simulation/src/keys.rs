//! The keys of a world: one table for reading, checking and explaining.

use crate::world::{World, WorldError};

/// One number of a world.
pub struct Key {
    pub name: &'static str,
    pub least: f64,
    pub most: f64,
    pub about: &'static str,
    pub(crate) place: fn(&mut World) -> &mut f64,
}

const WEEK: f64 = 7.0 * 86_400.0;

macro_rules! key {
    ($field:ident, $name:literal, $least:expr, $most:expr, $about:literal) => {
        Key { name: $name, least: $least, most: $most, about: $about, place: |world| &mut world.$field }
    };
}

/// Every key, in the order in which a world is told.
pub static KEYS: [Key; 21] = [
    key!(rps, "rps", 0.0, 1e7, "requests per second of both versions"),
    key!(swing, "swing", 0.0, 1.0, "share by which traffic rises and falls"),
    key!(swing_secs, "swing-secs", 1.0, WEEK, "time of one rise and fall"),
    key!(errors, "errors", 0.0, 1.0, "share of stable's requests that fail"),
    key!(canary_errors, "canary-errors", 0.0, 1.0, "share of the canary's requests that fail"),
    key!(slower, "slower", 0.01, 100.0, "the canary's latencies are so many times stable's"),
    key!(tail, "tail", 1.0, 100.0, "its 99th percentile is again so many times as high"),
    key!(onset_secs, "onset-secs", 0.0, WEEK, "when the canary's fault begins"),
    key!(latency_ms, "latency-ms", 0.1, 60_000.0, "median latency in milliseconds"),
    key!(sigma, "sigma", 0.01, 3.0, "standard deviation of a latency's logarithm"),
    key!(instances_sd, "instances-sd", 0.0, 1.0, "standard deviation of the instances' speed"),
    key!(outage_errors, "outage-errors", 0.0, 1.0, "share that fails beside the usual in an outage of both"),
    key!(outage_secs, "outage-secs", 1.0, WEEK, "length of an outage of both"),
    key!(outages_per_hour, "outages-per-hour", 0.0, 1_000.0, "how often one begins"),
    key!(drift_sd, "drift-sd", 0.0, 3.0, "standard deviation of the error share's logarithm"),
    key!(drift_secs, "drift-secs", 1.0, WEEK, "correlation time of that drift"),
    key!(burst, "burst", 1.0, 10_000.0, "failures of one client in a row"),
    key!(cold_errors, "cold-errors", 0.0, 1.0, "share that fails beside the usual right after a start"),
    key!(cold_secs, "cold-secs", 0.1, WEEK, "time constant in which that decays"),
    key!(start_secs, "start-secs", 0.0, 3_600.0, "from an instance's start to its being ready"),
    key!(horizon_secs, "horizon-secs", 1.0, WEEK, "the simulation ends here"),
];

pub(crate) fn key(name: &str) -> Result<&'static Key, WorldError> {
    KEYS.iter().find(|key| key.name == name).ok_or_else(|| WorldError::UnknownKey {
        given: name.to_owned(),
        nearest: nearest(name, KEYS.iter().map(|key| key.name)),
    })
}

/// The known name most like the given one, if any is alike at all.
pub(crate) fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    /// Less than this share of the letters in common is another word, not a slip.
    const ALIKE: f64 = 0.5;
    let scored = known.map(|name| (strsim::normalized_damerau_levenshtein(given, name), name));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= ALIKE).then(|| best.1.to_owned())
}
