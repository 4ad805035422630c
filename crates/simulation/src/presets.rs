//! Worlds with names: six in which both versions are alike, and the faults a release may bring.

use crate::keys::nearest;
use crate::world::{World, WorldError};

/// A name, what it stands for, and its difference from the plain world.
pub struct Preset {
    pub name: &'static str,
    pub about: &'static str,
    shape: fn(&mut World),
}

/// Both versions are alike: whatever is rolled back here is rolled back wrongly.
pub static ALIKE: [Preset; 7] = [
    Preset { name: "plain", about: "nothing happens", shape: |_| {} },
    Preset {
        name: "outages",
        about: "30 s in which 20 % of both versions' requests fail, four times an hour, and a drifting base",
        shape: |world| {
            world.outage_errors = 0.2;
            world.outages_per_hour = 4.0;
            world.drift_sd = 0.3;
        },
    },
    Preset {
        name: "bursts",
        about: "a failing client fails five times in a row on average",
        shape: |world| world.burst = 5.0,
    },
    Preset {
        name: "long-bursts",
        about: "a failing client fails thirty times in a row on average",
        shape: |world| world.burst = 30.0,
    },
    Preset {
        name: "warm-up",
        about: "a fresh instance fails 5 % more, which is gone after 30 s",
        shape: |world| (world.cold_errors, world.cold_secs) = (0.05, 6.0),
    },
    Preset {
        name: "slow-instance",
        about: "instances differ in speed by 5 %",
        shape: |world| world.instances_sd = 0.05,
    },
    Preset {
        name: "drift",
        about: "the error share wanders by a factor of 1.6 within a minute, and traffic rises and falls",
        shape: |world| {
            world.drift_sd = 0.5;
            world.swing = 0.5;
        },
    },
];

/// The new version is worse.
pub static FAULTS: [Preset; 8] = [
    Preset {
        name: "errors-0.1-to-1",
        about: "1 % of requests fail instead of 0.1 %",
        shape: |world| world.canary_errors = 0.01,
    },
    Preset {
        name: "errors-1-to-5",
        about: "5 % of requests fail instead of 1 %",
        shape: |world| (world.errors, world.canary_errors) = (0.01, 0.05),
    },
    Preset {
        name: "errors-0.1-to-50",
        about: "half of all requests fail",
        shape: |world| world.canary_errors = 0.5,
    },
    Preset { name: "slower-20", about: "all latencies are 20 % higher", shape: |world| world.slower = 1.2 },
    Preset { name: "slower-100", about: "all latencies are doubled", shape: |world| world.slower = 2.0 },
    Preset {
        name: "tail",
        about: "the 99th percentile is doubled, the rest is as it was",
        shape: |world| world.tail = 2.0,
    },
    Preset {
        name: "late-fault",
        about: "5 % of requests fail instead of 1 %, from the 30th minute on",
        shape: |world| {
            (world.errors, world.canary_errors) = (0.01, 0.05);
            world.onset_secs = 1_800.0;
        },
    },
    Preset { name: "no-traffic", about: "nobody calls", shape: |world| world.rps = 0.0 },
];

/// All presets, those of alike versions first.
pub fn presets() -> impl Iterator<Item = &'static Preset> {
    ALIKE.iter().chain(&FAULTS)
}

impl Preset {
    pub fn world(&self) -> World {
        let mut world = World::default();
        (self.shape)(&mut world);
        world.name = self.name.to_owned();
        world
    }
}

/// The world of this name.
pub fn preset(name: &str) -> Result<World, WorldError> {
    let found = presets().find(|preset| preset.name == name);
    found.map(Preset::world).ok_or_else(|| WorldError::UnknownPreset {
        given: name.to_owned(),
        nearest: nearest(name, presets().map(|preset| preset.name)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_a_world_and_tells_whether_it_has_a_fault() {
        for preset in presets() {
            assert_eq!(preset.world().checked().as_ref(), Ok(&preset.world()), "{}", preset.name);
        }
        assert!(ALIKE.iter().all(|preset| !preset.world().has_fault()));
        let faults = FAULTS.iter().filter(|preset| preset.world().has_fault());
        assert_eq!(faults.count(), FAULTS.len() - 1, "only `no-traffic` has none");
    }
}
