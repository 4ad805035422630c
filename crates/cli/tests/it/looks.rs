//! Every command that only looks, in every form it has.

use crate::rig::{Draft, Load, Project, said};

#[test]
fn what_happened_can_be_read_in_every_form() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    project.write(&Draft::release(2));
    project.run(&["plan", "--exit-code"]).exits(20).says("v1 → v2");
    assert_eq!(project.run(&["plan", "--output", "json"]).exits(0).json()["to"], "v2");

    let lines = project.run(&["deploy", "--output", "jsonl"]).exits(0).lines();
    let kinds: Vec<_> = lines.iter().filter_map(|line| line["body"]["event"].as_str()).collect();
    for kind in ["admitted", "step-entered", "step-passed", "bake-started", "succeeded"] {
        assert!(kinds.contains(&kind), "{kind} is not in {kinds:?}");
    }
    assert_eq!(lines.last().unwrap()["exit"], 0);
    project.deploy(&Draft::release(3).fault("errors")).exits(10);
    project.write(&Draft::release(4).fault("errors"));
    assert_eq!(project.run(&["deploy", "--output", "json"]).exits(10).json()["exit"], 10);

    project.run(&["history"]).exits(0).says("v1 → v2").says("succeeded").says("rolled-back");
    assert_eq!(project.run(&["history", "--output", "jsonl", "-n", "2"]).exits(0).lines().len(), 2);
    project.run(&["explain", "2"]).exits(0).says("v1 → v2");
    assert_ne!(project.run(&["explain", "99"]).says("99").exit, 0);
    project.run(&["logs", "--revision", "v2"]).exits(0).says("running 1 test");
    assert!(!project.run(&["logs", "--output", "json"]).exits(0).json().as_array().unwrap().is_empty());
    project.run(&["status"]).exits(0).says("healthy").says("v2 on");
    assert_ne!(project.run(&["status", "no-such-service"]).exit, 0);
    users.stop();

    project.run(&["doctor"]).exits(0).says("journal.chain").says("whole");
    let checks = project.run(&["doctor", "--output", "json"]).exits(0).json();
    assert!(checks["checks"].as_array().unwrap().iter().all(|check| check["state"] != "fail"), "{checks}");
    let exported = project.run(&["audit", "export"]).exits(0).lines();
    let audited = project.run(&["audit", "verify", "--output", "json"]).exits(0).json();
    assert_eq!(audited["entries"].as_u64().unwrap(), exported.len() as u64);
    project.down();
}

#[test]
fn what_needs_no_server_needs_none() {
    let empty = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| said::run(empty.path(), args);
    assert_eq!(run(&["schema"]).exits(0).json()["type"], "object");
    for shell in ["bash", "zsh", "fish"] {
        run(&["completions", shell]).exits(0).says("rollback");
    }
    run(&["--help"]).exits(0).says("demo").says("Exit status");
    run(&["--version"]).exits(0).says("staunch ");
    run(&["init", "--name", "my-api", "--run", "./my-api"]).exits(0);
    run(&["validate"]).exits(0);
    run(&["init"]).exits(2).says("--force");
    assert_ne!(run(&["audit", "verify"]).says("no journal").exit, 0);
    run(&["doctor"]).says("config.valid");
}
