//! Users who get the new version by name: alone at first, beside the others later, and back with everybody.

use std::net::SocketAddr;

use serde_json::Value;

use crate::rig::wire::{Answer, Wire};
use crate::rig::{Draft, Load, Project, until};

const BETA: &str = "x-beta: yes\r\n";

/// A release that only they have for a while.
fn release(number: u32) -> Draft {
    Draft::release(number)
        .set("canary.who", "header", "{ X-Beta = 'yes' }")
        .set("canary.who", "hold", "'300ms'")
        .set("canary.who", "requests", "20")
}

fn ask(listen: SocketAddr, method: &str, fields: &str) -> Option<Answer> {
    Wire::connect(listen).ok()?.ask_with(method, "/cart", fields).ok()
}

fn cohort(project: &Project) -> Option<Value> {
    let cohort = project.try_service()?["rollout"]["judgement"]["cohort"].clone();
    cohort.is_object().then_some(cohort)
}

#[test]
fn a_good_version_goes_to_them_alone_and_then_to_everybody() {
    let mut project = Project::running(&release(1));
    let users = Load::start(project.listen);
    project.write(&release(2));
    project.run(&["plan"]).exits(0).says("header X-Beta = yes").says("by name, alone until 20 requests");
    let deploy = project.deploy_begins(&release(2));
    project.until_phase("progressing");
    // Nobody else has it, and without them it does not go on.
    users.passes(150);
    project.run(&["status"]).exits(0).says("only who gets it by name").says("of 20 requests by name");
    let answers: Vec<_> = (0..5).filter_map(|_| ask(project.listen, "GET", BETA)).collect();
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    until("the end of the step that they have alone", || {
        ask(project.listen, "GET", BETA)?;
        (project.try_service()?["rollout"]["step"].as_u64()? > 0).then_some(())
    });
    deploy.wait().exits(0).says("step 1: only who gets it by name").says("step 2: 20 %");
    users.stop().unharmed();
    assert_eq!(project.service()["stable"], "v2");
    let cohort = project.report()["judgement"]["cohort"].clone();
    assert!(cohort["requests"].as_u64().is_some_and(|requests| requests >= 20), "{cohort}");
    assert_eq!(cohort["failed"], 0);
    project.run(&["explain"]).exits(0).says("By name").says("requests by name, 0 failed");
    project.run(&["history"]).exits(0).says("promoted; by name: header X-Beta = yes");
    project.audited();
    project.down();
}

#[test]
fn a_version_that_fails_them_is_taken_back_before_anybody_else_has_it() {
    let mut project = Project::running(&release(1));
    let users = Load::start(project.listen);
    let deploy = project.deploy_begins(&release(2).fault("errors").set("canary.who", "hold", "'10m'"));
    project.until_phase("progressing");
    let mut sent = 0;
    until("the version to be taken back", || {
        if project.try_service()?["rollout"]["back"].is_object() {
            return Some(());
        }
        for _ in 0..5 {
            sent += u64::from(ask(project.listen, "POST", BETA).is_some());
        }
        None
    });
    deploy.wait().exits(10);
    // They are back with everybody else at once.
    assert_eq!(ask(project.listen, "POST", BETA).unwrap().status, 200);
    let report = project.report();
    assert!(report["headline"].as_str().unwrap().contains("at step 1 (by name)"), "{report}");
    assert!(report["back"]["because"].as_str().unwrap().contains("by name"), "{report}");
    let requests = report["cost"]["canary_requests"].as_u64().unwrap();
    assert!(requests <= sent, "nobody else reached it: {report}");
    // Not even a POST of anybody who was not meant.
    users.stop().unharmed();
    project.audited();
    project.down();
}

#[test]
fn rules_that_catch_everybody_are_bounded_and_told() {
    let draft =
        |number| release(number).set("canary.who", "max-share", "'20%'").set("canary.who", "pause", "true");
    let mut project = Project::running(&draft(1));
    let users = Load::saying(project.listen, BETA);
    let deploy = project.deploy_begins(&draft(2));
    project.until_phase("progressing");
    users.passes(1_000);
    let cohort = until("what is above the bound", || {
        cohort(&project).filter(|cohort| cohort["surplus_requests"].as_u64() > Some(300))
    });
    assert!(cohort["share_ratio"].as_f64().unwrap() > 0.99, "{cohort}");
    // A hundred of a minute are always sent; else a fifth.
    assert!(cohort["requests"].as_u64() < cohort["surplus_requests"].as_u64(), "{cohort}");
    project.run(&["status"]).exits(0).says("at most 20 % are sent by name");
    project.run(&["promote", "--reason", "enough"]).exits(0);
    deploy.wait().exits(0).says("the rules fit 100 % of the requests");
    users.stop().unharmed();
    project.run(&["explain"]).exits(0).says("the rules fit 100 % of the requests");
    project.audited();
    project.down();
}

#[test]
fn an_allow_list_is_that_of_the_rollout_and_a_bad_one_is_refused_at_its_place() {
    let draft = |number| {
        Draft::release(number)
            .set("canary.who", "allow", "'testers.txt'")
            .set("canary.who", "allow-cookie", "'user'")
            .set("canary.who", "pause", "true")
    };
    let mut project = Project::running(&Draft::release(1));
    let list = project.app().join("testers.txt");
    project.write(&draft(2));
    project.run(&["validate"]).exits(3).says("allow-list").says("testers.txt");
    project.run(&["deploy"]).exits(3).says("the allow-list testers.txt");
    std::fs::write(&list, "anna\n".repeat(50_001)).unwrap();
    project.run(&["validate"]).exits(3).says("50 000 lines");
    std::fs::write(&list, "# testers\nanna\nbob\n").unwrap();
    project.run(&["validate"]).exits(0);
    let deploy = project.deploy_begins(&draft(2));
    project.until_phase("progressing");
    let gets = |user: &str| ask(project.listen, "GET", &format!("cookie: user={user}\r\n")).unwrap().body;
    until("anna on the new version", || gets("anna").contains("v2").then_some(()));
    std::fs::write(&list, "eve\n").unwrap();
    assert!(gets("bob").contains("v2") && gets("eve").contains("v1"));
    project.run(&["status"]).exits(0).says("cookie user in 2 of testers.txt");
    project.run(&["abort", "--reason", "seen"]).exits(0);
    deploy.wait().exits(11);
    until("anna on the old version", || gets("anna").contains("v1").then_some(()));
    project.audited();
    project.down();
}
