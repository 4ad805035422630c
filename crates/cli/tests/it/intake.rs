//! Reports of other tools decide whether a version meets users at all, and the score who decides it.

use std::path::Path;

use crate::rig::{Draft, Load, Project, until};

const PASSING: &str = include_str!("../../../checks/tests/data/pytest-passing.xml");
const FAILING: &str = include_str!("../../../checks/tests/data/pytest-failing.xml");
const LCOV: &str = include_str!("../../../checks/tests/data/coverage.lcov");

fn report(project: &Project, name: &str, text: &str) {
    std::fs::write(project.app().join(name), text).unwrap();
}

fn age(path: &Path, seconds: u64) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(seconds)).unwrap();
}

fn checked(number: u32) -> Draft {
    Draft::release(number).set("checks", "junit", "'junit*.xml'").set(
        "checks",
        "coverage",
        "{ file = 'lcov.info', min = '80%', required = false }",
    )
}

#[test]
fn a_version_is_refused_by_its_checks_and_let_through_when_they_pass() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    project.deploy(&checked(2)).exits(15).says("no report is at junit*.xml").says("checks.junit");
    report(&project, "junit-a.xml", PASSING);
    report(&project, "junit-b.xml", FAILING);
    project.deploy(&checked(2)).exits(15).says("2 of 12 tests failed").says("test_shop::test_rounding");
    report(&project, "junit-b.xml", &FAILING[..FAILING.len() / 2]);
    project.deploy(&checked(2)).exits(15).says("ends in the middle");
    report(
        &project,
        "junit-b.xml",
        "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'b'>]><testsuite name='&a;'/>",
    );
    project.deploy(&checked(2)).exits(15).says("entities");
    report(&project, "junit-b.xml", PASSING);
    // Nobody was bothered, and nothing was begun.
    assert_eq!(project.service()["rollout"]["id"], 1);

    // What is not required is told and refuses nothing.
    let plan = project.run(&["plan", "--output", "json"]).exits(0).json();
    assert_eq!(plan["vetting"]["checks"][0]["status"], "passed");
    assert_eq!(plan["vetting"]["checks"][1]["status"], "missing");
    project.deploy(&checked(2)).exits(0);
    project
        .run(&["explain"])
        .exits(0)
        .says("junit passed: 10 tests ran")
        .says("coverage missing (not required)");
    users.stop().unharmed();
    project.audited();
    project.down();
}

#[test]
fn a_report_of_another_content_is_stale() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    report(&project, "server.conf", "workers = 2\n");
    report(&project, "junit.xml", PASSING);
    age(&project.app().join("junit.xml"), 60);
    let draft = checked(2).set("", "files", "['server.conf']");
    project.deploy(&draft).exits(15).says("junit.xml is older than server.conf");
    project.deploy(&draft.set("checks", "fresh", "'any'")).exits(0);
    users.stop().unharmed();
    project.down();
}

#[test]
fn the_score_lets_go_asks_or_refuses() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    report(&project, "junit.xml", PASSING);
    report(&project, "lcov.info", LCOV);
    let sure = checked(2).set("confidence", "proceed", "80");
    let plan = {
        project.write(&sure);
        project.run(&["plan", "--output", "json"]).exits(0).json()
    };
    let told = &plan["vetting"]["confidence"];
    assert_eq!(told["advice"], "proceed");
    let points: f64 = told["factors"].as_array().unwrap().iter().map(|f| f["points"].as_f64().unwrap()).sum();
    assert_eq!(points as u64, told["score"].as_u64().unwrap());
    project.deploy(&sure).exits(0);

    // Without a report nothing is known, and a person decides at the first step.
    let asks = Draft::release(3).set("confidence", "proceed", "80");
    let deploy = project.deploy_begins(&asks);
    project.until_canary_has_traffic();
    until("waiting for a person", || {
        (project.try_service()?["rollout"]["waiting"]["on"] == "approval").then_some(())
    });
    assert_eq!(project.service()["canary_weight_ratio"], 0.2);
    project.run(&["promote", "--reason", "looks fine"]).exits(0);
    deploy.wait().exits(0);
    project.run(&["explain"]).exits(0).says("a person decides at the first step").says("blast-radius");

    let low = Draft::release(4).set("confidence", "ask", "79").set("confidence", "proceed", "80");
    project.deploy(&low).exits(15).says("confidence-low").says("below 79 a version is refused");
    assert_eq!(project.service()["stable"], "v3");
    users.stop().unharmed();
    project.audited();
    project.down();
}
