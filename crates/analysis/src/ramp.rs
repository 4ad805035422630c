//! The weights a canary goes through, and what follows each.

use serde::{Deserialize, Serialize};
use staunch_model::{Step, Weight};

/// Rising weights below 100 %.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ramp(Vec<Weight>);

impl Ramp {
    pub(crate) fn new(steps: &[Step]) -> Self {
        Self(steps.iter().map(|step| step.weight).collect())
    }

    /// The share that comes next, 0 to 1; after the last step it is everyone.
    pub(crate) fn after(&self, weight: Weight) -> f64 {
        self.0.iter().find(|next| **next > weight).map_or(1.0, |next| next.ratio())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_next_share_is_the_next_step_or_everyone() {
        let step = |percent: f64| Step {
            weight: Weight::percent(percent).unwrap(),
            hold: Duration::ZERO,
            pause: false,
        };
        let ramp = Ramp::new(&[step(5.0), step(25.0)]);
        let after = |percent: f64| ramp.after(Weight::percent(percent).unwrap());
        assert_eq!((after(5.0), after(25.0), after(95.0)), (0.25, 1.0, 1.0));
        assert_eq!(Ramp::default().after(Weight::ZERO), 1.0);
    }
}
