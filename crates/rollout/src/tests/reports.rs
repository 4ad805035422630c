//! The report tells a whole rollout truly: golden texts of four endings.

use staunch_model::{InstanceId, Outcomes, RolloutKind, SplitGeneration};

use super::fixture::{START, Say, name, percent, revision, spec};
use crate::{Cause, Event, ExitCapture, FailureBundle, Recorded, Report, RouteRow};

fn recorded(events: Vec<(u64, Event)>) -> Vec<Recorded> {
    let at = |ms: u64| START.plus(std::time::Duration::from_millis(ms));
    events.into_iter().map(|(ms, event)| (at(ms), "staunch".to_owned(), event)).collect()
}

fn admitted(kind: RolloutKind, from: Option<u8>) -> Event {
    Event::Admitted {
        spec: Box::new(spec(2, kind, from, 2)),
        by: "anna".to_owned(),
        reason: None,
        given: vec![],
    }
}

fn shifted(share: f64, generation: u64) -> Event {
    Event::TrafficShifted { weight: percent(share), generation: SplitGeneration(generation) }
}

fn entered(step: usize, share: f64, generation: u64) -> Event {
    Event::StepEntered {
        step,
        weight: percent(share),
        generation: SplitGeneration(generation),
        replaces: None,
    }
}

fn back(cause: Cause, generation: u64) -> Event {
    Event::RollbackStarted { cause, generation: SplitGeneration(generation) }
}

fn gate_failed() -> Cause {
    let because = "canary 6.32 % (6 of 95), limit 1 %".to_owned();
    Cause::Gate { gate: "error-rate".to_owned(), because }
}

fn bundle(log: &[&str]) -> Event {
    let canary = Outcomes { assigned: 96, ok: 89, server_error: 6, shielded: 4, ..Outcomes::default() };
    let stable = Outcomes { assigned: 1_805, ok: 1_805, ..Outcomes::default() };
    let checkout = Outcomes { ok: 18, server_error: 6, ..Outcomes::default() };
    let good = Outcomes { ok: 452, ..Outcomes::default() };
    let row = |route: &str, canary| RouteRow { route: route.to_owned(), canary, stable: good };
    let exit = ExitCapture {
        instance: InstanceId::new(&name(), &revision(2).digest, 1).to_string(),
        pid: Some(41),
        state: "running".to_owned(),
        exits: vec![],
        probe: None,
        memory_bytes: 1,
        log: log.iter().map(|&line| line.to_owned()).collect(),
    };
    Event::EvidenceCaptured {
        bundle: Box::new(FailureBundle {
            judgement: Say::Fail.judgement(SplitGeneration(2)),
            canary,
            stable,
            routes: vec![row("POST /checkout", checkout), row("GET /orders/:id", Outcomes::default())],
            exits: vec![exit],
            ..FailureBundle::default()
        }),
    }
}

fn rollback() -> Vec<Recorded> {
    recorded(vec![
        (0, admitted(RolloutKind::Canary, Some(1))),
        (0, Event::PreparationStarted),
        (50, shifted(0.0, 0)),
        (500, entered(0, 5.0, 1)),
        (600, shifted(5.0, 1)),
        (1_600, Event::StepPassed { step: 0, by: None, reason: String::new(), gates: vec![] }),
        (1_600, entered(1, 25.0, 2)),
        (1_700, shifted(25.0, 2)),
        (3_800, back(gate_failed(), 3)),
        (3_800, bundle(&["panic at checkout.rs"])),
        (3_900, shifted(0.0, 3)),
        (4_100, bundle(&[])),
        (4_100, Event::RolledBack),
    ])
}

#[test]
fn a_rollback_is_told_with_its_numbers() {
    let report = Report::build(&rollback()).unwrap();
    assert_eq!(report.exposed_ms, Some(3_300));
    assert_eq!(report.step, Some((1, 25.0)));
    assert_eq!((report.cost.canary_requests, report.cost.failed, report.cost.all_at_once), (95, 6, 120));
    assert_eq!(report.unknown, ["GET /orders/:id"]);
    let expected = "\
rollout 2 · shop v1 → v2 · rolled back after 3.3 s at step 2 (25 %)

Because   gate error-rate failed: canary 6.32 % (6 of 95), limit 1 %
          e = 148, limit 99: 99 % sure
Where     route           failed as                  canary           stable
          POST /checkout  5xx                        6 / 24          0 / 452  new in canary
Log       shop-020202020202-1 pid 41 running
            panic at checkout.rs
Changed   command: ./shop 1 → ./shop 2
          shop changed
Unknown   GET /orders/:id had no canary requests; nothing is known of them
Cost      6 of 95 canary requests failed; 2 reached users, 4 were answered from stable
          all at once, the same time would have failed ≈ 120
Timeline  00:16:40.000 rollout 2: v1 → v2, by anna
          00:16:40.000 starting the new revision beside the old
          00:16:40.500 step 1: 5 %
          00:16:40.600 traffic: 5 % on the new revision
          00:16:41.600 step 1 passed
          00:16:41.600 step 2: 25 %
          00:16:41.700 traffic: 25 % on the new revision
          00:16:43.800 gate error-rate failed: canary 6.32 % (6 of 95), limit 1 %
          00:16:43.900 traffic: 0 % on the new revision
          00:16:44.100 rolled back
";
    let text: Vec<_> = report.text().lines().map(str::to_owned).collect();
    assert_eq!(text, expected.lines().collect::<Vec<_>>());
    let markdown = report.markdown();
    assert!(markdown.starts_with("## rollout 2 · shop v1 → v2 · rolled back after 3.3 s at step 2 (25 %)\n"));
    assert!(markdown.contains("**Cost**"));
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}

#[test]
fn a_lapse_does_not_end_the_exposure() {
    let mut events = rollback();
    let lapse = recorded(vec![(2_000, shifted(0.0, 2)), (2_200, shifted(25.0, 2))]);
    events.splice(8..8, lapse);
    assert_eq!(Report::build(&events).unwrap().exposed_ms, Some(3_300));
}

#[test]
fn a_start_that_fails_never_reached_a_user() {
    let why = "./shop: no such file".to_owned();
    let cause = Cause::CannotStart { instance: "shop-1".to_owned(), why };
    let events = recorded(vec![
        (0, admitted(RolloutKind::Canary, Some(1))),
        (0, Event::PreparationStarted),
        (100, back(cause, 1)),
        (200, shifted(0.0, 1)),
        (200, Event::RolledBack),
    ]);
    let report = Report::build(&events).unwrap();
    assert_eq!((report.exposed_ms, report.step), (None, None));
    assert_eq!(
        report.headline(),
        "rollout 2 · shop v1 → v2 · rolled back after 200 ms before any user saw it"
    );
    let text = report.text();
    assert!(text.contains("Because   shop-1 cannot start: ./shop: no such file\n"), "{text}");
    assert!(text.contains("Cost      no user request reached the new revision\n"), "{text}");
    assert!(!text.contains("traffic:"), "{text}");
}

/// From the admission to the bake, with every step.
fn promoted() -> Vec<(u64, Event)> {
    let generation = SplitGeneration(2);
    let at_once =
        |step| Event::StepPassed { step, by: Some("ben".to_owned()), reason: String::new(), gates: vec![] };
    vec![
        (0, admitted(RolloutKind::Canary, Some(1))),
        (0, Event::PreparationStarted),
        (500, entered(0, 5.0, 1)),
        (600, shifted(5.0, 1)),
        (900, at_once(0)),
        (900, Event::PromotionStarted { generation, by: Some("ben".to_owned()) }),
        (1_000, shifted(100.0, 2)),
        (1_000, Event::BakeStarted { until: START.plus(super::fixture::BAKE), alone: false }),
    ]
}

#[test]
fn a_promotion_claims_nothing_that_was_not_counted() {
    let mut events = promoted();
    events.push((3_000, Event::Succeeded { generation: SplitGeneration(3) }));
    let report = Report::build(&recorded(events)).unwrap();
    assert_eq!(report.headline(), "rollout 2 · shop v1 → v2 · promoted after 3.0 s");
    assert_eq!((report.because.as_ref(), report.exposed_ms), (None, Some(2_400)));
    let text = report.text();
    assert!(text.contains("promoted to 100 % by ben\n"), "{text}");
    assert!(!text.contains("Cost"), "nothing was captured, nothing is claimed: {text}");
}

#[test]
fn a_rollback_from_the_bake_was_at_100_percent() {
    let mut events = promoted();
    let cause = Cause::Aborted { by: "ben".to_owned(), reason: "checkout".to_owned() };
    events.extend([(2_000, back(cause, 3)), (2_100, shifted(0.0, 3)), (2_200, Event::RolledBack)]);
    let report = Report::build(&recorded(events)).unwrap();
    assert_eq!(report.headline(), "rollout 2 · shop v1 → v2 · rolled back after 1.5 s at step 4 (100 %)");
    assert_eq!(report.because.as_deref(), Some("aborted by ben: checkout"));
}

#[test]
fn the_first_revisions_users_come_with_its_promotion() {
    let generation = SplitGeneration(1);
    let events = recorded(vec![
        (0, admitted(RolloutKind::First, None)),
        (0, Event::PreparationStarted),
        (300, Event::PromotionStarted { generation, by: None }),
        (400, shifted(0.0, 1)),
        (500, Event::Succeeded { generation: SplitGeneration(2) }),
    ]);
    let report = Report::build(&events).unwrap();
    assert_eq!((report.exposed_ms, report.step, report.steps), (Some(100), Some((0, 100.0)), 1));
    assert!(report.text().contains("traffic: all of it on the new revision"));
}

#[test]
fn without_an_admission_there_is_no_report() {
    assert_eq!(Report::build(&recorded(vec![(0, Event::RolledBack)])), None);
}
