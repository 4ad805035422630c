//! What the error budget decides, in every phase.

use std::time::Duration;

use staunch_analysis::budget::{Level, ObjectiveKind, RolloutSpend};
use staunch_model::{RolloutKind, SloSpec};

use super::commands::{in_phase, phases};
use super::fixture::START;
use crate::{
    BudgetCost, BudgetEvent, BudgetFacts, Cause, Event, FreezePass, Observed, Phase, Rollout, Service,
    Snapshot, WaitingOn, decide,
};

pub(super) fn charged() -> BudgetEvent {
    let cost = BudgetCost {
        objective: ObjectiveKind::Availability,
        bad: 6,
        share: Some(0.000_1),
        left: 0.71,
        window_ms: 30 * 86_400_000,
    };
    BudgetEvent::Charged { cost }
}

fn facts(level: Level, spend: Option<RolloutSpend>) -> BudgetFacts {
    BudgetFacts {
        slo: SloSpec {
            rollout_spend: Some(0.05),
            ..SloSpec::availability(0.999, Duration::from_secs(86_400))
        },
        level,
        left: 0.07,
        thaw_at: Some(START),
        spend,
        unknown: None,
    }
}

fn spend(excess_share: f64, is_the_spender: bool) -> RolloutSpend {
    let objective = ObjectiveKind::Availability;
    RolloutSpend { objective, bad: 60, excess: 60.0, share: excess_share, excess_share, is_the_spender }
}

fn pass(critical: bool) -> FreezePass {
    let text = str::to_owned;
    FreezePass { critical, by: text("anna"), approved_by: text("grace"), reason: text("checkout") }
}

fn goes_back(rollout: &Rollout, facts: &BudgetFacts) -> bool {
    let observed = Observed::default();
    let snapshot =
        Snapshot { now: START, observed: &observed, judgement: None, budget: Some(facts), fired: None };
    let events = decide(rollout, &snapshot);
    matches!(events.as_slice(), [Event::RollbackStarted { cause: Cause::Budget { .. }, .. }])
}

fn held_on(rollout: &Rollout, facts: &BudgetFacts) -> Option<WaitingOn> {
    let observed = Observed::default();
    let snapshot =
        Snapshot { now: START, observed: &observed, judgement: None, budget: Some(facts), fired: None };
    crate::budget::hold(rollout, &snapshot).map(|(on, _)| on)
}

#[test]
fn who_spends_more_than_one_rollout_may_goes_back_wherever_users_are() {
    for phase in phases() {
        let rollout = in_phase(phase.clone());
        let (more, less) =
            (facts(Level::Open, Some(spend(0.06, true))), facts(Level::Open, Some(spend(0.04, true))));
        assert_eq!(goes_back(&rollout, &more), phase.is_exposed(), "{phase:?}");
        assert!(!goes_back(&rollout, &less), "{phase:?}");
    }
}

#[test]
fn a_freeze_takes_the_spender_back_and_holds_the_others() {
    for level in [Level::Frozen, Level::Critical] {
        for phase in phases() {
            let rollout = in_phase(phase.clone());
            let before_users = phase == Phase::Preparing;
            assert_eq!(
                goes_back(&rollout, &facts(level, Some(spend(0.04, true)))),
                phase.is_exposed() || before_users,
                "{phase:?}"
            );
            let healthy = facts(level, Some(spend(0.0, false)));
            assert_eq!(goes_back(&rollout, &healthy), before_users, "{phase:?}");
            assert_eq!(held_on(&rollout, &healthy), Some(WaitingOn::Freeze));
        }
    }
}

#[test]
fn a_pass_opens_a_freeze_and_only_a_critical_fix_opens_the_last_part() {
    let mut rollout = in_phase(Phase::Preparing);
    rollout.pass = Some(pass(false));
    assert!(!goes_back(&rollout, &facts(Level::Frozen, None)));
    assert_eq!(held_on(&rollout, &facts(Level::Frozen, None)), None);
    assert!(goes_back(&rollout, &facts(Level::Critical, None)));
    rollout.pass = Some(pass(true));
    assert!(!goes_back(&rollout, &facts(Level::Critical, None)));
    assert_eq!(held_on(&rollout, &facts(Level::Critical, None)), None);
}

#[test]
fn a_rollback_by_a_person_is_neither_held_nor_taken_back() {
    for phase in phases() {
        let mut rollout = in_phase(phase);
        rollout.spec.kind = RolloutKind::Rollback;
        let worst = facts(Level::Critical, Some(spend(9.0, true)));
        assert!(!goes_back(&rollout, &worst));
        assert_eq!(held_on(&rollout, &worst), None);
        assert_eq!(held_on(&rollout, &BudgetFacts { unknown: Some("silent".to_owned()), ..worst }), None);
    }
}

#[test]
fn what_is_not_known_holds_and_takes_nothing_back() {
    let rollout = in_phase(phases()[2].clone());
    let unknown = BudgetFacts { unknown: Some("silent".to_owned()), ..facts(Level::Open, None) };
    assert!(!goes_back(&rollout, &unknown));
    assert_eq!(held_on(&rollout, &unknown), Some(WaitingOn::Source));
}

#[test]
fn a_freeze_is_the_services_and_outlives_its_rollouts() {
    let mut service = Service::new(in_phase(Phase::Pending).spec.service);
    let frozen = BudgetEvent::Frozen {
        level: Level::Critical,
        objective: ObjectiveKind::Latency,
        left: 0.02,
        thaw_at: Some(START),
    };
    assert!(
        frozen.line().contains("2.0 % of the latency budget is left: only critical fixes"),
        "{}",
        frozen.line()
    );
    service.apply(START, &Event::Budget { entry: frozen }).unwrap();
    assert_eq!(service.frozen, Some(Level::Critical));
    let read: Service = serde_json::from_str(&serde_json::to_string(&service).unwrap()).unwrap();
    assert_eq!(read, service);
    let thawed = BudgetEvent::Thawed { left: Some(0.16), because: "old failures left".to_owned() };
    service.apply(START, &Event::Budget { entry: thawed }).unwrap();
    assert_eq!(service.frozen, None);
    service.apply(START, &Event::Budget { entry: charged() }).unwrap_err();
}

#[test]
fn the_cost_reads_as_a_sentence() {
    let line =
        "6 requests of users broke the availability objective = 0.010 % of the 30-day budget (71 % left)";
    assert_eq!(charged().line(), line);
}
