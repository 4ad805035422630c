//! What changes beside the code: a file, a value of the environment, and commands around the version.

use std::path::PathBuf;

use crate::rig::{Draft, Load, Project, until};

/// The sample app with its fault from elsewhere, and no version of its own.
fn fault_from(place: &str, project: &Project) -> String {
    let draft = Draft::release(1).set("", "files", "['shop.conf']");
    let text = draft.after(&format!("export APP_FAULT={place}")).text(project.listen);
    text.replacen("version = 'v1'\n", "", 1)
}

fn conf(project: &Project, fault: &str) {
    std::fs::write(project.app().join("shop.conf"), fault).unwrap();
}

#[test]
fn a_bad_value_in_a_file_or_the_environment_goes_back_like_bad_code() {
    let mut project = Project::new(&Draft::release(1));
    conf(&project, "none");
    project.write_text(&fault_from("$(cat shop.conf)", &project));
    project.up();
    let users = Load::start(project.listen);
    conf(&project, "errors");
    project.run(&["plan"]).exits(0).says("shop.conf changed");
    project.run(&["deploy", "--timeout", "60s"]).exits(10);
    project.run(&["explain"]).exits(0).says("shop.conf changed");
    assert_eq!(project.service()["stable"], "v1");

    conf(&project, "none");
    let bad = fault_from("${OTHER:-none}", &project).replacen("env = {", "env = { OTHER = 'errors',", 1);
    project.write_text(&bad);
    project.run(&["deploy", "--timeout", "60s"]).exits(10);
    project.run(&["explain"]).exits(0).says("environment OTHER changed");
    assert_eq!(project.service()["stable"], "v1");
    drop(users);
    project.audited();
    project.down();
}

fn log(project: &Project) -> PathBuf {
    project.dir().join("infra.log")
}

fn lines(project: &Project) -> Vec<String> {
    let text = std::fs::read_to_string(log(project)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Each command notes itself, then runs a script of its own.
fn with_infra(draft: Draft, project: &Project, scripts: [&str; 3]) -> Draft {
    let path = log(project).display().to_string();
    let command =
        |script: &str| format!("['sh', '-c', 'echo \"$STAUNCH_STEP $STAUNCH_VERSION\" >> {path}; {script}']");
    let [apply, verify, undo] = scripts.map(command);
    draft.set("infra", "apply", &apply).set("infra", "verify", &verify).set("infra", "undo", &undo)
}

#[test]
fn infrastructure_is_applied_before_the_version_and_undone_after_it() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    let good = with_infra(Draft::release(2), &project, ["echo made", "true", "true"]);
    project.deploy(&good).exits(0);
    assert_eq!(lines(&project), ["apply v2", "verify v2"]);
    project.run(&["explain"]).exits(0).says("infrastructure: apply done").says("made");

    let bad = with_infra(Draft::release(3).fault("errors"), &project, ["true", "true", "echo gone"]);
    project.deploy(&bad).exits(10);
    assert_eq!(lines(&project)[2..], ["apply v3", "verify v3", "undo v3"]);
    project.run(&["explain"]).exits(0).says("infrastructure: undo done").says("gone");

    let failing = with_infra(Draft::release(4), &project, ["echo no space left; exit 4", "true", "exit 5"]);
    project.deploy(&failing).exits(10).says("apply").says("no space left");
    assert_eq!(lines(&project)[5..], ["apply v4", "undo v4"]);
    project.run(&["explain"]).exits(0).says("exit status 4").says("undo failed");
    assert_eq!(project.service()["stable"], "v2");

    // A person goes back from it, and so does what belongs to it.
    project.run(&["rollback"]).exits(0);
    assert_eq!(lines(&project)[7..], ["undo v2"]);
    assert_eq!(project.service()["stable"], "v1");
    drop(users);
    project.audited();
    project.down();
}

#[test]
fn a_command_whose_end_was_not_seen_is_run_again() {
    let mut project = Project::running(&Draft::release(1));
    let users = Load::start(project.listen);
    let go = project.dir().join("go");
    let waits = format!("while [ ! -e {} ]; do sleep 0.05; done", go.display());
    let draft = with_infra(Draft::release(2), &project, [&waits, "true", "true"]);
    let deploy = project.deploy_begins(&draft);
    until("the first try", || (lines(&project) == ["apply v2"]).then_some(()));
    project.kill_control();
    project.start();
    until("the second try", || (lines(&project) == ["apply v2", "apply v2"]).then_some(()));
    std::fs::write(&go, "").unwrap();
    deploy.wait().exits(0);
    assert_eq!(lines(&project)[2..], ["verify v2"]);
    users.stop().unharmed();
    project.audited();
    project.down();
}
