//! The world a policy is tried against: traffic, how both versions behave, and what goes wrong beside the release.

use serde::{Deserialize, Serialize};

use crate::keys::{KEYS, key};

/// One described world. All shares are 0 to 1, all spans seconds; time counts from the canary's first user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct World {
    pub name: String,
    /// Requests per second, both versions together.
    pub rps: f64,
    /// Traffic rises and falls by this share of itself …
    pub swing: f64,
    /// … once in this time.
    pub swing_secs: f64,
    /// Share of stable's requests that fail.
    pub errors: f64,
    /// Share of the canary's requests that fail, once the fault has begun.
    pub canary_errors: f64,
    /// The canary's latencies are this many times stable's, once the fault has begun …
    pub slower: f64,
    /// … and its 99th percentile is again this many times as high, by a stretch of the slowest 2 % alone.
    pub tail: f64,
    /// When the canary's fault begins.
    pub onset_secs: f64,
    /// Median latency in milliseconds, and the standard deviation of its logarithm.
    pub latency_ms: f64,
    pub sigma: f64,
    /// Instances differ in speed by this standard deviation of the logarithm.
    pub instances_sd: f64,
    /// Outages hit both versions: this share of all requests fails beside the usual …
    pub outage_errors: f64,
    /// … for this long, this often on average.
    pub outage_secs: f64,
    pub outages_per_hour: f64,
    /// The error share of both drifts: standard deviation and correlation time of its logarithm (first-order
    /// autoregressive).
    pub drift_sd: f64,
    pub drift_secs: f64,
    /// Failures come in bursts of one client each, this many on average (geometric). 1: each from its own client.
    pub burst: f64,
    /// An instance that was just started fails this share more, decaying with this time constant.
    pub cold_errors: f64,
    pub cold_secs: f64,
    /// From an instance's start to its being ready.
    pub start_secs: f64,
    /// The simulation ends here, whatever the rollout does.
    pub horizon_secs: f64,
}

impl Default for World {
    fn default() -> Self {
        Self {
            name: "plain".to_owned(),
            rps: 100.0,
            swing: 0.0,
            swing_secs: 3_600.0,
            errors: 0.001,
            canary_errors: 0.001,
            slower: 1.0,
            tail: 1.0,
            onset_secs: 0.0,
            latency_ms: 50.0,
            sigma: 0.6,
            instances_sd: 0.0,
            outage_errors: 0.0,
            outage_secs: 30.0,
            outages_per_hour: 0.0,
            drift_sd: 0.0,
            drift_secs: 60.0,
            burst: 1.0,
            cold_errors: 0.0,
            cold_secs: 30.0,
            start_secs: 1.0,
            horizon_secs: 3_600.0,
        }
    }
}

/// What is wrong with a description; each says which key and what it may be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WorldError {
    #[error("`{key}` is {value}; it may be {least} to {most}: {about}")]
    Range { key: &'static str, value: f64, least: f64, most: f64, about: &'static str },
    #[error("a world has no `{given}`{}", hint(.nearest.as_deref()))]
    UnknownKey { given: String, nearest: Option<String> },
    #[error("there is no world `{given}`{}", hint(.nearest.as_deref()))]
    UnknownPreset { given: String, nearest: Option<String> },
    #[error("`{given}` is not a number")]
    NotANumber { given: String },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; `{nearest}` is near"))
}

impl World {
    /// Reads `preset`, `key=value,…` or `preset,key=value,…`. The canary's errors follow `errors` unless they are
    /// given themselves or the preset tells them apart.
    pub fn read(text: &str) -> Result<Self, WorldError> {
        let mut world = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                None => world = crate::presets::preset(part)?,
                Some((name, value)) => world.set(name.trim(), value.trim())?,
            }
        }
        world.checked()
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), WorldError> {
        let key = key(name)?;
        let number: f64 =
            value.parse().map_err(|_| WorldError::NotANumber { given: format!("{name}={value}") })?;
        let alike = self.canary_errors == self.errors;
        *(key.place)(self) = number;
        if key.name == "errors" && alike {
            self.canary_errors = number;
        }
        Ok(())
    }

    /// The same world if every number is in its range; NaN is in none.
    pub fn checked(mut self) -> Result<Self, WorldError> {
        for key in &KEYS {
            let value = *(key.place)(&mut self);
            if !(key.least..=key.most).contains(&value) {
                let (key, least, most, about) = (key.name, key.least, key.most, key.about);
                return Err(WorldError::Range { key, value, least, most, about });
            }
        }
        Ok(self)
    }

    /// Whether the canary differs from stable by itself: rolling it back would be right.
    pub fn has_fault(&self) -> bool {
        self.canary_errors > self.errors || self.slower > 1.0 || self.tail > 1.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_world_is_a_preset_some_keys_or_both() {
        assert_eq!(World::read(""), Ok(World::default()));
        let world = World::read("errors-0.1-to-1, rps=1000").unwrap();
        assert_eq!((world.rps, world.errors, world.canary_errors), (1_000.0, 0.001, 0.01));
        let same = World::read("errors=0.02").unwrap();
        assert!(!same.has_fault() && same.canary_errors == 0.02);
        assert!(World::read("canary-errors=0.02").unwrap().has_fault());
    }

    #[test]
    fn what_cannot_be_is_refused_in_words() {
        let message = |text: &str| World::read(text).unwrap_err().to_string();
        assert_eq!(message("outagess"), "there is no world `outagess`; `outages` is near");
        assert_eq!(message("erors=1"), "a world has no `erors`; `errors` is near");
        assert_eq!(message("rps=many"), "`rps=many` is not a number");
        for text in ["rps=-1", "rps=NaN", "rps=inf", "errors=1.5", "sigma=0", "horizon-secs=1e12", "burst=0"]
        {
            assert!(matches!(World::read(text), Err(WorldError::Range { .. })), "{text}");
        }
        assert!(
            message("errors=2").starts_with("`errors` is 2; it may be 0 to 1: "),
            "{}",
            message("errors=2")
        );
    }

    #[test]
    fn silence_and_certain_failure_are_worlds() {
        for text in ["rps=0", "errors=0", "errors=1", "canary-errors=0"] {
            assert!(World::read(text).is_ok(), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_text_panics(text in "[a-z0-9=,.-]{0,40}") {
            if let Ok(world) = World::read(&text) {
                prop_assert!(world.checked().is_ok());
            }
        }
    }
}
