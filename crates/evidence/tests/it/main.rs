//! The statistics against independent numbers, exact expectations, hostile input and simulated rollouts.

mod bands;
mod exact;
mod hostile;
mod series;
mod simulated;
mod vectors;
