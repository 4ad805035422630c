//! Error budgets: what users got, counted exactly over rolling windows, and what follows from it.
//!
//! A [`Ledger`] keeps counts in buckets that become coarser as they age. [`Standing::of`] reads it: budget left, burn
//! rates, alerts, the level that the gate acts by, and when a freeze ends.

mod burn;
mod down;
mod ledger;
mod spend;
mod standing;
mod tap;
#[cfg(test)]
mod tests;
mod thaw;
mod window;

pub use burn::{Alert, AlertRule, Burn, Urgency, rules};
pub use down::{Left, burn_down};
pub use ledger::{Bucket, Changes, Ledger};
pub use spend::{RolloutSpend, Side};
pub use standing::{Level, ObjectiveKind, ObjectiveStanding, Standing};
pub use tap::{Drawn, Served, Tap};
pub use window::resolution;
