//! The judge against simulated traffic: stories of good and bad days, then what must hold whatever comes.

mod always;
mod calibration;
mod cohorts;
mod films;
mod forecasts;
mod fresh;
mod replays;
mod rules;
mod shadows;
mod stories;
mod world;
