//! The judge against simulated traffic: stories of good and bad days, then what must hold whatever comes.

mod always;
mod calibration;
mod films;
mod forecasts;
mod fresh;
mod replays;
mod shadows;
mod stories;
mod world;
