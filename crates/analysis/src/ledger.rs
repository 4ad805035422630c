//! What a person wants to see afterwards: totals, routes, the first failing requests. Nothing here decides.

use serde::{Deserialize, Serialize};
use staunch_model::{EdgeReport, Failure, Outcomes, Sample};

use crate::intake::{Arms, Side, Subject};

/// One route on both sides, since the rollout began, warm-up included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteTotals {
    /// `GET /orders/:id`
    pub route: String,
    pub canary: Outcomes,
    pub stable: Outcomes,
}

impl RouteTotals {
    /// Fails on the canary and has not failed on stable.
    pub fn new_in_canary(&self) -> bool {
        self.canary.failed() > 0 && self.stable.failed() == 0
    }
}

/// Routes beyond these are added up under one name, so that a service that invents paths cannot fill the memory.
const MOST_ROUTES: usize = 200;
const OTHER_ROUTES: &str = "(other routes)";
const MOST_FAILURES: usize = 20;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    pub(crate) totals: Arms<Outcomes>,
    /// Ascending by route.
    pub(crate) routes: Vec<RouteTotals>,
    pub(crate) failures: Vec<Failure>,
}

impl Ledger {
    pub(crate) fn add(&mut self, subject: &Subject, report: &EdgeReport) {
        for sample in &report.samples {
            if let Some(side) = subject.side_of(&sample.service, &sample.revision) {
                self.add_sample(side, sample);
            }
        }
        let room = MOST_FAILURES.saturating_sub(self.failures.len());
        let of_canary =
            |failure: &&Failure| subject.side_of(&failure.service, &failure.revision) == Some(Side::Canary);
        self.failures.extend(report.failures.iter().filter(of_canary).take(room).cloned());
    }

    fn add_sample(&mut self, side: Side, sample: &Sample) {
        self.totals.side(side).add(&sample.outcomes);
        let route = self.route(&sample.route);
        match side {
            Side::Canary => route.canary.add(&sample.outcomes),
            Side::Stable => route.stable.add(&sample.outcomes),
        }
    }

    fn route(&mut self, name: &str) -> &mut RouteTotals {
        let find = |routes: &[RouteTotals], name: &str| {
            routes.binary_search_by(|known| known.route.as_str().cmp(name))
        };
        let full = self.routes.len() >= MOST_ROUTES - 1;
        let name = if full && find(&self.routes, name).is_err() { OTHER_ROUTES } else { name };
        let at = find(&self.routes, name).unwrap_or_else(|at| {
            let empty = Outcomes::default();
            self.routes.insert(at, RouteTotals { route: name.to_owned(), canary: empty, stable: empty });
            at
        });
        &mut self.routes[at]
    }
}
