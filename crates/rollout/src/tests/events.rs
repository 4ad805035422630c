//! Every phase × every event, and the words for every cause.

use std::collections::BTreeSet;
use std::time::Duration;

use staunch_analysis::{Finding, Outcome};
use staunch_model::{InstanceId, RolloutId, RolloutKind, SmokeKey, SplitGeneration, TriggerCode};

use super::commands::{in_phase, phases};
use super::fixture::{START, percent, spec};
use crate::{Cause, Event, ExitRecord, FailureBundle, InfraStep};

fn text(text: &str) -> String {
    text.to_owned()
}

fn key() -> SmokeKey {
    SmokeKey { rollout: RolloutId(2), check: 0, instance: InstanceId("shop-1".to_owned()) }
}

/// The events that change something, then the facts for the reader.
fn changes() -> Vec<Event> {
    let generation = SplitGeneration(4);
    let spec = Box::new(spec(2, RolloutKind::Canary, Some(1), 2));
    vec![
        Event::Admitted { spec, by: text("anna"), reason: None, given: vec![] },
        Event::PreparationStarted,
        Event::StepEntered { step: 0, weight: percent(5.0), generation, replaces: None },
        Event::StepEntered { step: 1, weight: percent(25.0), generation, replaces: None },
        Event::StepEntered { step: 3, weight: percent(75.0), generation, replaces: None },
        Event::StepPassed { step: 0, by: None, reason: String::new(), gates: vec![] },
        Event::PromotionStarted { generation, by: None },
        Event::BakeStarted { until: START, alone: false },
        Event::SmokePassed { key: key(), line: text("./smoke.sh"), took_ms: 3 },
        Event::Succeeded { generation },
        Event::Paused { by: text("anna"), reason: text("") },
        Event::Resumed { by: text("anna"), reason: String::new() },
        Event::RollbackStarted { cause: Cause::Harm { because: text("all fails") }, generation },
        Event::RolledBack,
        Event::Rejected { because: text("frozen") },
        Event::ExposureLapsed { lapsed: SplitGeneration(3), generation },
        Event::InfraStarted { step: InfraStep::Apply },
    ]
}

fn facts() -> Vec<Event> {
    let exit = ExitRecord { at: START, status: text("exit status 1"), uptime_ms: 5 };
    vec![
        Event::Vetted { vetting: Box::default() },
        Event::TrafficShifted { weight: percent(5.0), generation: SplitGeneration(4) },
        Event::GateChanged { gate: text("error-rate"), outcome: Outcome::Pass, because: text("fine") },
        Event::FindingRaised { finding: Finding::SampleRatioMismatch { because: text("5 % became 9 %") } },
        Event::InstanceExited { instance: text("shop-1"), exit },
        Event::EvidenceCaptured { bundle: Box::new(FailureBundle::default()) },
    ]
}

/// One row per event of [`changes`], one column per phase of [`phases`]: `x` is legal.
const LEGAL: [&str; 17] = [
    "...........", // admitted: only to a service
    "x..........", // preparation
    ".x.........", // step 1
    "..x........", // step 2
    "...........", // a step that does not exist
    "..x........", // step 1 passed
    "..xx.......", // promotion
    "....x......", // bake
    ".x.........", // a check passed
    "....xxx....", // succeeded
    "..x..x.....", // paused
    "...x..x....", // resumed
    "xxxxxxx....", // rollback
    "........x..", // rolled back
    "x..........", // rejected
    "..xxxxx....", // lapse
    "xxxxxxx.x..", // a command around it
];

#[test]
fn every_event_is_legal_or_refused_and_changes_nothing() {
    for (event, row) in changes().iter().zip(LEGAL) {
        for (phase, cell) in phases().into_iter().zip(row.chars()) {
            let before = in_phase(phase);
            let mut after = before.clone();
            let applied = after.apply(START, event);
            assert_eq!(applied.is_ok(), cell == 'x', "{event:?} in {:?}", before.phase);
            if let Err(illegal) = applied {
                assert_eq!((illegal.event, illegal.phase), (event.kind(), before.phase.name()));
                assert_eq!(after, before);
            }
        }
    }
}

#[test]
fn facts_for_the_reader_change_nothing() {
    for phase in phases() {
        let before = in_phase(phase);
        for event in facts() {
            let mut after = before.clone();
            after.apply(START, &event).unwrap();
            assert_eq!(after, before);
        }
    }
}

#[test]
fn every_event_survives_the_journal_and_has_its_own_name() {
    let mut kinds = BTreeSet::new();
    for event in changes().into_iter().chain(facts()) {
        let line = serde_json::to_string(&event).unwrap();
        assert!(line.contains(&format!("\"event\":\"{}\"", event.kind())), "{line}");
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
        kinds.insert(event.kind());
    }
    assert_eq!(kinds.len(), 21);
}

#[test]
fn every_cause_has_a_code_and_a_sentence() {
    let after = Duration::from_secs(5);
    let rows = [
        (Cause::Gate { gate: text("g"), because: text("6 %") }, "gate-failed", "gate g failed: 6 %"),
        (Cause::Harm { because: text("all fails") }, "harm-found", "all fails"),
        (
            Cause::CannotStart { instance: text("a-1"), why: text("no file") },
            "cannot-start",
            "a-1 cannot start: no file",
        ),
        (
            Cause::SmokeFailed {
                line: text("./smoke.sh"),
                instance: text("a-1"),
                why: text("exit status 1"),
                output: vec![text("GET /"), text("got 500")],
            },
            "smoke-failed",
            "smoke `./smoke.sh` failed on a-1 with exit status 1: got 500",
        ),
        (
            Cause::NeverReady { after, last: text("HTTP 503") },
            "never-ready",
            "not ready after 5.0 s: HTTP 503",
        ),
        (
            Cause::CrashLoop { instance: text("a-1"), exits: 3, last: text("exit status 1") },
            "crash-loop",
            "a-1 is crash-looping: 3 exits, the last with exit status 1",
        ),
        (
            Cause::Unready { ready: 1, needed: 2, last: text("HTTP 503") },
            "unready",
            "only 1 of 2 instances are ready: HTTP 503",
        ),
        (
            Cause::Memory { instance: text("a-1"), bytes: 2_000_000, limit: 1_000_000 },
            "memory-limit",
            "a-1 uses 2 MB of memory, limit 1 MB",
        ),
        (
            Cause::Trigger { trigger: text("cpu"), code: TriggerCode::Resource, because: text("95 %") },
            "trigger-resource",
            "trigger cpu fired: 95 %",
        ),
        (
            Cause::Deadline { what: text("the step"), after },
            "deadline-passed",
            "the step did not end within 5.0 s",
        ),
        (Cause::NoData { gate: text("g"), because: text("silent") }, "no-data", "gate g has no data: silent"),
        (Cause::Aborted { by: text("ben"), reason: text("") }, "aborted", "aborted by ben"),
        (Cause::Superseded { by: text("ben") }, "superseded", "replaced by a newer deploy of ben"),
        (Cause::Unsupported { because: text("no h3") }, "unsupported", "no h3"),
        (Cause::Budget { because: text("spent") }, "budget", "spent"),
        (
            Cause::Infra { step: text("apply"), why: text("exit status 4") },
            "infra-failed",
            "the infrastructure step `apply` failed: exit status 4",
        ),
    ];
    for (cause, code, sentence) in &rows {
        assert_eq!((cause.code(), cause.sentence().as_str()), (*code, *sentence));
        assert_eq!(cause.is_personal(), matches!(*code, "aborted" | "superseded"));
        assert_eq!(&serde_json::from_str::<Cause>(&serde_json::to_string(cause).unwrap()).unwrap(), cause);
    }
    assert_eq!(rows.iter().map(|row| row.1).collect::<BTreeSet<_>>().len(), 16);
}

#[test]
fn every_kind_of_trigger_has_a_code_of_its_own() {
    let names: BTreeSet<_> = TriggerCode::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(names.len(), TriggerCode::ALL.len());
    assert!(names.iter().all(|name| name.starts_with("trigger-")));
}
