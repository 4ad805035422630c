//! A new version answers copies of requests before any user is on it: what it costs users, what is found.

use serde_json::Value;

use crate::rig::said::Said;
use crate::rig::{Draft, Load, Project};

/// Answers in which something changes each time.
const OFFERS: [(&str, &str); 2] = [("GET", "/offer"), ("POST", "/cart")];

/// A release with a shadow of a few hundred pairs. Pages name their release: they are not compared where that is not
/// the story.
fn release(number: u32) -> Draft {
    Draft::release(number)
        .set("shadow", "hold", "'500ms'")
        .set("shadow", "requests", "200")
        .set("shadow", "max-slower", "'+200%'")
        .set("shadow", "concurrency", "32")
        .set("edge", "shield-after", "'300ms'")
}

fn pages(number: u32) -> Draft {
    release(number).set("shadow", "ignore", "['body']")
}

fn shadow_of(report: &Value) -> &Value {
    let shadow = &report["judgement"]["shadow"];
    assert!(shadow.is_object(), "{report}");
    shadow
}

fn count(report: &Value, name: &str) -> u64 {
    shadow_of(report)["counts"][name].as_u64().unwrap()
}

/// Deploys while users go about, and is over when they have seen nothing of it.
fn deployed(project: &Project, draft: &Draft, walk: &'static [(&str, &str)]) -> Said {
    let users = Load::walking(project.listen, walk);
    let said = project.deploy(draft);
    users.passes(50);
    users.stop().unharmed();
    said
}

#[test]
fn a_good_shadow_goes_on_to_the_canary_and_volatile_values_do_not_count() {
    let mut project = Project::running(&release(1));
    let said = deployed(&project, &release(2), &OFFERS);
    said.exits(0).says("shadow: copies of requests").says("shadow passed").says("step 1").says("succeeded");
    let report = project.report();
    assert!(count(&report, "pairs") >= 200, "{report}");
    assert_eq!(count(&report, "different"), 0, "{report}");
    assert!(count(&report, "volatile") > 0, "{report}");
    let volatile = shadow_of(&report)["volatile"].to_string();
    assert!(["/request", "/at", "/items/*/id"].iter().all(|place| volatile.contains(place)), "{volatile}");
    // Nobody allowed a write to happen twice.
    let log = project.run(&["logs", "--revision", "v2", "-n", "1000"]).exits(0);
    assert!(!log.out.contains("a copied POST"), "{}", log.out);
    project.audited();
    project.down();
}

#[test]
fn another_answer_is_reported_with_examples_and_taken_back_before_any_user_saw_it() {
    let mut project = Project::running(&release(1));
    let said = deployed(&project, &release(2).fault("other-price"), &OFFERS);
    said.exits(10).says("shadow: differences");
    let report = project.report();
    assert_eq!(project.taken_back_by(), "shadow-failed");
    assert_eq!(report["cost"]["canary_requests"], 0);
    let example = &shadow_of(&report)["examples"][0];
    assert_eq!(example["path"], "/offer");
    let differences = example["differences"].as_array().unwrap();
    let price = differences.iter().find(|difference| difference["place"] == "/items/*/price");
    assert_eq!(
        price.map(|price| (price["stable"].clone(), price["shadow"].clone())),
        Some(("12".into(), "13".into()))
    );
    assert!(!report.to_string().contains("secret-"), "{report}");
    project.run(&["explain"]).exits(0).says("/items/*/price: 12 → 13").says("before any user saw it");
    project.run(&["status"]).exits(0).says("differs GET /offer");
    assert_eq!(project.service()["stable"], "v1");
    project.audited();
    project.down();
}

#[test]
fn a_shadow_that_hangs_costs_users_nothing() {
    let mut project = Project::running(&pages(1));
    let said = deployed(&project, &pages(2).fault("hangs"), &[("GET", "/"), ("GET", "/cart")]);
    said.exits(10).says("failed on the shadow alone");
    assert!(count(&project.report(), "dropped") > 0, "32 copies at a time are not all");
    project.audited();
    project.down();
}

#[test]
fn a_shadow_that_crashes_costs_users_nothing() {
    let mut project = Project::running(&pages(1));
    deployed(&project, &pages(2).fault("crashes-when-ready"), &[("GET", "/")]).exits(10).says("v2");
    assert_eq!(project.report()["cost"]["canary_requests"], 0);
    project.audited();
    project.down();
}

#[test]
fn a_shadow_that_never_stops_answering_costs_users_nothing() {
    let mut project = Project::running(&release(1));
    let said = deployed(&project, &release(2).fault("endless"), &[("GET", "/")]);
    said.exits(10).says("shadow: differences");
    project.audited();
    project.down();
}

#[test]
fn a_write_is_copied_when_the_file_says_so_and_the_copy_is_marked() {
    let draft = |number| pages(number).set("shadow", "methods", "['GET', 'POST']");
    let mut project = Project::running(&draft(1));
    project.run(&["validate"]).exits(0).says("copies of POST may write twice");
    deployed(&project, &draft(2), &[("GET", "/"), ("POST", "/cart")]).exits(0);
    project.run(&["logs", "--revision", "v2", "-n", "1000"]).exits(0).says("a copied POST");
    project.down();
}

#[test]
fn a_shadow_that_only_reports_ends_without_a_promotion() {
    let draft = |number| pages(number).set("shadow", "then", "'stop'");
    let mut project = Project::running(&draft(1));
    let said = deployed(&project, &draft(2), &[("GET", "/")]);
    said.exits(0).says("the shadow passed").says("was not promoted");
    let service = project.service();
    assert_eq!(
        (service["stable"].as_str(), service["rollout"]["phase"].as_str()),
        (Some("v1"), Some("shadowed"))
    );
    project.run(&["history"]).exits(0).says("shadowed");
    project.run(&["explain"]).exits(0).says("not promoted as asked");
    project.audited();
    project.down();
}

#[test]
fn a_shadow_can_be_aborted_and_lives_by_a_lease() {
    let draft = |number| pages(number).set("shadow", "hold", "'10m'").set("edge", "lease", "'1s'");
    let mut project = Project::running(&draft(1));
    let users = Load::reading(project.listen);
    let deploy = project.deploy_begins(&draft(2));
    project.until_phase("shadowing");
    let pairs =
        |project: &Project| project.service()["rollout"]["judgement"]["shadow"]["counts"]["pairs"].as_u64();
    crate::rig::until("compared pairs", || pairs(&project).filter(|pairs| *pairs > 0));
    crate::rig::processes::send(project.control(), rustix::process::Signal::STOP);
    // Longer than the lease: the edges have stopped to copy, and say so when control is back.
    users.passes(600);
    crate::rig::processes::send(project.control(), rustix::process::Signal::CONT);
    crate::rig::until("the lapse in the journal", || {
        project.run(&["explain"]).out.contains("control was silent").then_some(())
    });
    project.run(&["abort", "--reason", "enough"]).exits(0);
    deploy.wait().exits(11);
    users.stop().unharmed();
    assert_eq!(project.service()["stable"], "v1");
    project.audited();
    project.down();
}
