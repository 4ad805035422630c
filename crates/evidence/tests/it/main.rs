//! The statistics against independent numbers, exact expectations, hostile input and simulated rollouts.

mod bands;
#[cfg(feature = "serde")]
mod checkpoint;
mod exact;
mod forecast;
mod hostile;
mod more_hostile;
mod more_vectors;
mod scraped;
mod series;
mod simulated;
mod spike_calibration;
mod vectors;
