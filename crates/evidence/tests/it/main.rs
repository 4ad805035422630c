//! The statistics against independent numbers, exact expectations, hostile input and simulated rollouts.

#[cfg(feature = "serde")]
mod checkpoint;
mod exact;
mod hostile;
mod more_hostile;
mod more_vectors;
mod scraped;
mod simulated;
mod spike_calibration;
mod vectors;
