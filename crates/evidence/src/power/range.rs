//! After how many canary requests a verdict falls, nine times in ten: a process itself on drawn traffic.
//!
//! A formula gives the mean at best; what people wait for is spread by a factor of ten around it. The draws are seeded,
//! so that a plan says the same each time.

use crate::Counts;
use crate::chance::Chance;

/// Canary requests until a verdict: it falls before `low` and after `high` once in twenty each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VerdictRange {
    pub low: f64,
    pub median: f64,
    /// Infinite when one in twenty takes longer than can be said.
    pub high: f64,
}

impl VerdictRange {
    /// The verdict has fallen.
    pub(super) const NOW: Self = Self { low: 0.0, median: 0.0, high: 0.0 };

    /// The same in seconds, at so many canary requests a second; infinite at none.
    #[must_use]
    pub fn seconds(self, canary_requests_per_second: f64) -> Self {
        let seconds = |requests: f64| requests / canary_requests_per_second.max(0.0);
        Self { low: seconds(self.low), median: seconds(self.median), high: seconds(self.high) }
    }
}

/// What the traffic will be: failure rates and the canary's share of the requests, all from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Traffic {
    pub p_stable: f64,
    pub p_canary: f64,
    pub share: f64,
}

/// Enough that the ends of the range are right to 2 % of the runs.
const RUNS: usize = 200;
/// Looks grow with the time, by one in sixteen: their number grows with its logarithm only.
const LOOKS_A_FOLD: u64 = 16;
/// What takes so many times the information bound is given up, …
const PATIENCE: f64 = 60.0;
/// … and what would take more canary requests than this is not begun.
const TOO_MANY: f64 = 1e12;

/// The range for a process that looks at buckets and says whether it has decided.
///
/// `bound` is the least number of canary requests that any test needs on average; `first_look` the number of them in
/// the first look: how many looks share the same counts does not matter, except to a process that learns from the past.
pub(super) fn range<P>(
    traffic: Traffic,
    bound: f64,
    first_look: f64,
    process: impl Fn() -> P,
) -> Option<VerdictRange>
where
    P: FnMut(Counts, Counts) -> bool,
{
    let rates = [traffic.p_stable, traffic.p_canary];
    let sane =
        rates.iter().all(|rate| (0.0..=1.0).contains(rate)) && traffic.share > 0.0 && traffic.share < 1.0;
    if !sane || bound.is_nan() || bound >= TOO_MANY || traffic.share < 1.0 / TOO_MANY {
        return None;
    }
    let (first_look, last) = (first_look.max(1.0) as u64, (PATIENCE * bound.max(1.0)) as u64);
    let mut chance = Chance::new(1);
    let mut run = || deciding_look(&mut chance, traffic, first_look, last, process());
    let mut looks: Vec<(f64, f64)> = (0..RUNS).map(|_| run()).collect();
    looks.sort_by(|a, b| a.1.total_cmp(&b.1));
    let at = |part: f64| looks[(part * (RUNS - 1) as f64) as usize];
    let (low, median, high) = (at(0.05), at(0.5), at(0.95));
    let range = VerdictRange { low: low.0, median: (median.0 + median.1) / 2.0, high: high.1 };
    range.median.is_finite().then_some(range)
}

/// The first and the last canary request of the look in which the process decides; infinite when it has not after the
/// `last`.
fn deciding_look(
    chance: &mut Chance,
    traffic: Traffic,
    first_look: u64,
    last: u64,
    mut decides: impl FnMut(Counts, Counts) -> bool,
) -> (f64, f64) {
    let stable_per_canary = (1.0 - traffic.share) / traffic.share;
    let (mut canary, mut stable) = (0_u64, 0_u64);
    while canary < last {
        let enough = canary + first_look.max(canary / LOOKS_A_FOLD);
        // With few requests on stable a look waits for one.
        let grown = enough.max(((stable + 1) as f64 / stable_per_canary).ceil() as u64);
        let (n_c, n_b) = (grown - canary, (grown as f64 * stable_per_canary) as u64 - stable);
        let of_canary = Counts::new(n_c, chance.binomial(n_c, traffic.p_canary));
        let of_stable = Counts::new(n_b, chance.binomial(n_b, traffic.p_stable));
        let first = canary + 1;
        (canary, stable) = (grown, stable + n_b);
        if decides(of_canary, of_stable) {
            return (first as f64, grown as f64);
        }
    }
    (f64::INFINITY, f64::INFINITY)
}
