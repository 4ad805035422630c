//! The statistics against independent numbers, exact expectations, hostile input and simulated rollouts.

mod bands;
mod exact;
mod forecast;
mod hostile;
mod simulated;
mod vectors;
