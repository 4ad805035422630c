//! Worlds of counts with known answers.

use std::time::Duration;

use proptest::prelude::*;
use staunch_model::{
    Histogram, LatencyObjective, Outcomes, RevisionDigest, Sample, ServiceName, SloSpec, SplitGeneration,
    Timestamp, Weight, bucket_of_micros,
};

use super::*;

const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;
const MONTH: Duration = Duration::from_secs(30 * 86_400);
/// Some time that is a multiple of an hour, so that edges are easy to tell.
const NOW: i64 = 20_000 * DAY;

fn served(total: u64, failed: u64) -> Served {
    Served { total, failed, timed: total - failed, slow: 0 }
}

fn at(ms: i64) -> Timestamp {
    Timestamp(NOW + ms)
}

fn three_nines(window: Duration) -> SloSpec {
    SloSpec::availability(0.999, window)
}

fn stand(ledger: &Ledger, slo: &SloSpec) -> Standing {
    Standing::of(ledger, slo, false, at(0))
}

/// The same rate of failures over all of the last 30 days, one bucket each ten minutes.
fn steady(per_bucket: u64, failed: u64) -> Ledger {
    let mut ledger = Ledger::new(MONTH, at(-40 * DAY));
    for minute in 0..(30 * 144) {
        ledger.add(at(-30 * DAY + minute * 600 * SECOND), served(per_bucket, failed));
    }
    ledger.tidy(at(0));
    ledger
}

/// Table 5-8 of the SRE workbook, and the fourth rule that is usual beside it: window of 30 days.
#[test]
fn the_rules_are_the_workbooks() {
    let table = rules(30 * DAY).map(|rule| (rule.long_ms / 60_000, rule.short_ms / 60_000, rule.factor));
    let paper = [(60, 5, 14.4), (360, 30, 6.0), (24 * 60, 120, 3.0), (72 * 60, 360, 1.0)];
    for (ours, theirs) in table.iter().zip(paper) {
        assert_eq!((ours.0, ours.1), (theirs.0, theirs.1));
        assert!((ours.2 - theirs.2).abs() < 1e-12, "{ours:?}");
    }
}

/// Table 5-2 of the workbook: burn rate, error rate for a 99.9 % objective, time until the budget is gone.
#[test]
fn burn_rates_and_times_to_exhaustion_are_the_workbooks() {
    for (burn, failed_of_million, gone_after) in [
        (2.0, 2_000, 15 * DAY),
        (10.0, 10_000, 3 * DAY),
        (1_000.0, 1_000_000, 43 * 60 * SECOND + 12 * SECOND),
    ] {
        let mut ledger = Ledger::new(MONTH, at(-40 * DAY));
        ledger.add(at(-HOUR / 2), served(1_000_000, failed_of_million));
        // So much good traffic before that nearly all of the budget is there.
        ledger.add(at(-10 * DAY), served(1_000_000_000_000, 0));
        let standing = stand(&ledger, &three_nines(MONTH));
        let objective = &standing.objectives[0];
        assert!((objective.burns[0].long.unwrap() - burn).abs() < 1e-9 * burn, "{:?}", objective.burns[0]);
        let after = objective.exhausted_in_ms.unwrap() as f64;
        assert!((after / gone_after as f64 - 1.0).abs() < 0.002, "{after} {gone_after}");
    }
    // A rate of 1 is what the window gives back for ever.
    let ledger = steady(10_000, 10);
    let objective = &stand(&ledger, &three_nines(MONTH)).objectives[0];
    assert!((objective.burns[3].long.unwrap() - 1.0).abs() < 1e-9);
    assert_eq!(objective.exhausted_in_ms, None);
}

#[test]
fn an_alert_needs_both_windows() {
    let fires = |failures: &[(i64, u64)]| {
        let mut ledger = steady(10_000, 0);
        for (when, failed) in failures {
            ledger.add(at(*when), served(10_000, *failed));
        }
        stand(&ledger, &three_nines(MONTH)).objectives[0]
            .burns
            .iter()
            .map(|burn| burn.fires)
            .collect::<Vec<_>>()
    };
    // 2 % of all in the last hour is twenty times the rate; the short window sees it too.
    assert_eq!(fires(&[(-50 * 60 * SECOND, 1_400), (-60 * SECOND, 1_400)]), [true, true, false, false]);
    // The same, long over: the five minutes say that it does not go on.
    assert_eq!(fires(&[(-50 * 60 * SECOND, 2_800)]), [false, false, false, false]);
    // A handful is no measure, however large the rate of these five minutes is.
    assert_eq!(fires(&[(-60 * SECOND, 9)]), [false, false, false, false]);
    assert_eq!(fires(&[]), [false, false, false, false]);
}

#[test]
fn a_rate_exactly_at_the_factor_fires() {
    let mut ledger = Ledger::new(MONTH, at(-40 * DAY));
    for minute in 0..60 {
        ledger.add(at(-HOUR + minute * 60 * SECOND), served(10_000, 144));
    }
    assert!(stand(&ledger, &three_nines(MONTH)).objectives[0].burns[0].fires);
    let mut below = Ledger::new(MONTH, at(-40 * DAY));
    for minute in 0..60 {
        below.add(at(-HOUR + minute * 60 * SECOND), served(10_000, 143));
    }
    assert!(!stand(&below, &three_nines(MONTH)).objectives[0].burns[0].fires);
}

#[test]
fn the_budget_is_what_the_objective_allows_of_what_was_asked() {
    let mut ledger = Ledger::new(MONTH, at(-40 * DAY));
    ledger.add(at(-DAY), served(1_000_000, 250));
    let standing = stand(&ledger, &three_nines(MONTH));
    let objective = &standing.objectives[0];
    assert_eq!((objective.total, objective.bad), (1_000_000, 250));
    assert!((objective.budget - 1_000.0).abs() < 1e-6 && (objective.left - 0.75).abs() < 1e-9);
    assert_eq!(standing.level, Level::Open);
    assert!(standing.whole);
}

#[test]
fn levels_have_a_hysteresis() {
    let level = |left_percent: u64, frozen: bool| {
        let mut ledger = Ledger::new(MONTH, at(-40 * DAY));
        ledger.add(at(-DAY), served(1_000_000, 1_000 - 10 * left_percent));
        Standing::of(&ledger, &three_nines(MONTH), frozen, at(0)).level
    };
    assert_eq!((level(26, false), level(26, true)), (Level::Open, Level::Open));
    assert_eq!((level(24, false), level(24, true)), (Level::Warn, Level::Warn));
    assert_eq!((level(16, false), level(16, true)), (Level::Warn, Level::Warn));
    assert_eq!((level(14, false), level(14, true)), (Level::Warn, Level::Frozen));
    assert_eq!((level(9, false), level(9, true)), (Level::Frozen, Level::Frozen));
    assert_eq!((level(4, false), level(4, true)), (Level::Critical, Level::Critical));
}

#[test]
fn no_traffic_spends_nothing_and_knows_no_rate() {
    let ledger = Ledger::new(MONTH, at(0));
    let standing = stand(&ledger, &three_nines(MONTH));
    let objective = &standing.objectives[0];
    assert_eq!((objective.left, objective.exhausted_in_ms, standing.level), (1.0, None, Level::Open));
    assert!(objective.burns.iter().all(|burn| burn.long.is_none() && !burn.fires));
    assert!(!standing.whole, "nothing is known of the window before");
}

#[test]
fn a_handful_of_failures_freezes_nothing() {
    let mut ledger = Ledger::new(MONTH, at(-40 * DAY));
    ledger.add(at(-DAY), served(100, 9));
    let standing = stand(&ledger, &three_nines(MONTH));
    assert!(standing.left() < -80.0, "it is said as it is");
    assert_eq!(standing.level, Level::Open);
    ledger.add(at(-DAY), served(1, 1));
    assert_eq!(stand(&ledger, &three_nines(MONTH)).level, Level::Critical);
}

#[test]
fn a_million_million_requests_are_counted_exactly() {
    let mut ledger = Ledger::new(MONTH, at(-40 * DAY));
    ledger.add(at(-DAY), served(1_000_000_000_000, 999_999_999));
    let objective = &stand(&ledger, &three_nines(MONTH)).objectives[0];
    assert_eq!((objective.total, objective.bad), (1_000_000_000_000, 999_999_999));
    assert!(objective.left > 0.0 && objective.left < 1e-6, "{}", objective.left);
    ledger.add(at(-DAY), Served { total: u64::MAX, ..Served::default() });
    assert_eq!(stand(&ledger, &three_nines(MONTH)).objectives[0].total, u64::MAX, "full is full, not zero");
}

#[test]
fn the_latency_objective_has_a_budget_of_its_own() {
    let latency = LatencyObjective { under: Duration::from_millis(300), target: 0.99 };
    let slo = SloSpec { latency: Some(latency), ..three_nines(MONTH) };
    let mut ledger = Ledger::new(MONTH, at(-40 * DAY));
    ledger.add(at(-DAY), Served { total: 10_000, failed: 1, timed: 9_999, slow: 98 });
    let standing = stand(&ledger, &slo);
    assert_eq!(standing.worst().unwrap().kind, ObjectiveKind::Latency);
    assert_eq!(standing.level, Level::Critical);
    assert!((standing.objectives[0].left - 0.9).abs() < 1e-9);
}

/// A freeze ends when what caused it has left the window, to the bucket.
#[test]
fn the_thaw_is_when_old_failures_leave() {
    let window = Duration::from_secs(60);
    let slo = SloSpec::availability(0.99, window);
    let mut ledger = Ledger::new(window, at(-HOUR));
    ledger.add(at(-40 * SECOND), served(1_000, 0));
    ledger.add(at(-30_500), served(1_000, 100));
    ledger.add(at(-20 * SECOND), served(1_000, 5));
    let standing = stand(&ledger, &slo);
    // The bucket of the failures began at -31 s and is a second long.
    assert_eq!((standing.level, standing.thaw_at), (Level::Critical, Some(at(30 * SECOND))));
    for ms in (0..30_000).step_by(250) {
        assert!(Standing::of(&ledger, &slo, true, at(ms)).level.is_frozen(), "{ms}");
    }
    assert_eq!(Standing::of(&ledger, &slo, true, at(30 * SECOND)).level, Level::Open);
}

#[test]
fn a_clock_that_was_set_back_loses_nothing() {
    let mut ledger = Ledger::new(MONTH, at(-40 * DAY));
    ledger.add(at(DAY), served(1_000, 500));
    ledger.add(at(0), served(1_000, 0));
    ledger.tidy(at(0));
    let standing = stand(&ledger, &three_nines(MONTH));
    assert_eq!((standing.objectives[0].total, standing.objectives[0].bad), (2_000, 500));
    assert!(standing.thaw_at.unwrap() >= at(31 * DAY));
}

#[test]
fn a_clock_that_jumps_ahead_lets_go_of_what_is_too_old_by_it() {
    let mut ledger = steady(1_000, 100);
    ledger.tidy(at(400 * DAY));
    assert!(ledger.buckets().is_empty());
    assert_eq!(Standing::of(&ledger, &three_nines(MONTH), true, at(400 * DAY)).level, Level::Open);
    ledger.add(at(400 * DAY), served(10, 0));
    assert_eq!(ledger.sum(HOUR, at(400 * DAY)).total, 10);
}

#[test]
fn a_longer_window_does_not_know_what_the_shorter_one_let_go() {
    let mut ledger = Ledger::new(Duration::from_secs(86_400), at(-40 * DAY));
    ledger.add(at(-3 * HOUR), served(10, 0));
    ledger.set_window(MONTH, at(0));
    let standing = stand(&ledger, &three_nines(MONTH));
    assert!(!standing.whole && ledger.since() == at(-DAY), "{:?}", ledger.since());
    assert_eq!(standing.objectives[0].total, 10);
}

fn sample(ok: u64, failed: u64, made_good: u64, micros: &[(u64, u64)]) -> Sample {
    let mut latency = Histogram(micros.iter().map(|(us, count)| (bucket_of_micros(*us), *count)).collect());
    latency.merge(&Histogram(vec![(bucket_of_micros(u64::MAX), failed)]));
    Sample {
        service: shop(),
        revision: RevisionDigest::from_sha256([1; 32]),
        generation: SplitGeneration(1),
        weight: Weight::ZERO,
        route: "GET /".to_owned(),
        warming: false,
        twin: None,
        chosen: false,
        outcomes: Outcomes { ok, server_error: failed, shielded: made_good, ..Outcomes::default() },
        latency,
    }
}

fn shop() -> ServiceName {
    ServiceName::try_from("shop".to_owned()).unwrap()
}

#[test]
fn what_was_made_good_is_no_failure_of_a_user() {
    let under = Some(Duration::from_millis(300));
    let sample = sample(90, 10, 7, &[(1_000, 80), (400_000, 10)]);
    let drawn = Tap::default().draw([sample].iter(), &shop(), under);
    assert_eq!(drawn.served, Served { total: 100, failed: 3, timed: 90, slow: 10 });
    assert_eq!(drawn.refund, Served::default());
}

/// A failure is reported at once, and the shield that made it good a tenth of a second later.
#[test]
fn a_shield_in_the_next_report_takes_the_failure_back() {
    let (mut tap, mut ledger) = (Tap::default(), Ledger::new(MONTH, at(0)));
    let first = tap.draw([sample(0, 1, 0, &[])].iter(), &shop(), None);
    let owed = ledger.take(at(0), first);
    tap.owe(owed);
    let later = tap.draw([sample(0, 0, 1, &[])].iter(), &shop(), None);
    assert_eq!(later.refund.failed, 1);
    assert_eq!(ledger.take(at(10 * SECOND), later), Served::default());
    assert_eq!(ledger.sum(HOUR, at(10 * SECOND)), Served { total: 1, ..Served::default() });
}

/// Another edge begins to count at zero: reports are differences, so nothing is taken back.
#[test]
fn an_edge_that_was_replaced_only_adds() {
    let (mut tap, mut ledger) = (Tap::default(), Ledger::new(MONTH, at(0)));
    for count in [1_000, 3] {
        let drawn = tap.draw([sample(count, 0, 0, &[])].iter(), &shop(), None);
        ledger.take(at(0), drawn);
    }
    assert_eq!(ledger.sum(HOUR, at(0)).total, 1_003);
}

#[test]
fn other_services_are_not_counted() {
    let blog = ServiceName::try_from("blog".to_owned()).unwrap();
    assert_eq!(Tap::default().draw([sample(5, 1, 0, &[])].iter(), &blog, None), Drawn::default());
}

fn spend(new: Served, old: Served, budget: &Ledger, slo: &SloSpec) -> RolloutSpend {
    RolloutSpend::of(&Side { new, old }, slo, &stand(budget, slo))
}

#[test]
fn a_rollout_pays_for_what_the_old_version_does_not_explain() {
    let slo = SloSpec { rollout_spend: Some(0.05), ..three_nines(MONTH) };
    let mut ledger = Ledger::new(MONTH, at(-40 * DAY));
    ledger.add(at(-DAY), served(1_000_000, 0));
    let bad = spend(served(1_000, 60), served(9_000, 0), &ledger, &slo);
    assert!(bad.exceeds(&slo) && bad.is_the_spender && (bad.share - 0.06).abs() < 1e-9, "{bad:?}");
    let shared = spend(served(1_000, 60), served(9_000, 540), &ledger, &slo);
    assert!(!shared.exceeds(&slo) && !shared.is_the_spender, "{shared:?}");
    assert!((shared.share - 0.06).abs() < 1e-9, "what users saw is said all the same");
    let few = spend(served(1_000, 9), served(9_000, 0), &Ledger::new(MONTH, at(0)), &slo);
    assert!(!few.exceeds(&slo), "a handful is no measure");
    assert_eq!(spend(served(10, 0), served(10, 5), &ledger, &slo).share, 0.0);
}

proptest! {
    /// Making buckets coarser moves neither a sum over the window nor the thaw that was announced.
    #[test]
    fn coarse_buckets_say_the_same_of_the_window(
        counts in proptest::collection::vec((0..4 * DAY, 1u64..200, 0u64..50), 1..60),
        later in 0..DAY,
    ) {
        let window = Duration::from_secs(4 * 86_400);
        let slo = SloSpec::availability(0.9, window);
        let mut fine = Ledger::new(window, at(-40 * DAY));
        for (age, total, failed) in &counts {
            fine.add(at(-age), served(*total + failed, *failed));
        }
        let mut coarse = fine.clone();
        coarse.tidy(at(0));
        coarse.tidy(at(later));
        prop_assert_eq!(fine.sum(4 * DAY, at(later)), coarse.sum(4 * DAY, at(later)));
        let (a, b) = (Standing::of(&fine, &slo, true, at(later)), Standing::of(&coarse, &slo, true, at(later)));
        prop_assert_eq!(a.thaw_at, b.thaw_at);
        prop_assert_eq!(a.level, b.level);
    }

    /// At the announced time the freeze is over, and it holds until then.
    #[test]
    fn the_announced_thaw_comes_true(
        counts in proptest::collection::vec((0..7 * 3_600 * SECOND, 1u64..200, 0u64..80), 1..60),
    ) {
        let window = Duration::from_secs(7 * 3_600);
        let slo = SloSpec::availability(0.9, window);
        let mut ledger = Ledger::new(window, at(-40 * DAY));
        for (age, total, failed) in &counts {
            ledger.add(at(-age), served(*total + failed, *failed));
        }
        if let Some(thaw) = Standing::of(&ledger, &slo, true, at(0)).thaw_at {
            prop_assert!(!Standing::of(&ledger, &slo, true, thaw).level.is_frozen());
            let before = Timestamp(thaw.0 - 1);
            prop_assert!(before < at(0) || Standing::of(&ledger, &slo, true, before).level.is_frozen());
        }
    }

    /// What is written down in pieces, whenever, is the ledger.
    #[test]
    fn changes_rebuild_the_ledger(
        steps in proptest::collection::vec((0i64..3 * HOUR, 1u64..100, any::<bool>(), any::<bool>()), 1..80),
    ) {
        let mut ledger = Ledger::new(MONTH, at(0));
        let mut written = std::collections::BTreeMap::new();
        let mut now = 0;
        for (pass, total, writes, fails) in steps {
            now += pass;
            ledger.add(at(now), served(total, 0));
            ledger.tidy(at(now));
            if writes {
                let changes = ledger.changes();
                if fails {
                    ledger.put_back(&changes);
                } else {
                    apply(&mut written, &changes);
                }
            }
        }
        apply(&mut written, &ledger.changes());
        let mut restored = Ledger::new(MONTH, at(now));
        restored.restore(at(0), written.into_values());
        prop_assert_eq!(restored.buckets(), ledger.buckets());
        prop_assert!(restored.changes().is_empty());
    }
}

fn apply(written: &mut std::collections::BTreeMap<i64, Bucket>, changes: &Changes) {
    for start in &changes.gone {
        written.remove(start);
    }
    written.extend(changes.written.iter().map(|bucket| (bucket.start, *bucket)));
}

/// 30 days of one bucket each ten seconds: bounded whatever the traffic.
#[test]
fn a_busy_month_is_a_few_thousand_buckets() {
    let mut ledger = Ledger::new(MONTH, at(-31 * DAY));
    for bucket in 0..(31 * 8_640) {
        let now = at(-31 * DAY + bucket * 10 * SECOND);
        ledger.add(now, served(100, 0));
        ledger.tidy(now);
    }
    assert!(ledger.buckets().len() < 3_700, "{}", ledger.buckets().len());
    let total = ledger.sum(30 * DAY, at(0)).total;
    assert!((259_200..=259_560).contains(&(total / 100)), "{total}");
}
