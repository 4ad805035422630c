//! The statistics against independent numbers, exact expectations, hostile input and simulated rollouts.

mod exact;
mod hostile;
mod series;
mod simulated;
mod vectors;
