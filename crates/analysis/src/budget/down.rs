//! How the window's budget was spent over time.

use staunch_model::{SloSpec, Timestamp};

use super::ledger::Ledger;
use super::standing::{ObjectiveKind, left, objectives};

/// Points of a line: more could not be seen.
const POINTS: i64 = 120;

/// What was left of the window's budget at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Left {
    pub at: Timestamp,
    /// Share of the budget of the whole window as it is now; below 0 when more is spent than there is.
    pub left: f64,
}

/// From the beginning of the window, or of counting, to `now`: the budget of the window as it is now, less every
/// failure up to then. So it begins at 1, never rises, and ends where the objective that is worst off stands. Counts
/// are exact; when within a bucket they came is not known, and they are shown at its end. Empty without a request.
pub fn burn_down(ledger: &Ledger, slo: &SloSpec, now: Timestamp) -> Vec<Left> {
    let Some((kind, target, total)) = worst(ledger, slo, now) else { return vec![] };
    let cut = ledger.cut();
    let buckets = ledger.within(cut.window, now);
    let begin = cut.edge(cut.window, now).max(ledger.since().0).min(now.0);
    let mut rest = buckets.iter().peekable();
    let mut bad = 0;
    let mut point = |number: i64| {
        let at = begin + (now.0 - begin) / POINTS * number;
        let at = if number == POINTS { now.0 } else { at };
        let ended = |start: i64| start + cut.at_age(now.0 - start) <= at || number == POINTS;
        while let Some(bucket) = rest.next_if(|bucket| ended(bucket.start)) {
            bad += kind.counts(&bucket.served).1;
        }
        Left { at: Timestamp(at), left: left(total, bad, target) }
    };
    (0..=POINTS).map(&mut point).collect()
}

/// The objective with the least left, and its requests; `None` without a request.
fn worst(ledger: &Ledger, slo: &SloSpec, now: Timestamp) -> Option<(ObjectiveKind, f64, u64)> {
    let whole = ledger.sum(ledger.cut().window, now);
    let counted = objectives(slo).filter_map(|(kind, target)| {
        let (total, bad) = kind.counts(&whole);
        (total > 0).then(|| (left(total, bad, target), (kind, target, total)))
    });
    counted.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, worst)| worst)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::budget::{Served, Standing};

    const HOUR: i64 = 3_600_000;
    const NOW: Timestamp = Timestamp(20_000 * 24 * HOUR);

    fn slo() -> SloSpec {
        SloSpec::availability(0.99, Duration::from_secs(30 * 86_400))
    }

    fn served(total: u64, failed: u64) -> Served {
        Served { total, failed, timed: 0, slow: 0 }
    }

    fn ago(hours: i64) -> Timestamp {
        Timestamp(NOW.0 - hours * HOUR)
    }

    #[test]
    fn what_an_outage_took_is_gone_from_when_it_was() {
        let mut ledger = Ledger::new(slo().window, ago(10 * 24));
        ledger.add(ago(9 * 24), served(100_000, 0));
        ledger.add(ago(5 * 24), served(1_000, 505));
        ledger.tidy(NOW);
        let line = burn_down(&ledger, &slo(), NOW);
        assert_eq!((line.len(), line[0].at, line[120].at), (121, ago(10 * 24), NOW));
        let at = |hours: i64| line.iter().rev().find(|one| one.at <= ago(hours)).unwrap().left;
        assert_eq!((line[0].left, at(6 * 24)), (1.0, 1.0));
        // 505 of the 1 010 that may fail.
        assert!((at(4 * 24) - 0.5).abs() < 1e-9 && (line[120].left - 0.5).abs() < 1e-9, "{line:?}");
    }

    #[test]
    fn without_a_request_nothing_is_drawn() {
        assert_eq!(burn_down(&Ledger::new(slo().window, NOW), &slo(), NOW), vec![]);
        let mut new = Ledger::new(slo().window, NOW);
        new.add(NOW, served(10, 10));
        assert!(burn_down(&new, &slo(), NOW).iter().all(|one| one.left.is_finite()));
    }

    proptest! {
        #[test]
        fn it_falls_from_one_to_what_is_left_now(
            since in 0_i64..900, counts in prop::collection::vec((0_i64..900, 1_u64..500, 0_u64..50), 1..80)
        ) {
            let mut ledger = Ledger::new(slo().window, ago(since));
            for (hours, ok, failed) in counts {
                ledger.add(ago(hours.min(since)), served(ok + failed, failed));
            }
            ledger.tidy(NOW);
            let line = burn_down(&ledger, &slo(), NOW);
            let standing = Standing::of(&ledger, &slo(), false, NOW);
            prop_assert!(line.is_sorted_by(|a, b| a.at <= b.at && a.left >= b.left));
            prop_assert!(line.last().is_none_or(|last| (last.left - standing.left()).abs() < 1e-9 || standing.left() == 1.0));
        }
    }
}
