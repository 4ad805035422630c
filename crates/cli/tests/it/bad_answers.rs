//! A release that answers badly is found by its answers, taken back by itself, and `explain` names what it did.
//! Who only reads never notices, unless the answer had begun already.

use serde_json::Value;

use crate::rig::{Draft, Load, Project};

fn failed(report: &Value, kind: &str) -> u64 {
    let routes = report["routes"].as_array().unwrap();
    routes.iter().map(|route| route["canary"][kind].as_u64().unwrap()).sum()
}

fn route<'a>(report: &'a Value, name: &str) -> &'a Value {
    let routes = report["routes"].as_array().unwrap();
    routes
        .iter()
        .find(|route| route["route"] == name)
        .unwrap_or_else(|| panic!("{name} is not in {routes:?}"))
}

/// Three forms of one truth: by the answers, and by nothing else.
fn explained(project: &Project) -> Value {
    let report = project.report();
    assert!(["gate-failed", "harm-found"].contains(&&*project.taken_back_by()), "{report:#}");
    let because = report["back"]["because"].as_str().unwrap();
    project.run(&["explain"]).exits(0).says("rolled back").says(because);
    project.run(&["explain", "--markdown"]).exits(0).says("rolled back").says(because);
    report
}

#[test]
fn server_errors_hangs_and_resets_are_shielded_and_taken_back() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::reading(project.listen);
    let bad = |release, fault| project.deploy(&Draft::release(release).fault(fault)).exits(10);

    bad(2, "errors").says("rolled back");
    let report = explained(&project);
    assert!(failed(&report, "server_error") > 0, "{report:#}");
    assert_eq!(failed(&report, "server_error"), failed(&report, "failed"));
    assert!(report["failures"].as_array().unwrap().iter().all(|failure| failure["status"] == 500));
    assert!(report["cost"]["shielded"].as_u64().unwrap() > 0);

    bad(3, "resets").says("rolled back");
    let report = explained(&project);
    assert!(failed(&report, "reset") > 0, "{report:#}");

    let hangs = Draft::release(4).fault("hangs").set("edge", "shield-after", "'300ms'");
    project.deploy(&hangs).exits(10);
    let report = explained(&project);
    assert!(failed(&report, "timeout") > 0, "{report:#}");
    users.stop().unharmed();
    project.audited();
    project.down();
}

#[test]
fn half_answers_are_taken_back() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::reading(project.listen);
    project.deploy(&Draft::release(2).fault("half-body")).exits(10);
    let report = explained(&project);
    assert!(failed(&report, "reset") > 0, "{report:#}");
    let tally = users.stop();
    assert!(tally.failed_gets <= failed(&report, "failed"), "{tally:?}\n{report:#}");
    project.down();
}

#[test]
fn a_slow_release_is_taken_back_by_its_latency() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    let slow = Draft::release(2).fault("slow").set("gates", "latency-p95", "{ max-vs-stable = '+50%' }");
    project.deploy(&slow).exits(10).says("latency-p95");
    let report = explained(&project);
    let deciding = report["deciding"]["gate"].as_str().unwrap();
    assert!(deciding.starts_with("latency-p95"), "{report:#}");
    assert_eq!(report["cost"]["failed"], 0);
    users.stop().unharmed();
    project.down();
}

#[test]
fn a_release_that_is_bad_on_one_route_is_taken_back_and_the_route_is_named() {
    let strict = Draft::release(1).set("gates", "error-rate", "{ max = '2%' }");
    let mut project = Project::running(&strict);
    let users = Load::start(project.listen);
    let bad = Draft::release(2).fault("one-route").set("gates", "error-rate", "{ max = '2%' }");
    project.deploy(&bad).exits(10);
    let report = explained(&project);
    project.run(&["explain"]).exits(0).says("POST /checkout").says("500");
    let checkout = &route(&report, "POST /checkout")["canary"];
    assert_eq!(checkout["failed"].as_u64().unwrap(), failed(&report, "failed"), "{report:#}");
    assert_eq!(report["failures"][0]["route"], "POST /checkout");
    let tally = users.stop();
    tally.readers_unharmed();
    // What a user cannot be spared was counted, all of it.
    assert_eq!(tally.failed_posts, checkout["failed"].as_u64().unwrap(), "{tally:?}");
    project.down();
}
