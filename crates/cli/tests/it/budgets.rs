//! An error budget that real failures use up: it freezes, refuses, lets two people through, and thaws by itself.

use std::time::Duration;

use serde_json::Value;

use crate::rig::wire::Wire;
use crate::rig::{Draft, Load, Project, until, until_within};

/// Of 99.9 % over the window at 250 requests a second it is 15.
const BAD: usize = 100;
/// The window, and a busy machine.
const THAW: Duration = Duration::from_secs(120);

fn with_objective(release: u32) -> Draft {
    Draft::release(release).set("slo", "target", "'99.9%'").set("slo", "window", "'60s'")
}

fn fail(project: &Project, times: usize) {
    let mut wire = Wire::connect(project.listen).unwrap();
    for _ in 0..times {
        assert_eq!(wire.ask("POST", "/broken").unwrap().status, 500);
    }
}

fn budget(project: &Project) -> Value {
    project.run(&["budget", "--output", "json"]).exits(0).json()[0]["budget"].clone()
}

fn until_level(project: &Project, level: &str) -> Value {
    until_within(THAW, &format!("the level {level}"), || {
        Some(budget(project)).filter(|budget| budget["level"] == level)
    })
}

#[test]
fn a_spent_budget_freezes_lets_a_critical_fix_through_and_thaws_by_itself() {
    let mut project = Project::running(&with_objective(1));
    let users = Load::start(project.listen);
    users.passes(200);
    fail(&project, BAD);
    let frozen = until_level(&project, "critical");
    assert_eq!(frozen["objectives"][0]["bad_requests"], BAD);
    let announced = thaw(&frozen);

    project.write(&with_objective(2));
    project.run(&["plan"]).exits(0).says("slo (line").says("budget is frozen").says("exit 14");
    project.run(&["status"]).exits(0).says("budget critical").says("thaws at 20");
    let text = project.run(&["deploy"]).exits(14).says("only a critical fix passes");
    let refused = project.run(&["deploy", "--output", "json"]).exits(14).json();
    assert_eq!(refused["exit"], 14);
    // Good requests make it earlier, if anything.
    assert!(thaw(&refused) <= announced && text.err.contains("Z at the latest"), "{refused} {text:?}");
    project.run(&["deploy", "--critical-fix", "--reason", "checkout"]).exits(2).says("--approved-by");
    project.run(&["deploy", "--reason", "checkout", "--approved-by", "grace"]).exits(14);
    let fix = ["deploy", "--critical-fix", "--reason", "checkout", "--approved-by"];
    project.run(&[&fix[..], &["  "]].concat()).exits(2).says("second person");

    project.run(&[&fix[..], &["grace", "--timeout", "60s"]].concat()).exits(0);
    let explained = project.run(&["explain"]).exits(0).says("critical fix, by").says("and grace: checkout");
    explained.says("of the 1-minute budget");
    assert_eq!(project.service()["stable"], "v2");

    project.kill_control();
    project.up();
    let again = until_level(&project, "critical");
    assert!(thaw(&again) <= announced, "what was counted is still known: {again}");
    project.write(&with_objective(3));
    project.run(&["deploy"]).exits(14);

    until_level(&project, "open");
    let thawed = until("the thaw in the journal", || project.entries("budget-thawed").pop());
    let at = thawed["at"].as_str().unwrap();
    assert!(at <= later(&announced, 30).as_str(), "{thawed} {announced}");
    assert_eq!(project.entries("budget-frozen").len(), 1);
    project.run(&["deploy", "--timeout", "60s"]).exits(0);
    users.stop();
    project.audited();
    project.down();
}

fn thaw(budget: &Value) -> String {
    budget["thaw_at"].as_str().unwrap_or_else(|| panic!("{budget}")).to_owned()
}

/// The moment so many seconds later, as the same kind of text.
fn later(at: &str, seconds: i64) -> String {
    let at: jiff::Timestamp = at.parse().unwrap();
    format!("{:.3}", at + jiff::SignedDuration::from_secs(seconds))
}

#[test]
fn a_rollout_that_spends_the_budget_goes_back_at_its_cap() {
    let objective = |release| {
        Draft::release(release)
            .set("slo", "target", "'90%'")
            .set("slo", "window", "'10m'")
            .set("slo", "rollout-spend", "'1%'")
            .set("slo", "min-failures", "3")
            .set("edge", "shield", "false")
            // The gates are blind to it: only the cap sees what users lose.
            .set("gates", "error-rate", "{ max = '90%' }")
            .set("gates", "blast-radius", "'100%'")
            .set("canary", "steps", "[{ weight = 50, pause = true }, 100]")
            .set("triggers", "catastrophic", "'100%'")
            .set("evidence", "false-rollback", "'0.0001%'")
    };
    let mut project = Project::running(&objective(1));
    let users = Load::start(project.listen);
    users.passes(500);
    let deploy = project.deploy(&objective(2).fault("some-errors"));
    deploy.exits(10);
    let report = project.report();
    assert!(["budget", "harm-found", "gate-failed"].contains(&&*project.taken_back_by()), "{report}");
    assert!(report["budget_cost"]["bad_requests"].as_u64().unwrap() >= 3, "{report}");
    assert!(report["budget_cost"]["share_ratio"].as_f64().unwrap() > 0.01, "{report}");
    project.run(&["explain"]).exits(0).says("of the 10-minute budget");
    assert!(users.stop().failed_gets > 0, "the shield is off");
    project.down();
}

#[test]
fn a_rollback_is_never_frozen() {
    let mut project = Project::running(&with_objective(1));
    let users = Load::start(project.listen);
    project.deploy(&with_objective(2)).exits(0);
    fail(&project, BAD);
    until_level(&project, "critical");
    project.run(&["rollback", "--reason", "it fails"]).exits(0);
    assert_eq!(project.service()["stable"], "v1");
    users.stop();
    project.down();
}
