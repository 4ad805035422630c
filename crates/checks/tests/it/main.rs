//! Reports of real tools, and reports that mean harm.

mod hostile;
mod judged;
mod real;
